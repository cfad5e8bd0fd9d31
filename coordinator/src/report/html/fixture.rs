//! A report with something in every section: a set of Chinese finance texts that is not ready.

use std::collections::BTreeMap;

use tamis_common::artefact::{Partner, Sample, Samples};
use tamis_common::stats::{CleanerStats, Counts, Log2Histogram, RuleStats, ValueHistogram};

use super::super::*;
use crate::mix::{MixReport, MixSource};
use crate::resolve::{ClusterMember, LargeCluster};

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn counts(docs: u64, chars: u64) -> Counts {
    Counts { docs, chars, bytes: 3 * chars }
}

/// A bell of values around a bucket.
fn bell(middle: u16, width: u16, most: u64) -> ValueHistogram {
    let count = |bucket: u16| most / (1 + u64::from(bucket.abs_diff(middle)).pow(2));
    ValueHistogram((middle - width..=middle + width).map(|bucket| (bucket, count(bucket))).collect())
}

fn source(name: &str, role: &str, records: u64, factor: u64) -> SourceReport {
    let rule = |docs: u64, middle: u16| {
        RuleReport::of(&RuleStats { dropped: counts(docs, 40 * docs), values: bell(middle, 7, records / 3) })
    };
    let changes =
        BTreeMap::from([("removed_tags".to_owned(), 12 * factor), ("decoded_entities".to_owned(), 7)]);
    SourceReport {
        name: name.to_owned(),
        role: role.to_owned(),
        records,
        filtered: counts(records - 14 * factor, 900 * records),
        emitted: counts(records - 20 * factor, 880 * records),
        drops: BTreeMap::from([("filter/length.min_chars".to_owned(), 10 * factor)]),
        cleaners: BTreeMap::from([
            ("html".to_owned(), CleanerStats { docs: 4 * factor, changes }),
            (
                "unicode".to_owned(),
                CleanerStats { docs: 9 * factor, changes: BTreeMap::from([("nfc".to_owned(), 31)]) },
            ),
        ]),
        rules: BTreeMap::from([
            ("length.min_chars".to_owned(), rule(10 * factor, 95)),
            ("gopher_quality.max_bullet_lines".to_owned(), rule(3 * factor, 45)),
            ("gopher_repetition.max_top_2_gram".to_owned(), rule(factor, 48)),
            ("gopher_quality.min_stop_words".to_owned(), rule(0, 70)),
        ]),
    }
}

fn gate(
    id: &str,
    title: &str,
    (value, target): (Option<f64>, Option<f64>),
    unit: Unit,
    sentence: &str,
) -> Gate {
    let side = match id {
        "tokens" | "diversity" | "novelty" | "professionalism" => Side::AtLeast,
        _ => Side::AtMost,
    };
    let is_met =
        |value: f64, target: f64| if side == Side::AtLeast { value >= target } else { value <= target };
    let state = match (value, target) {
        (None, _) => GateState::Unknown,
        (_, None) => GateState::Shown,
        (Some(value), Some(target)) if is_met(value, target) => GateState::Pass,
        _ => GateState::Fail,
    };
    Gate {
        id: id.to_owned(),
        title: title.to_owned(),
        state,
        value,
        target,
        side,
        unit,
        source: format!("report.{id}; where its default comes from"),
        sentence: sentence.to_owned(),
    }
}

fn readiness() -> Readiness {
    let gates = vec![
        gate(
            "tokens",
            "Tokens after duplicates are gone",
            (Some(350_878.0), Some(1e9)),
            Unit::Tokens,
            "the set has 350,878 tokens, 0.04 % of the 1,000,000,000 that are wanted",
        ),
        gate(
            "mixture",
            "Domain : general, how far from what was asked",
            (Some(0.0031), Some(0.01)),
            Unit::Share,
            "domain to general is 1 : 4.98 by tokens, asked was 1 : 5.00",
        ),
        gate(
            "epoch",
            "Epoch = 1: texts that are in the output twice",
            (Some(0.0), Some(0.0)),
            Unit::Documents,
            "none of 1,162 texts is in the output twice",
        ),
        gate(
            "near_duplicates",
            "Near duplicates, measured again on a sample of the output",
            (Some(2.0 / 1_107.0), Some(0.001)),
            Unit::Share,
            "2 of 1,107 sampled documents have a near duplicate in the output (0.18 %)",
        ),
        gate(
            "contamination",
            "Documents that hold text of benchmarks",
            (None, None),
            Unit::Documents,
            "contamination with benchmarks was not looked for: [filter.decontaminate] names none",
        ),
        gate(
            "mismatch",
            "Distribution mismatch of domain and general tokens (Jensen-Shannon)",
            (Some(0.274), None),
            Unit::Bits,
            "domain and general tokens diverge by 0.274 bits, two halves of the domain by 0.061 and of general text by 0.032",
        ),
        gate(
            "diversity",
            "Effective number of sources",
            (Some(2.183), None),
            Unit::Number,
            "the 3 sources are as diverse as 2.2 equal ones",
        ),
        gate(
            "novelty",
            "5-grams of the domain that general text does not have",
            (Some(0.912), None),
            Unit::Share,
            "91.2 % of the domain's different 5-grams of tokens are not in general text",
        ),
        gate(
            "professionalism",
            "Terms of the lexicon that domain text holds",
            (Some(0.625), Some(0.5)),
            Unit::Share,
            "domain text holds 25 of the 40 terms of the lexicon; they are 3.1 % of its characters",
        ),
        gate(
            "noise",
            "Records that could not be read or were filtered as noise",
            (Some(0.0814), None),
            Unit::Share,
            "114 of 1,400 records were noise (8.1 %)",
        ),
    ];
    Readiness {
        ready: false,
        sentence:
            "Not ready to train: the set has 350,878 tokens, 0.04 % of the 1,000,000,000 that are wanted; \
                   2 of 1,107 sampled documents have a near duplicate in the output (0.18 %)."
                .to_owned(),
        gates,
        advice: owned(&[
            "With 350,878 of 1,000,000,000 tokens the set is too small for post-pretraining by far: a knowledge base that the model looks things up in may serve better, or more sources.",
            "The tokenizer splits source `filings` badly: 2.10 bytes of text a token, 4.20 in the other sources; consider extending the vocabulary.",
        ]),
    }
}

fn distinct(shares: [f64; 4]) -> Vec<NgramShare> {
    [1, 2, 3, 5].into_iter().zip(shares).map(|(n, share)| NgramShare { n, share }).collect()
}

fn measured(name: &str, token_share: f64, languages: &[(&str, f64)], bytes: f64) -> SourceMeasures {
    SourceMeasures {
        source: name.to_owned(),
        token_share,
        chars_per_token: Some(bytes / 3.0),
        bytes_per_token: Some(bytes),
        distinct: distinct([0.061, 0.42, 0.71, 0.93]),
        compression_ratio: Some(2.61),
        languages: languages.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect(),
        halves: Some(0.071),
        lexicon_coverage: Some(token_share.sqrt()),
        lexicon_density: Some(token_share / 20.0),
    }
}

fn measures() -> Measures {
    let between = |a: &str, b: &str, bits: f64| Divergence { a: a.to_owned(), b: b.to_owned(), bits };
    Measures {
        sources: vec![
            measured("news", 0.118, &[("zh", 0.972), ("en", 0.02), ("other", 0.008)], 4.2),
            measured("filings", 0.049, &[("zh", 0.81), ("en", 0.12), ("ja", 0.04), ("other", 0.03)], 2.1),
            measured(
                "web",
                0.833,
                &[
                    ("zh", 0.93),
                    ("en", 0.04),
                    ("ja", 0.01),
                    ("ko", 0.008),
                    ("fr", 0.006),
                    ("de", 0.004),
                    ("ru", 0.002),
                ],
                4.3,
            ),
        ],
        divergences: vec![
            between("news", "filings", 0.221),
            between("news", "web", 0.263),
            between("filings", "web", 0.418),
        ],
        mismatch: Some(Mismatch { bits: 0.274, domain_halves: 0.061, general_halves: 0.032 }),
        source_entropy: Some(1.126),
        effective_sources: Some(2.183),
        distinct: distinct([0.048, 0.39, 0.68, 0.91]),
        novelty: distinct([0.083, 0.461, 0.744, 0.912]),
        lexicon: Some(LexiconMeasures {
            terms: 40,
            seen: 25,
            domain_density: 0.031,
            general_density: Some(0.004),
            never_seen: owned(&["可转换债券回售", "信用违约互换", "资产支持票据", "做市商制度"]),
        }),
        repeats: Repeats {
            documents: 1_162,
            repeated: 0,
            sampled: 1_107,
            near_repeated: 2,
            threshold: 0.85,
            most_similar: Some(("news-00017".to_owned(), "news-00423".to_owned(), 0.912)),
        },
    }
}

fn tokens() -> TokensReport {
    let source = |name: &str, docs: u64, tokens: u64, lengths: &[u64]| SourceTokens {
        source: name.to_owned(),
        docs,
        tokens,
        chars_per_token: Some(1.41),
        length_histogram: Log2Histogram(lengths.to_vec()),
    };
    TokensReport {
        tokenizer_sha256: "4e0a".repeat(16),
        engines: owned(&["fastokens"]).into_iter().collect(),
        reference_checked: 128,
        eos: Some("<|endoftext|>".to_owned()),
        tokenized_over_written: Some(1.02),
        total: 350_878,
        sources: vec![
            source("news", 231, 41_403, &[0, 0, 0, 0, 0, 4, 19, 71, 98, 33, 6]),
            source("filings", 40, 17_193, &[0, 0, 0, 0, 0, 0, 0, 3, 9, 21, 6, 1]),
            source("web", 891, 292_282, &[0, 0, 0, 0, 2, 11, 67, 204, 391, 166, 41, 7, 2]),
        ],
    }
}

fn samples() -> Samples {
    let sample = |draw: u64, id: &str, value: f64, detail: Option<&str>, text: &str| Sample {
        draw,
        source: "filings".to_owned(),
        id: id.to_owned(),
        value: Some(value),
        detail: detail.map(str::to_owned),
        text: text.to_owned(),
    };
    Samples(BTreeMap::from([
        (
            "filter/gopher_quality.max_bullet_lines".to_owned(),
            vec![
                sample(
                    3,
                    "filings-0007",
                    0.96,
                    None,
                    "- 营业收入 1,204,551\n- 营业成本 803,114\n- 净利润 96,120\n- 每股收益 0.31",
                ),
                sample(9, "filings-0031", 0.92, Some("23 of 25 lines"), "• 第一条\n• 第二条\n• 第三条"),
            ],
        ),
        ("filter/length.min_chars".to_owned(), vec![sample(1, "news-0002", 4.0, None, "点击查看")]),
    ]))
}

fn decisions() -> Decisions {
    let partner = |id: &str, job: Option<&str>| Partner {
        job: job.map(str::to_owned),
        source: "news".to_owned(),
        id: id.to_owned(),
    };
    let member = |id: &str, job: Option<&str>| ClusterMember {
        name: partner(id, job),
        text: job.is_none().then(|| format!("{id}：公司发布公告，净利润同比增长。")),
    };
    let cluster = |size: u64, id: &str, job: Option<&str>| LargeCluster {
        size,
        kept: member(id, job),
        samples: vec![member(id, None), member("news-00102", None), member("news-00733", None)],
    };
    Decisions {
        clusters: 61,
        cluster_sizes: Log2Histogram(vec![0, 0, 48, 10, 2, 1]),
        largest_clusters: vec![
            cluster(19, "news-00004", None),
            cluster(11, "news-00038", Some("7f3a")),
            cluster(6, "web-1", None),
        ],
        compared: 2_418,
        matched: 177,
        index: Some(index()),
    }
}

fn index() -> IndexState {
    IndexState { name: "finance".to_owned(), documents: 5_120, state_digest: "9c".repeat(16) }
}

/// The report.
pub(super) fn report() -> Report {
    let stage = |stage: &str, docs: u64, chars: Option<u64>, tokens: Option<u64>| FunnelStage {
        stage: stage.to_owned(),
        docs,
        chars,
        bytes: chars.map_or(2_104_993, |chars| 3 * chars),
        tokens,
    };
    let drop = |stage: &str, rule: &str, docs: u64| RuleDrops {
        stage: stage.to_owned(),
        rule: rule.to_owned(),
        docs,
    };
    Report {
        version: 2,
        name: "finance-zh".to_owned(),
        readiness: readiness(),
        funnel: vec![
            stage("read", 1_400, None, None),
            stage("parsed", 1_396, Some(640_112), None),
            stage("cleaned", 1_394, Some(631_870), None),
            stage("filtered", 1_286, Some(590_334), None),
            stage("index", 1_279, Some(588_021), None),
            stage("exact", 1_230, Some(549_870), None),
            stage("near", 1_171, Some(521_992), None),
            stage("mix", 1_162, Some(494_738), None),
            stage("emitted", 1_162, Some(494_738), Some(350_878)),
        ],
        sources: vec![
            source("news", "domain", 320, 2),
            source("filings", "domain", 80, 1),
            source("web", "general", 1_000, 5),
        ],
        drops: vec![
            drop("filter", "length.min_chars", 80),
            drop("near", "near", 59),
            drop("exact", "exact", 49),
            drop("filter", "gopher_quality.max_bullet_lines", 20),
            drop("mix", "budget", 9),
            drop("filter", "gopher_repetition.max_top_2_gram", 8),
            drop("index", "near", 7),
            drop("parse", "no_text", 4),
            drop("clean", "empty", 2),
        ],
        samples: samples(),
        uneven: vec![UnevenRule {
            rule: "gopher_quality.max_bullet_lines".to_owned(),
            domain: 0.072,
            general: 0.011,
        }],
        tokens: Some(tokens()),
        measures: measures(),
        mix: Some(MixReport {
            domain_to_general: Some((1.0, 5.0)),
            achieved: (58_596, 292_282),
            error: Some(0.0031),
            missing: (0, 698),
            sources: vec![
                MixSource {
                    name: "news".to_owned(),
                    available: 41_403,
                    written: 41_403,
                    target: None,
                    weight: None,
                },
                MixSource {
                    name: "filings".to_owned(),
                    available: 17_193,
                    written: 17_193,
                    target: None,
                    weight: None,
                },
                MixSource {
                    name: "web".to_owned(),
                    available: 301_774,
                    written: 292_282,
                    target: Some(292_980),
                    weight: None,
                },
            ],
        }),
        decisions: decisions(),
        corrupt: owned(&["/data/news-3.jsonl.gz: the stream ends early at byte 18,221"]),
        reproducibility: Reproducibility {
            tamis: "0.1.0".to_owned(),
            spec_sha256: "a1b2".repeat(16),
            tokenizer_sha256: Some("4e0a".repeat(16)),
            index: Some(index()),
            inputs: ["news", "filings", "web"]
                .iter()
                .map(|name| InputDigest {
                    source: (*name).to_owned(),
                    files: 3,
                    content_sha256: "77fe".repeat(16),
                })
                .collect(),
            output_sha256: "0d9c".repeat(16),
        },
    }
}
