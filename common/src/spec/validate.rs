//! The rules that a spec must keep, whoever made it.

use std::collections::HashMap;

use super::problem::{Problem, error_of, nearest};
use super::tree::short;
use super::{
    DedupSpec, JobSpec, LimitsSpec, OnShortfall, ReportSpec, Role, SourceDedup, SourceSpec, TextFormat,
    TokenFormat, families,
};
use crate::error::Result;

/// Shorter shards cost more in files and calls than they win in parallelism.
const MIN_SHARD_BYTES: u64 = 64 << 10;
/// Below this the sort of a single band no longer gets anywhere.
const MIN_RESOLVE_MEMORY: u64 = 1 << 20;
/// Names become parts of file names, whose limit is 255 bytes.
const MAX_NAME: usize = 128;
/// Characters of the name of an index at most.
pub const MAX_INDEX_NAME: usize = 100;

/// The rule that a name breaks, if it breaks one: names stand in file names and on command lines.
///
/// # Errors
/// The rule and the name.
pub fn check_name(name: &str, most: usize) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_good = name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= most;
    match is_good {
        true => Ok(()),
        false => Err(format!(
            "must be 1 to {most} ASCII letters, digits, `-`, `_` or `.`, the first a letter or digit, got `{}`",
            short(name)
        )),
    }
}

impl JobSpec {
    /// Checks every rule.
    ///
    /// # Errors
    /// One `Class::Spec` that lists every problem, one a line, with key, rule and value.
    pub fn validate(&self) -> Result<()> {
        match self.problems() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(error_of(&self.name, problems)),
        }
    }

    /// All broken rules, in the order of the sections.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut rules = Rules::default();
        rules.name("name", &self.name);
        if let Some(tokenizer) = &self.tokenizer {
            rules.require(!tokenizer.path.is_empty(), "tokenizer.path", || "must not be empty".to_owned());
            let eos = tokenizer.eos.as_deref();
            rules.require(eos != Some(""), "tokenizer.eos", || "must name a token".to_owned());
        }
        self.check_sources(&mut rules);
        families::check("filter", &self.filter.filters, &mut rules);
        check_dedup(&self.dedup, &mut rules);
        self.check_mix(&mut rules);
        self.check_output(&mut rules);
        check_report(&self.report, &mut rules);
        let run = &self.run;
        rules.at_least("run.shard_bytes", run.shard_bytes, MIN_SHARD_BYTES, " (64 KiB)");
        rules.at_least("run.max_attempts", u64::from(run.max_attempts), 1, "");
        rules.require((0.0..=1.0).contains(&run.max_bad_share), "run.max_bad_share", || {
            format!("must be 0 to 1, got `{}`", run.max_bad_share)
        });
        check_limits(&self.limits, &mut rules);
        rules.0
    }

    fn check_sources(&self, rules: &mut Rules) {
        rules.require(!self.sources.is_empty(), "source", || "needs at least one [[source]]".to_owned());
        let most = usize::from(u16::MAX);
        let count = self.sources.len();
        rules.require(count <= most, "source", || format!("must be at most {most} sources, got {count}"));
        rules.require(self.sources.is_empty() || self.written_sources().next().is_some(), "source", || {
            "needs one that is written: all have dedup = \"check\"".to_owned()
        });
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (i, source) in self.sources.iter().enumerate() {
            check_source(source, i, rules);
            let earlier = *first.entry(&source.name).or_insert(i);
            rules.require(earlier == i || source.name.is_empty(), format!("source[{i}].name"), || {
                format!("must be unique, got `{}`, the name of source[{earlier}]", short(&source.name))
            });
        }
    }

    fn check_mix(&self, rules: &mut Rules) {
        let Some(mix) = self.mixture() else { return };
        let bounded = self.sources.iter().position(|source| source.max_tokens.is_some());
        let key = match (&self.mix, bounded) {
            (None, Some(source)) => format!("source[{source}].max_tokens"),
            _ => "mix".to_owned(),
        };
        rules.require(self.tokenizer.is_some(), key, || {
            "needs a tokenizer, since its budget is tokens: add [tokenizer] path".to_owned()
        });
        if let Some((domain, general)) = mix.domain_to_general {
            for (role, word) in [(Role::Domain, "domain"), (Role::General, "general")] {
                let found = self.written_sources().any(|source| source.role == role);
                rules.require(found, "source", || {
                    format!("needs one with role = \"{word}\", since [mix] takes from both roles")
                });
            }
            let positive = [domain, general].iter().all(|part| part.is_finite() && *part > 0.0);
            rules.require(positive, "mix.domain_to_general", || {
                format!("must be two positive numbers like \"1:5\", got `{domain}:{general}`")
            });
        }
        rules.require(mix.max_tokens != Some(0), "mix.max_tokens", || {
            "must be at least 1, got `0`".to_owned()
        });
        let has_shares = mix.domain_to_general.is_some() || mix.weights.is_some();
        rules.require(has_shares || mix.on_shortfall == OnShortfall::KeepAll, "mix.on_shortfall", || {
            "holds a ratio, and none is named: set `domain_to_general` or `weights` too".to_owned()
        });
        let Some(weights) = &mix.weights else { return };
        rules.require(mix.domain_to_general.is_none(), "mix.weights", || {
            "must not stand beside `mix.domain_to_general`: each says alone what the shares are".to_owned()
        });
        for source in self.written_sources() {
            rules.require(weights.contains_key(&source.name), "mix.weights", || {
                format!("must name every source that is written, `{}` is missing", short(&source.name))
            });
        }
        for (name, weight) in weights {
            let key = format!("mix.weights.{name}");
            let known = self.written_sources().any(|source| source.name == *name);
            rules.require(known, key.as_str(), || {
                let names: Vec<&str> = self.written_sources().map(|source| source.name.as_str()).collect();
                match nearest(name, &names) {
                    Some(best) => format!("is no source that is written; did you mean `{best}`?"),
                    None => format!("is no source that is written; those are: {}", names.join(", ")),
                }
            });
            rules.require(weight.is_finite() && *weight > 0.0, key, || {
                format!("must be a positive number, got `{weight}`")
            });
        }
    }

    fn written_sources(&self) -> impl Iterator<Item = &SourceSpec> {
        self.sources.iter().filter(|source| source.dedup != SourceDedup::Check)
    }

    fn check_output(&self, rules: &mut Rules) {
        let output = &self.output;
        rules.require(!output.uri.is_empty(), "output.uri", || "must not be empty".to_owned());
        let has_tokens = output.tokens != TokenFormat::None;
        rules.require(!has_tokens || self.tokenizer.is_some(), "output.tokens", || {
            "needs a tokenizer: add [tokenizer] path, or set tokens = \"none\"".to_owned()
        });
        rules.require(has_tokens || output.text != TextFormat::None, "output", || {
            "must write text or tokens: `text` and `tokens` are both none".to_owned()
        });
        let level = output.level;
        rules
            .require((1..=19).contains(&level), "output.level", || format!("must be 1 to 19, got `{level}`"));
    }
}

fn check_limits(limits: &LimitsSpec, rules: &mut Rules) {
    // A record is held in memory by each slot, and its length in 32 bits.
    let most = 2 << 30;
    let record = limits.record_bytes;
    rules.require((1..=most).contains(&record), "limits.record_bytes", || {
        format!("must be 1 byte to 2 GiB, got `{record}`")
    });
    rules.at_least("limits.json_depth", u64::from(limits.json_depth), 1, "");
    rules.at_least("limits.expansion", limits.expansion, 1, "");
    // What zstd can do.
    let window = limits.window_bytes;
    rules.require((1 << 10..=2 << 30).contains(&window), "limits.window_bytes", || {
        format!("must be 1 KiB to 2 GiB, got `{window}`")
    });
    rules.at_least("limits.page_bytes", limits.page_bytes, 1, "");
    rules.at_least("limits.row_group_bytes", limits.row_group_bytes, 1, "");
    rules.at_least("limits.inputs", limits.inputs, 1, "");
}

fn check_source(source: &SourceSpec, i: usize, rules: &mut Rules) {
    let key = |name: &str| format!("source[{i}].{name}");
    rules.name(key("name"), &source.name);
    rules.require(!source.inputs.is_empty(), key("inputs"), || "must not be empty".to_owned());
    for (j, input) in source.inputs.iter().enumerate() {
        rules.require(!input.is_empty(), key(&format!("inputs[{j}]")), || "must not be empty".to_owned());
    }
    rules.require(!source.text_field.is_empty(), key("text_field"), || "must not be empty".to_owned());
    rules.require(!source.id_field.is_empty(), key("id_field"), || "must not be empty".to_owned());
    rules.require(source.max_tokens != Some(0), key("max_tokens"), || {
        "must be at least 1, got `0`".to_owned()
    });
    let known = encoding_rs::Encoding::for_label_no_replacement(source.encoding.as_bytes()).is_some();
    rules.require(known, key("encoding"), || {
        let label = short(&source.encoding);
        format!("must be a WHATWG label like utf-8, gb18030, big5 or windows-1252, got `{label}`")
    });
    let separator = source.csv_delimiter;
    let fits = separator.is_ascii() && !matches!(separator, '"' | '\r' | '\n' | '\0');
    rules.require(fits, key("csv_delimiter"), || {
        format!("must be one ASCII character, no quote and no line end, got `{}`", separator.escape_default())
    });
}

fn check_dedup(dedup: &DedupSpec, rules: &mut Rules) {
    let params = &dedup.params;
    let threshold = params.threshold;
    if dedup.near && params.verify {
        rules.require((0.5..=0.95).contains(&threshold), "dedup.threshold", || {
            format!("must be 0.5 to 0.95 where near duplicates are verified, got `{threshold}`")
        });
    } else {
        rules.require(threshold > 0.0 && threshold <= 1.0, "dedup.threshold", || {
            format!("must be above 0 and at most 1, got `{threshold}`")
        });
    }
    rules.at_least("dedup.shingle", u64::from(params.shingle), 1, "");
    let k = params.k;
    rules.require((16..=1024).contains(&k), "dedup.k", || format!("must be 16 to 1024, got `{k}`"));
    let (bands, rows) = (params.bands, params.rows);
    for (key, value, other) in [("dedup.bands", bands, "rows"), ("dedup.rows", rows, "bands")] {
        rules.require(value >= 1, key, || {
            format!("must be at least 1 and set together with `dedup.{other}` (or neither: they follow from the threshold)")
        });
    }
    rules.require(u64::from(bands) * u64::from(rows) <= u64::from(k), "dedup.bands", || {
        format!("times `dedup.rows` must be at most `dedup.k` (`{k}`), got `{bands}` x `{rows}`")
    });
    if let Some(index) = &dedup.index {
        rules.checked("dedup.index", check_name(index, MAX_INDEX_NAME));
    }
    rules.at_least("dedup.resolve_memory", dedup.resolve_memory, MIN_RESOLVE_MEMORY, " (1 MiB)");
}

fn check_report(report: &ReportSpec, rules: &mut Rules) {
    let share = |share: f64| (0.0..=1.0).contains(&share);
    let shares = [
        ("ratio_tolerance", Some(report.ratio_tolerance)),
        ("max_near_duplicates", Some(report.max_near_duplicates)),
        ("max_divergence", report.max_divergence),
        ("min_novelty", report.min_novelty),
        ("min_lexicon_coverage", report.min_lexicon_coverage),
        ("max_noise", report.max_noise),
    ];
    for (key, value) in shares {
        let value = value.unwrap_or_default();
        rules
            .require(share(value), format!("report.{key}"), || format!("must be from 0 to 1, got `{value}`"));
    }
    rules.require(report.min_lexicon_coverage.is_none() || !report.lexicon.is_empty(), "report", || {
        "has `min_lexicon_coverage` but no `lexicon`: name the files of its terms".to_owned()
    });
    for (i, file) in report.lexicon.iter().enumerate() {
        rules.require(!file.is_empty(), format!("report.lexicon[{i}]"), || "must not be empty".to_owned());
    }
    rules.at_least("report.sequence_length", report.sequence_length, 1, "");
    rules.at_least("report.batch_sequences", report.batch_sequences, 1, "");
}

#[derive(Default)]
pub(super) struct Rules(Vec<Problem>);

impl Rules {
    pub(super) fn require(&mut self, kept: bool, key: impl Into<String>, rule: impl FnOnce() -> String) {
        if !kept {
            self.0.push(Problem::new(key, rule()));
        }
    }

    fn at_least(&mut self, key: &str, value: u64, least: u64, said: &str) {
        self.require(value >= least, key, || format!("must be at least {least}{said}, got `{value}`"));
    }

    fn checked(&mut self, key: impl Into<String>, kept: Result<(), String>) {
        if let Err(rule) = kept {
            self.0.push(Problem::new(key, rule));
        }
    }

    fn name(&mut self, key: impl Into<String>, name: &str) {
        self.checked(key, check_name(name, MAX_NAME));
    }
}
