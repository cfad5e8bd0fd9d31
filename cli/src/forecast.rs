//! What a job will come to, by a rehearsal on a sample. Pure: figures in, figures out.

use std::collections::BTreeMap;

use serde::Serialize;
use tamis_common::shard::{Compression, Format};
use tamis_common::spec::{JobSpec, OnBadRecord, Role, SourceDedup};
use tamis_common::storage::Uri;
use tamis_coordinator::mix::{Pool, targets};
use tamis_coordinator::plan::Plan;
use tamis_worker::rehearsal::{Half, Rehearsed};

/// A job foreseen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Forecast {
    /// The job's name.
    pub(crate) name: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) shards: u64,
    /// In the order of the spec.
    pub(crate) sources: Vec<SourceForecast>,
    /// Tokens of the output, after filters, exact duplicates of the sample, and mixture; `None`: no tokenizer.
    pub(crate) tokens: Option<Estimate>,
    /// Tokens that are wanted: `report.min_tokens`.
    pub(crate) wanted_tokens: u64,
    /// `None`: no shares are asked for.
    pub(crate) mix: Option<MixForecast>,
    /// Seconds for scan and emit, with so many slots as fast as this machine's.
    pub(crate) seconds: Estimate,
    pub(crate) slots: u64,
    /// Bytes below WORK, and of the output.
    pub(crate) work_bytes: Estimate,
    pub(crate) output_bytes: Estimate,
    pub(crate) room: Room,
    /// Memory that resolve may take on the coordinator, bytes.
    pub(crate) resolve_memory: u64,
    /// Whether what stands in an index will go, too.
    pub(crate) has_index: bool,
    /// Above this share of bad records a job fails: `run.max_bad_share`.
    pub(crate) max_bad_share: f64,
}

/// A source foreseen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceForecast {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// By format and compression.
    pub(crate) inputs: Vec<Inputs>,
    pub(crate) shards: u64,
    /// Records of the sample, and whether they are all there are.
    pub(crate) sampled: u64,
    pub(crate) is_whole: bool,
    /// Records of all its inputs.
    pub(crate) records: Estimate,
    /// Shares of the sampled records that have no text, that cleaners and filters drop, and that repeat an earlier one.
    pub(crate) unread_share: f64,
    /// Share of the sampled records that are bad, and whether a job with so many of them fails.
    pub(crate) bad_share: f64,
    pub(crate) would_fail: bool,
    pub(crate) filtered_share: f64,
    pub(crate) repeated_share: f64,
    /// What is left after these.
    pub(crate) documents: Estimate,
    pub(crate) chars: Estimate,
    pub(crate) tokens: Option<Estimate>,
}

/// Inputs of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Inputs {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// A figure by a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    /// How far the halves of the sample are from it, as a part of it; `None`: the sample is everything, or has no halves.
    pub(crate) spread: Option<f64>,
}

/// Which side of a mixture falls short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct MixForecast {
    /// Asked parts, by role or by source.
    pub(crate) asked: Vec<(String, f64)>,
    /// Tokens that would be written of each.
    pub(crate) written: Vec<f64>,
    /// The one that has least for its part, and the tokens that it lacks beside the others as they would be written.
    pub(crate) short: Option<(String, f64)>,
}

/// Disk that there is, and below which the job is refused.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Room {
    /// `None`: an object store.
    pub(crate) free: Option<u64>,
    pub(crate) refused_below: u64,
    pub(crate) work: Uri,
    pub(crate) is_one_disk: bool,
}

/// What a job of these shards will come to; `rehearsed` has an entry a source.
pub(crate) fn forecast(
    spec: &JobSpec,
    plan: &Plan,
    rehearsed: &[Rehearsed],
    room: Room,
    slots: usize,
) -> Forecast {
    let number = 0..spec.sources.len();
    let sources: Vec<SourceForecast> =
        number.zip(rehearsed).map(|(source, of_it)| source_forecast(spec, plan, source, of_it)).collect();
    let over_all = |of: &dyn Fn(&Half) -> f64| sum(rehearsed.iter().map(|of_it| estimate(of_it, of)));
    let per_record = |of: f64, half: &Half| of / half.drawn as f64 * half.records;
    let written = written_tokens(spec, &sources);
    let tokens = written.as_ref().map(|written| {
        let held: Vec<Estimate> = sources.iter().filter_map(|source| source.tokens).collect();
        let value = written.iter().sum();
        Estimate { value, spread: sum(held.into_iter()).spread }
    });
    let seconds = over_all(&|half| per_record(half.took.as_secs_f64(), half));
    Forecast {
        name: spec.name.clone(),
        files: plan.inputs.len() as u64,
        bytes: plan.bytes,
        shards: plan.shards.len() as u64,
        tokens,
        wanted_tokens: spec.report.min_tokens,
        mix: written.and_then(|written| mix_forecast(spec, &written)),
        seconds: Estimate { value: seconds.value / slots as f64, ..seconds },
        slots: slots as u64,
        work_bytes: over_all(&|half| per_record(half.work_bytes as f64, half)),
        output_bytes: over_all(&|half| per_record(half.output_bytes as f64, half)),
        room,
        resolve_memory: spec.dedup.resolve_memory,
        has_index: spec.dedup.index.is_some(),
        max_bad_share: spec.run.max_bad_share,
        sources,
    }
}

fn source_forecast(spec: &JobSpec, plan: &Plan, number: usize, rehearsed: &Rehearsed) -> SourceForecast {
    let source = &spec.sources[number];
    let sum = |of: &dyn Fn(&Half) -> u64| rehearsed.halves.iter().map(of).sum::<u64>();
    let drawn = sum(&|half| half.drawn);
    let share = |count: u64| if drawn == 0 { 0.0 } else { count as f64 / drawn as f64 };
    // What repeats an earlier document goes, too.
    let stays = |half: &Half| match half.scan.filtered.docs {
        0 => 0.0,
        docs => 1.0 - half.repeated as f64 / docs as f64,
    };
    let left = |of: &dyn Fn(&Half) -> f64| {
        estimate(rehearsed, &|half| of(half) / half.drawn as f64 * half.records * stays(half))
    };
    let bad = sum(&|half| half.bad);
    let bad_share = share(bad);
    SourceForecast {
        name: source.name.clone(),
        role: source.role,
        inputs: inputs_of(plan, number),
        shards: plan.shards.iter().filter(|shard| usize::from(shard.source) == number).count() as u64,
        sampled: drawn,
        is_whole: rehearsed.is_whole,
        records: estimate(rehearsed, &|half| half.records),
        unread_share: share(drawn - sum(&|half| half.scan.records)),
        bad_share,
        would_fail: bad > 0
            && (spec.run.on_bad_record == OnBadRecord::Fail || bad_share > spec.run.max_bad_share),
        filtered_share: share(sum(&|half| half.scan.records - half.scan.filtered.docs)),
        repeated_share: share(sum(&|half| half.repeated)),
        documents: left(&|half| half.scan.filtered.docs as f64),
        chars: left(&|half| half.scan.filtered.chars as f64),
        tokens: spec.tokenizer.as_ref().map(|_| left(&|half| half.emit.tokens.unwrap_or_default() as f64)),
    }
}

fn inputs_of(plan: &Plan, source: usize) -> Vec<Inputs> {
    let mut found: BTreeMap<(&str, &str), Inputs> = BTreeMap::new();
    let mut last = None;
    for shard in plan.shards.iter().filter(|shard| usize::from(shard.source) == source) {
        let key = (format_name(shard.format), compression_name(shard.compression));
        let inputs = found.entry(key).or_insert(Inputs {
            format: shard.format,
            compression: shard.compression,
            files: 0,
            bytes: 0,
        });
        // The shards of a file follow one another.
        inputs.files += u64::from(last != Some(&shard.uri));
        inputs.bytes += shard.bytes;
        last = Some(&shard.uri);
    }
    found.into_values().collect()
}

/// The name of a format, as a spec has it.
pub(crate) fn format_name(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Parquet => "parquet",
        Format::Csv => "csv",
        Format::Txt => "txt",
    }
}

/// The name of a compression; empty for none.
pub(crate) fn compression_name(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    }
}

/// The figure of a source by its halves, each by the records that it has.
fn estimate(rehearsed: &Rehearsed, of: &dyn Fn(&Half) -> f64) -> Estimate {
    let halves: Vec<&Half> = rehearsed.halves.iter().filter(|half| half.drawn > 0).collect();
    let drawn: u64 = halves.iter().map(|half| half.drawn).sum();
    if drawn == 0 {
        return Estimate::default();
    }
    let value = halves.iter().map(|half| of(half) * half.drawn as f64 / drawn as f64).sum();
    let spread = match halves[..] {
        [a, b] if !rehearsed.is_whole && value > 0.0 => Some((of(a) - of(b)).abs() / 2.0 / value),
        _ => None,
    };
    Estimate { value, spread }
}

/// The sum of figures of different sources, whose errors do not depend on one another.
fn sum(estimates: impl Iterator<Item = Estimate>) -> Estimate {
    let (mut value, mut squares, mut is_sure) = (0.0, 0.0, true);
    for estimate in estimates {
        value += estimate.value;
        squares += (estimate.value * estimate.spread.unwrap_or_default()).powi(2);
        is_sure &= estimate.spread.is_none();
    }
    Estimate { value, spread: (!is_sure && value > 0.0).then(|| squares.sqrt() / value) }
}

/// By source: tokens that the mixture would take; `None`: there is no tokenizer.
fn written_tokens(spec: &JobSpec, sources: &[SourceForecast]) -> Option<Vec<f64>> {
    let held: Option<Vec<f64>> = sources.iter().map(|source| Some(source.tokens?.value)).collect();
    let held: Vec<f64> = held?
        .into_iter()
        .zip(&spec.sources)
        .map(|(tokens, source)| if source.dedup == SourceDedup::Check { 0.0 } else { tokens })
        .collect();
    let Some(mix) = spec.mixture() else { return Some(held) };
    let weights = mix.weights.as_ref();
    let pool = |(tokens, source): (&f64, &tamis_common::spec::SourceSpec)| Pool {
        role: source.role,
        tokens: *tokens,
        max_tokens: source.max_tokens,
        weight: weights.and_then(|weights| weights.get(&source.name).copied()),
    };
    let pools: Vec<Pool> = held.iter().zip(&spec.sources).map(pool).collect();
    Some(targets(&mix, &pools).into_iter().zip(held).map(|(target, held)| held.min(target)).collect())
}

fn mix_forecast(spec: &JobSpec, written: &[f64]) -> Option<MixForecast> {
    let mix = spec.mix.as_ref()?;
    let of_role = |role: Role| {
        let sources = spec.sources.iter().zip(written).filter(move |(source, _)| source.role == role);
        sources.map(|(_, tokens)| *tokens).sum::<f64>()
    };
    let (asked, written) = match (&mix.domain_to_general, &mix.weights) {
        (Some((domain, general)), _) => (
            vec![("domain".to_owned(), *domain), ("general".to_owned(), *general)],
            vec![of_role(Role::Domain), of_role(Role::General)],
        ),
        (None, Some(weights)) => {
            let tokens = |name: &String| spec.sources.iter().position(|source| source.name == *name);
            let written = weights.keys().map(|name| tokens(name).map_or(0.0, |at| written[at]));
            (weights.iter().map(|(name, weight)| (name.clone(), *weight)).collect(), written.collect())
        }
        (None, None) => return None,
    };
    /// What rounding alone makes is no shortage.
    const EXACT: f64 = 0.01;
    let parts: f64 = asked.iter().map(|(_, part)| part).sum();
    let total: f64 = written.iter().sum();
    let (place, share) = asked
        .iter()
        .zip(&written)
        .map(|((_, part), tokens)| tokens / total / (part / parts))
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let short = (share < 1.0 - EXACT).then(|| {
        let (name, part) = &asked[place];
        let others = total - written[place];
        (name.clone(), others * part / (parts - part) - written[place])
    });
    Some(MixForecast { asked, written, short })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use tamis_common::stats::{Counts, EmitStats, ScanStats};

    use super::*;

    /// A half that drew 100 records, of which 90 have a text and 80 stay, of 10 tokens each.
    fn half(records: f64) -> Half {
        let filtered = Counts { docs: 80, chars: 1_600, bytes: 1_600 };
        Half {
            bad: 0,
            drawn: 100,
            records,
            scan: ScanStats { records: 90, filtered, ..ScanStats::default() },
            emit: EmitStats { tokens: Some(800), ..EmitStats::default() },
            repeated: 8,
            took: Duration::from_secs(1),
            work_bytes: 3_000,
            output_bytes: 1_000,
        }
    }

    fn rehearsed(a: f64, b: f64) -> Rehearsed {
        Rehearsed { is_whole: false, halves: [half(a), half(b)] }
    }

    fn spec(mix: &str) -> JobSpec {
        let text = format!(
            "name = \"j\"\n[tokenizer]\npath = \"t\"\n[[source]]\nname = \"books\"\ninputs = [\"b\"]\n[[source]]\nname = \"web\"\n\
             role = \"general\"\ninputs = [\"w\"]\n[output]\nuri = \"o\"\n{mix}"
        );
        JobSpec::parse(&text, "job.toml").unwrap()
    }

    fn of(mix: &str, domain: f64, general: f64) -> Forecast {
        let room = Room { free: None, refused_below: 0, work: Uri::parse("/w").unwrap(), is_one_disk: true };
        let all = [rehearsed(domain, domain), rehearsed(general, general)];
        forecast(&spec(mix), &Plan::default(), &all, room, 2)
    }

    #[test]
    fn figures_of_a_source_are_scaled_and_their_halves_tell_how_sure_they_are() {
        let source = source_forecast(&spec(""), &Plan::default(), 0, &rehearsed(900.0, 1_100.0));
        assert_eq!(source.records, Estimate { value: 1_000.0, spread: Some(0.1) });
        // 80 of 100 stay, and a tenth of them are repeated.
        assert!((source.documents.value - 720.0).abs() < 1e-6, "{source:?}");
        assert!((source.tokens.unwrap().value - 7_200.0).abs() < 1e-6, "{source:?}");
        assert_eq!((source.unread_share, source.filtered_share), (0.1, 0.1));
        let whole = Rehearsed { is_whole: true, ..rehearsed(200.0, 200.0) };
        assert_eq!(estimate(&whole, &|half| half.records), Estimate { value: 200.0, spread: None });
    }

    #[test]
    fn time_is_shared_by_the_slots_and_errors_of_sources_do_not_simply_add() {
        let found = of("", 1_000.0, 1_000.0);
        // A second for 100 records: 20 for 2,000, on two slots.
        assert!((found.seconds.value - 10.0).abs() < 1e-6, "{:?}", found.seconds);
        let one = Estimate { value: 100.0, spread: Some(0.1) };
        let sum = sum([one, one].into_iter());
        assert!((sum.spread.unwrap() - 0.1 / 2f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_side_of_a_ratio_that_falls_short_is_named_with_what_it_lacks() {
        let ratio = "[mix]\ndomain_to_general = \"1:5\"\n";
        // 7.2 tokens a record.
        let short = of(ratio, 1_000.0, 1_000.0).mix.unwrap().short.unwrap();
        assert_eq!(short.0, "general");
        assert!((short.1 - 4.0 * 7_200.0).abs() < 1.0, "{short:?}");
        let enough = of(ratio, 1_000.0, 9_000.0);
        assert_eq!(enough.mix.unwrap().short, None);
        assert!(
            (enough.tokens.unwrap().value - 6.0 * 7_200.0).abs() < 1.0,
            "general text is cut to its share"
        );
        let weights = "[mix]\nweights = { books = 3, web = 1 }\non_shortfall = \"keep_all\"\n";
        assert_eq!(of(weights, 100.0, 9_000.0).mix.unwrap().short, None);
        assert_eq!(of("", 1.0, 1.0).mix, None);
    }
}
