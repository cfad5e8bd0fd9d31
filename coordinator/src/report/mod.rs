//! The report of a job: what went in, what came out, where the rest went, and whether training may start. Facts in,
//! figures out.
//!
//! No job id, attempt, host, path of work, time or rate stands in it: the same job gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tamis_common::artefact::{Samples, Stage};
use tamis_common::spec::{JobSpec, Role};
use tamis_common::stats::{
    Bar, CleanerStats, Counts, EmitStats, Log2Histogram, RuleStats, ScanStats, merge_counters,
};
use tamis_common::{Error, Result};

use crate::mix::MixReport;
use crate::resolve::LargeCluster;

mod gather;
mod html;
mod measures;
mod readiness;
mod training;

pub use gather::{MeasuredShard, gather};
pub use html::{escaped, html, is_hidden};
pub use measures::{
    Divergence, LexiconMeasures, Measures, Mismatch, NgramShare, Repeats, SourceFacts, SourceMeasures,
    measure,
};
pub use readiness::{Gate, GateState, Readiness, Side, Unit, judge};
pub use training::{PublishedRate, Training, training};

/// A stage of the funnel: what was left after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunnelStage {
    /// read, parsed, cleaned, filtered, index, exact, near, mix, emitted.
    pub stage: String,
    /// Documents; records for `read`.
    pub docs: u64,
    /// Code points; `None` for `read`, where nothing is decoded yet.
    pub chars: Option<u64>,
    /// UTF-8 bytes of text; raw bytes for `read`.
    pub bytes: u64,
    /// Tokens, known once emitted.
    pub tokens: Option<u64>,
}

/// What came of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Records read.
    pub records: u64,
    /// Survivors of the filters.
    pub filtered: Counts,
    /// Documents written.
    pub emitted: Counts,
    /// Drops by `stage/rule`.
    pub drops: BTreeMap<String, u64>,
    /// What cleaners changed, by their names.
    #[serde(default)]
    pub cleaners: BTreeMap<String, CleanerStats>,
    /// What filters measured and dropped, by `filter.rule`.
    #[serde(default)]
    pub rules: BTreeMap<String, RuleReport>,
}

/// What one rule of a filter did to a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// Documents that came to it: no rule before it dropped them.
    pub seen: u64,
    /// What it dropped.
    pub dropped: Counts,
    /// Share of the documents that came to it which it dropped, 0 to 1.
    pub share: f64,
    /// The values that it measured, by quarters of powers of two.
    pub values: Vec<Bar>,
}

impl RuleReport {
    fn of(stats: &RuleStats) -> Self {
        let seen = stats.values.total();
        Self {
            seen,
            dropped: stats.dropped,
            share: stats.dropped.docs as f64 / seen.max(1) as f64,
            values: stats.values.bars(),
        }
    }
}

/// Tokens of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceTokens {
    /// The source.
    pub source: String,
    /// Documents written.
    pub docs: u64,
    /// Tokens written.
    pub tokens: u64,
    /// Code points a token; `None` without tokens.
    pub chars_per_token: Option<f64>,
    /// Documents by tokens: bucket `i` counts `2^(i-1)..2^i`, bucket 0 counts zeros.
    pub length_histogram: Log2Histogram,
}

/// Tokens of the job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokensReport {
    /// SHA-256 of the tokenizer file.
    pub tokenizer_sha256: String,
    /// The engines that ran; ids are those of the reference with either.
    pub engines: BTreeSet<String>,
    /// Documents whose ids were compared with the reference tokenizer, and agreed.
    pub reference_checked: u64,
    /// The token that ends every document, if one was asked for.
    #[serde(default)]
    pub eos: Option<String>,
    /// Bytes of text that were tokenized, the sample of scan included, over bytes of text that were written.
    #[serde(default)]
    pub tokenized_over_written: Option<f64>,
    /// All tokens.
    pub total: u64,
    /// By source, in spec order.
    pub sources: Vec<SourceTokens>,
}

/// What resolve and mix decided, as the report shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Clusters of at least two members.
    pub clusters: u64,
    /// Clusters by members, in powers of two: bucket `i` counts those of `2^(i-1)..2^i`.
    #[serde(default)]
    pub cluster_sizes: Log2Histogram,
    /// The ten largest clusters.
    #[serde(default)]
    pub largest_clusters: Vec<LargeCluster>,
    /// Comparisons of signatures, within the job and with the index.
    pub compared: u64,
    /// Comparisons that reached the threshold.
    pub matched: u64,
    /// Name and state of the index that was asked.
    pub index: Option<IndexState>,
}

/// The index that a job was resolved against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexState {
    /// Its name.
    pub name: String,
    /// Its documents.
    pub documents: u64,
    /// Digest of its content.
    pub state_digest: String,
}

/// Drops by rule over all sources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleDrops {
    /// The stage.
    pub stage: String,
    /// The rule.
    pub rule: String,
    /// Documents.
    pub docs: u64,
}

/// A rule that may be eating the tables or statutes of the domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnevenRule {
    /// `filter.rule`.
    pub rule: String,
    /// Share of the domain documents that came to the rule and were dropped, 0 to 1.
    pub domain: f64,
    /// The same of general documents.
    pub general: f64,
}

/// What was read of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDigest {
    /// The source.
    pub source: String,
    /// Its files.
    pub files: u64,
    /// SHA-256 over the digests of what was read of its shards, in order: equal records, equal digest.
    pub content_sha256: String,
}

/// What the same output can be made from again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reproducibility {
    /// The version of tamis.
    pub tamis: String,
    /// SHA-256 of the spec without its output folder and, of the run section, with what decides bytes only.
    pub spec_sha256: String,
    /// SHA-256 of the tokenizer file.
    pub tokenizer_sha256: Option<String>,
    /// The index that duplicates were looked for in.
    pub index: Option<IndexState>,
    /// By source, in spec order.
    pub inputs: Vec<InputDigest>,
    /// SHA-256 over name, size and digest of every published file but reports.
    pub output_sha256: String,
}

/// `report.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this layout.
    pub version: u32,
    /// The job's name.
    pub name: String,
    /// Whether training may start.
    #[serde(default)]
    pub readiness: Readiness,
    /// What was left after each stage.
    pub funnel: Vec<FunnelStage>,
    /// By source, in spec order.
    pub sources: Vec<SourceReport>,
    /// Drops by rule, most first.
    pub drops: Vec<RuleDrops>,
    /// Samples of what cleaners and filters dropped, by `stage/rule`.
    #[serde(default)]
    pub samples: Samples,
    /// Filter rules that drop far more of the domain than of general text.
    #[serde(default)]
    pub uneven: Vec<UnevenRule>,
    /// Tokens; `None` without a tokenizer.
    pub tokens: Option<TokensReport>,
    /// What the output is.
    #[serde(default)]
    pub measures: Measures,
    /// The mixture, if one was asked for.
    #[serde(default)]
    pub mix: Option<MixReport>,
    /// Duplicates.
    pub decisions: Decisions,
    /// Inputs that ended early and were kept as far as they went.
    pub corrupt: Vec<String>,
    /// What the same output can be made from again.
    #[serde(default)]
    pub reproducibility: Reproducibility,
}

/// What a report is made from.
pub struct ReportInput<'a> {
    /// The job.
    pub spec: &'a JobSpec,
    /// What the same output can be made from again.
    pub reproducibility: Reproducibility,
    /// Source index, scan and emit statistics of each shard.
    pub shards: Vec<(usize, &'a ScanStats, &'a EmitStats)>,
    /// What resolve decided.
    pub decisions: Decisions,
    /// What became of the mixture.
    pub mix: Option<MixReport>,
    /// What was measured of the output.
    pub measures: Measures,
    /// Samples of what scan dropped.
    pub samples: Samples,
}

/// Adds the figures up.
///
/// # Errors
/// `Class::Internal` if they do not agree: a record that ended nowhere, or twice.
pub fn build(input: ReportInput<'_>) -> Result<Report> {
    let mut scan = ScanStats::default();
    let mut dropped: BTreeMap<Stage, Counts> = BTreeMap::new();
    let mut emitted = Counts::default();
    let mut sources: Vec<SourceReport> = input.spec.sources.iter().map(empty_source).collect();
    let mut tokens: Vec<SourceTokens> = input.spec.sources.iter().map(|s| empty_tokens(&s.name)).collect();
    let mut rules: Vec<BTreeMap<String, RuleStats>> = vec![BTreeMap::new(); sources.len()];
    let (mut engines, mut reference_checked, mut tokenized_bytes) = (BTreeSet::new(), 0, 0);
    let mut drops = BTreeMap::new();

    for (source, shard, emit) in &input.shards {
        scan.records += shard.records;
        scan.raw_bytes += shard.raw_bytes;
        scan.parsed.merge(&shard.parsed);
        scan.cleaned.merge(&shard.cleaned);
        scan.filtered.merge(&shard.filtered);
        scan.corrupt.extend(shard.corrupt.iter().cloned());
        for (stage, counts) in &emit.dropped {
            dropped.entry(*stage).or_default().merge(counts);
        }
        emitted.merge(&emit.emitted);

        let report = &mut sources[*source];
        report.records += shard.records;
        report.filtered.merge(&shard.filtered);
        report.emitted.merge(&emit.emitted);
        for (cleaner, stats) in &shard.cleaners {
            report.cleaners.entry(cleaner.clone()).or_default().merge(stats);
        }
        for (rule, stats) in &shard.rules {
            rules[*source].entry(rule.clone()).or_default().merge(stats);
        }
        for counts in [&shard.drops, &emit.drops] {
            merge_counters(&mut report.drops, counts);
            merge_counters(&mut drops, counts);
        }
        let tokens = &mut tokens[*source];
        tokens.docs += emit.emitted.docs;
        tokens.tokens += emit.tokens.unwrap_or_default();
        tokens.length_histogram.merge(&emit.token_lengths);
        engines.extend(emit.engine.clone());
        reference_checked += emit.reference_checked;
        tokenized_bytes += shard.sampled.bytes + emit.tokenized_bytes;
    }
    for (source, tokens) in sources.iter().zip(&mut tokens) {
        tokens.chars_per_token =
            (tokens.tokens > 0).then(|| source.emitted.chars as f64 / tokens.tokens as f64);
    }
    for (source, rules) in sources.iter_mut().zip(&rules) {
        source.rules = rules.iter().map(|(rule, stats)| (rule.clone(), RuleReport::of(stats))).collect();
    }
    let total = tokens.iter().map(|t| t.tokens).sum();
    let has_tokenizer = input.spec.tokenizer.is_some();
    let funnel = funnel(&scan, &dropped, emitted, has_tokenizer.then_some(total))?;
    check_sums(scan.records, emitted.docs, &drops)?;
    let tokens = input.spec.tokenizer.as_ref().map(|tokenizer| TokensReport {
        tokenizer_sha256: input.reproducibility.tokenizer_sha256.clone().unwrap_or_default(),
        engines,
        reference_checked,
        eos: tokenizer.eos.clone(),
        tokenized_over_written: (emitted.bytes > 0).then(|| tokenized_bytes as f64 / emitted.bytes as f64),
        total,
        sources: tokens,
    });
    let mut report = Report {
        version: 2,
        name: input.spec.name.clone(),
        readiness: Readiness::default(),
        funnel,
        uneven: uneven(&sources),
        sources,
        drops: by_rule(&drops),
        samples: input.samples,
        tokens,
        measures: input.measures,
        mix: input.mix,
        decisions: input.decisions,
        corrupt: scan.corrupt,
        reproducibility: input.reproducibility,
    };
    report.readiness = judge(input.spec, &report);
    Ok(report)
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of a role.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Domain => "domain",
        Role::General => "general",
    }
}

fn empty_source(source: &tamis_common::spec::SourceSpec) -> SourceReport {
    SourceReport {
        name: source.name.clone(),
        role: role_name(source.role).to_owned(),
        records: 0,
        filtered: Counts::default(),
        emitted: Counts::default(),
        drops: BTreeMap::new(),
        cleaners: BTreeMap::new(),
        rules: BTreeMap::new(),
    }
}

fn empty_tokens(source: &str) -> SourceTokens {
    SourceTokens {
        source: source.to_owned(),
        docs: 0,
        tokens: 0,
        chars_per_token: None,
        length_histogram: Log2Histogram::default(),
    }
}

fn funnel(
    scan: &ScanStats,
    dropped: &BTreeMap<Stage, Counts>,
    emitted: Counts,
    tokens: Option<u64>,
) -> Result<Vec<FunnelStage>> {
    let stage = |name: &str, counts: Counts, tokens| FunnelStage {
        stage: name.to_owned(),
        docs: counts.docs,
        chars: Some(counts.chars),
        bytes: counts.bytes,
        tokens,
    };
    let mut stages = vec![
        FunnelStage {
            stage: "read".to_owned(),
            docs: scan.records,
            chars: None,
            bytes: scan.raw_bytes,
            tokens: None,
        },
        stage("parsed", scan.parsed, None),
        stage("cleaned", scan.cleaned, None),
        stage("filtered", scan.filtered, None),
    ];
    let mut left = scan.filtered;
    for after_scan in [Stage::Index, Stage::Exact, Stage::Near, Stage::Mix] {
        left = left.without(&dropped.get(&after_scan).copied().unwrap_or_default());
        stages.push(stage(after_scan.as_str(), left, None));
    }
    if left != emitted {
        return Err(Error::internal(format!(
            "the sums do not agree: {} documents were left after the mixture, {} were written",
            left.docs, emitted.docs
        )));
    }
    stages.push(stage("emitted", emitted, tokens));
    Ok(stages)
}

fn check_sums(records: u64, emitted: u64, drops: &BTreeMap<String, u64>) -> Result<()> {
    let dropped: u64 = drops.values().sum();
    if records != emitted + dropped {
        return Err(Error::internal(format!(
            "the sums do not agree: {records} records were read, {emitted} written and {dropped} dropped"
        )));
    }
    Ok(())
}

/// Drops by rule, most first.
pub(crate) fn by_rule(drops: &BTreeMap<String, u64>) -> Vec<RuleDrops> {
    let mut rules: Vec<RuleDrops> = drops
        .iter()
        .map(|(key, docs)| {
            let (stage, rule) = key.split_once('/').unwrap_or((key, ""));
            RuleDrops { stage: stage.to_owned(), rule: rule.to_owned(), docs: *docs }
        })
        .collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.docs));
    rules
}

/// A rule that drops twice as much of the domain as of general text, and two documents in a hundred more, is uneven.
const UNEVEN_RATIO: f64 = 2.0;
const UNEVEN_EXCESS: f64 = 0.02;
/// Of fewer documents a share says nothing.
const UNEVEN_LEAST: u64 = 50;

fn uneven(sources: &[SourceReport]) -> Vec<UnevenRule> {
    let rules: BTreeSet<&String> = sources.iter().flat_map(|source| source.rules.keys()).collect();
    let share = |role: &str, rule: &str| {
        let of_role = sources.iter().filter(|source| source.role == role);
        let stats = of_role.filter_map(|source| source.rules.get(rule));
        let (dropped, seen) =
            stats.fold((0, 0), |(dropped, seen), rule| (dropped + rule.dropped.docs, seen + rule.seen));
        (seen >= UNEVEN_LEAST).then(|| dropped as f64 / seen as f64)
    };
    rules
        .into_iter()
        .filter_map(|rule| {
            let (domain, general) = (share("domain", rule)?, share("general", rule)?);
            let is_uneven = domain > UNEVEN_RATIO * general && domain - general > UNEVEN_EXCESS;
            is_uneven.then(|| UnevenRule { rule: rule.clone(), domain, general })
        })
        .collect()
}
