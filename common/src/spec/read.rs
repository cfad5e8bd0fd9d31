//! From the text of a spec to its structs: every key of every section, with its default.

use super::problem::{Problem, error_of};
use super::reader::{Reader, Section};
use super::tree::{self, Node};
use super::{
    DedupSpec, JobSpec, Keep, KeepWork, LimitsSpec, MixSpec, OnBadRecord, OnCorrupt, OnShortfall, OutputSpec,
    ReportSpec, Role, RunSpec, SourceDedup, SourceSpec, TextFormat, TokenFormat, TokenizerSpec, TxtUnit,
    families,
};
use crate::dedup::DedupParams;
use crate::error::Result;
use crate::shard::Format;

const ROLES: [(&str, Role); 2] = [("domain", Role::Domain), ("general", Role::General)];
const FORMATS: [(&str, Format); 4] =
    [("jsonl", Format::Jsonl), ("parquet", Format::Parquet), ("csv", Format::Csv), ("txt", Format::Txt)];
const TXT_UNITS: [(&str, TxtUnit); 3] =
    [("file", TxtUnit::File), ("line", TxtUnit::Line), ("block", TxtUnit::Block)];
const SOURCE_DEDUP: [(&str, SourceDedup); 3] =
    [("full", SourceDedup::Full), ("check", SourceDedup::Check), ("none", SourceDedup::None)];
const KEEP: [(&str, Keep); 2] = [("first", Keep::First), ("longest", Keep::Longest)];
const ON_SHORTFALL: [(&str, OnShortfall); 2] =
    [("keep_all", OnShortfall::KeepAll), ("hold_ratio", OnShortfall::HoldRatio)];
const TEXT_FORMATS: [(&str, TextFormat); 3] =
    [("jsonl.zst", TextFormat::JsonlZst), ("parquet", TextFormat::Parquet), ("none", TextFormat::None)];
const TOKEN_FORMATS: [(&str, TokenFormat); 4] = [
    ("megatron", TokenFormat::Megatron),
    ("npy", TokenFormat::Npy),
    ("parquet", TokenFormat::Parquet),
    ("none", TokenFormat::None),
];
const ON_BAD_RECORD: [(&str, OnBadRecord); 2] = [("drop", OnBadRecord::Drop), ("fail", OnBadRecord::Fail)];
const ON_CORRUPT: [(&str, OnCorrupt); 2] = [("fail", OnCorrupt::Fail), ("skip", OnCorrupt::Skip)];
const KEEP_WORK: [(&str, KeepWork); 3] =
    [("all", KeepWork::All), ("index", KeepWork::Index), ("nothing", KeepWork::Nothing)];

impl JobSpec {
    /// Reads a spec as people write it: TOML or JSON, told by the extension of `file_name`, else by its first
    /// character. Relative paths stay relative: see [`JobSpec::absolutize`].
    ///
    /// # Errors
    /// One `Class::Spec` that lists every problem, one a line, with line (TOML), key, rule and value.
    pub fn parse(text: &str, file_name: &str) -> Result<Self> {
        let tree = match tree::is_json(text, file_name) {
            true => tree::from_json(text).map_err(|problem| vec![problem]),
            false => tree::from_toml(text),
        };
        let tree = tree.map_err(|problems| error_of(file_name, problems))?;
        read(&tree).map_err(|problems| error_of(file_name, problems))
    }

    /// Reads the canonical JSON that crosses the wire.
    ///
    /// # Errors
    /// As [`JobSpec::parse`].
    pub fn from_json(text: &str) -> Result<Self> {
        Self::parse(text, "job.json")
    }
}

fn read(tree: &Node) -> Result<JobSpec, Vec<Problem>> {
    let reader = Reader::default();
    let spec = job(Section::root(&reader, tree));
    let problems = reader.into_problems(spec.problems());
    if problems.is_empty() { Ok(spec) } else { Err(problems) }
}

fn job(root: Section<'_>) -> JobSpec {
    let tokenizer = root.section("tokenizer").map(tokenizer);
    let default_tokens = match tokenizer {
        Some(_) => TokenFormat::Megatron,
        None => TokenFormat::None,
    };
    let spec = JobSpec {
        name: root.required_text("name"),
        tokenizer,
        sources: root.sections("source").into_iter().map(source).collect(),
        clean: root.section("clean").map(families::cleaners).unwrap_or_default(),
        filter: root.section("filter").map(families::filters).unwrap_or_default(),
        dedup: root.section("dedup").map(dedup).unwrap_or_default(),
        mix: root.section("mix").map(mix),
        output: output(root.required_section("output"), default_tokens),
        report: root.section("report").map(report).unwrap_or_default(),
        run: root.section("run").map(run).unwrap_or_default(),
        limits: root.section("limits").map(limits).unwrap_or_default(),
    };
    root.finish();
    spec
}

fn tokenizer(section: Section<'_>) -> TokenizerSpec {
    let spec = TokenizerSpec {
        path: section.required_text("path"),
        eos: section.text("eos"),
        add_special_tokens: section.flag("add_special_tokens", false),
    };
    section.finish();
    spec
}

fn source(section: Section<'_>) -> SourceSpec {
    let one_char = |text: &str| {
        let mut chars = text.chars();
        chars.next().filter(|_| chars.next().is_none())
    };
    let spec = SourceSpec {
        name: section.required_text("name"),
        role: section.choice("role", &ROLES).unwrap_or(Role::Domain),
        inputs: section.required_texts("inputs"),
        text_field: section.text("text_field").unwrap_or_else(|| "text".to_owned()),
        id_field: section.text("id_field").unwrap_or_else(|| "id".to_owned()),
        format: section.choice("format", &FORMATS),
        encoding: section.text("encoding").unwrap_or_else(|| "utf-8".to_owned()),
        url_field: section.text("url_field").unwrap_or_else(|| "url".to_owned()),
        txt_unit: section.choice("txt_unit", &TXT_UNITS).unwrap_or(TxtUnit::File),
        csv_delimiter: section
            .parsed("csv_delimiter", "must be one ASCII character", one_char)
            .unwrap_or(','),
        dedup: section.choice("dedup", &SOURCE_DEDUP).unwrap_or(SourceDedup::Full),
        max_tokens: section.integer("max_tokens"),
    };
    section.finish();
    spec
}

fn dedup(section: Section<'_>) -> DedupSpec {
    let default = DedupSpec::default();
    let threshold = section.number("threshold", default.params.threshold);
    let k = section.integer("k").unwrap_or(default.params.k);
    // Out of range they are reported; bands need something sane meanwhile.
    let (derived_bands, derived_rows) = match threshold > 0.0 && threshold <= 1.0 && (16..=1024).contains(&k)
    {
        true => crate::dedup::derive_bands(threshold, k),
        false => (1, 1),
    };
    // One of the two alone says nothing of the other: it is a broken rule, with 0 for the one that is missing.
    let by_hand = section.has("bands") || section.has("rows");
    let (default_bands, default_rows) = if by_hand { (0, 0) } else { (derived_bands, derived_rows) };
    let spec = DedupSpec {
        exact: section.flag("exact", default.exact),
        near: section.flag("near", default.near),
        params: DedupParams {
            threshold,
            shingle: section.integer("shingle").unwrap_or(default.params.shingle),
            k,
            bands: section.integer("bands").unwrap_or(default_bands),
            rows: section.integer("rows").unwrap_or(default_rows),
            verify: section.flag("verify", default.params.verify),
        },
        keep: section.choice("keep", &KEEP).unwrap_or(default.keep),
        index: section.text("index"),
        register: section.flag("register", default.register),
        resolve_memory: section.size("resolve_memory", default.resolve_memory),
    };
    section.finish();
    spec
}

fn mix(section: Section<'_>) -> MixSpec {
    let spec = MixSpec {
        domain_to_general: section.parsed(
            "domain_to_general",
            "must be two positive numbers like \"1:5\"",
            parse_ratio,
        ),
        weights: section.numbers("weights"),
        max_tokens: section.integer("max_tokens"),
        seed: section.integer("seed").unwrap_or(0),
        on_shortfall: section.choice("on_shortfall", &ON_SHORTFALL).unwrap_or(OnShortfall::KeepAll),
    };
    section.finish();
    spec
}

fn parse_ratio(text: &str) -> Option<(f64, f64)> {
    let (domain, general) = text.split_once(':')?;
    let part = |text: &str| text.trim().parse::<f64>().ok().filter(|part| part.is_finite() && *part > 0.0);
    Some((part(domain)?, part(general)?))
}

fn output(section: Option<Section<'_>>, default_tokens: TokenFormat) -> OutputSpec {
    let mut spec = OutputSpec {
        uri: String::new(),
        text: TextFormat::JsonlZst,
        tokens: default_tokens,
        level: OutputSpec::DEFAULT_LEVEL,
    };
    // That the section is missing is a problem already.
    let Some(section) = section else { return spec };
    spec.uri = section.required_text("uri");
    spec.text = section.choice("text", &TEXT_FORMATS).unwrap_or(spec.text);
    spec.tokens = section.choice("tokens", &TOKEN_FORMATS).unwrap_or(spec.tokens);
    spec.level = section.integer("level").unwrap_or(spec.level);
    section.finish();
    spec
}

fn report(section: Section<'_>) -> ReportSpec {
    let default = ReportSpec::default();
    let spec = ReportSpec {
        min_tokens: section.integer("min_tokens").unwrap_or(default.min_tokens),
        ratio_tolerance: section.number("ratio_tolerance", default.ratio_tolerance),
        max_near_duplicates: section.number("max_near_duplicates", default.max_near_duplicates),
        max_divergence: section.threshold("max_divergence"),
        min_effective_sources: section.threshold("min_effective_sources"),
        min_novelty: section.threshold("min_novelty"),
        min_lexicon_coverage: section.threshold("min_lexicon_coverage"),
        max_noise: section.threshold("max_noise"),
        lexicon: section.texts("lexicon"),
        sequence_length: section.integer("sequence_length").unwrap_or(default.sequence_length),
        batch_sequences: section.integer("batch_sequences").unwrap_or(default.batch_sequences),
    };
    section.finish();
    spec
}

fn limits(section: Section<'_>) -> LimitsSpec {
    let default = LimitsSpec::default();
    let spec = LimitsSpec {
        record_bytes: section.size("record_bytes", default.record_bytes),
        json_depth: section.integer("json_depth").unwrap_or(default.json_depth),
        expansion: section.integer("expansion").unwrap_or(default.expansion),
        window_bytes: section.size("window_bytes", default.window_bytes),
        page_bytes: section.size("page_bytes", default.page_bytes),
        row_group_bytes: section.size("row_group_bytes", default.row_group_bytes),
        inputs: section.integer("inputs").unwrap_or(default.inputs),
    };
    section.finish();
    spec
}

fn run(section: Section<'_>) -> RunSpec {
    let default = RunSpec::default();
    let spec = RunSpec {
        shard_bytes: section.size("shard_bytes", default.shard_bytes),
        on_corrupt: section.choice("on_corrupt", &ON_CORRUPT).unwrap_or(default.on_corrupt),
        on_bad_record: section.choice("on_bad_record", &ON_BAD_RECORD).unwrap_or(default.on_bad_record),
        max_bad_share: section.number("max_bad_share", default.max_bad_share),
        max_attempts: section.integer("max_attempts").unwrap_or(default.max_attempts),
        max_slots: section.integer("max_slots").unwrap_or(default.max_slots),
        keep_work: section.choice("keep_work", &KEEP_WORK).unwrap_or(default.keep_work),
    };
    section.finish();
    spec
}
