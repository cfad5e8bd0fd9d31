//! Whether training may start: gates, a verdict in one sentence, advice. Facts in, judgement out.
//!
//! Each gate compares a figure with a target that is a setting; where its default comes from is said beside it. A gate
//! without a target shows its figure and judges nothing.

use serde::{Deserialize, Serialize};
use tamis_common::spec::{JobSpec, Role};

use super::{Report, grouped};

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateState {
    /// The target is met.
    Pass,
    /// It is not.
    Fail,
    /// The figure was not measured.
    Unknown,
    /// There is a figure but no target.
    Shown,
}

/// Which side of its target a figure must be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// At least the target.
    AtLeast,
    /// At most the target.
    AtMost,
}

/// How a figure is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of tokens.
    Tokens,
    /// A number of documents.
    Documents,
    /// A part of 1, shown in per cent.
    Share,
    /// Bits.
    Bits,
    /// A plain number.
    Number,
}

impl Unit {
    /// A figure for a sentence.
    fn shown(self, value: f64) -> String {
        match self {
            Self::Tokens => format!("{} tokens", grouped(value as u64)),
            Self::Documents => format!("{} documents", grouped(value as u64)),
            Self::Share => percent(value),
            Self::Bits => format!("{value:.3} bits"),
            Self::Number => format!("{value:.1}"),
        }
    }
}

/// A figure and its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its key: `tokens`, `mixture`, `epoch`, `near_duplicates`, `contamination`, `mismatch`, `diversity`, `novelty`,
    /// `professionalism`, `noise`.
    pub id: String,
    /// What it is about, for people.
    pub title: String,
    /// What it says.
    pub state: GateState,
    /// The figure.
    pub value: Option<f64>,
    /// The target.
    pub target: Option<f64>,
    /// Which side of the target is good.
    pub side: Side,
    /// How both are read.
    pub unit: Unit,
    /// The setting that holds the target, and where its default comes from.
    pub source: String,
    /// The whole in one sentence.
    pub sentence: String,
}

/// The judgement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether training may start: no gate fails, and those that decide were measured.
    pub ready: bool,
    /// The verdict in one sentence.
    pub sentence: String,
    /// All gates.
    pub gates: Vec<Gate>,
    /// What the figures suggest, a sentence each.
    pub advice: Vec<String>,
}

/// Gates that must have been measured for a verdict of ready.
const DECISIVE: [&str; 3] = ["tokens", "epoch", "near_duplicates"];

/// Far under the gate of tokens: a tenth.
const FAR_UNDER: f64 = 0.1;
/// Domain text is mostly known if less of its 5-grams is new.
const MOSTLY_KNOWN: f64 = 0.2;
/// A domain source dominates with more of the domain's tokens.
const DOMINATES: f64 = 0.8;
/// A tokenizer splits a source badly if a token holds less of its bytes, as a part of what it holds of the others.
const SPLITS_BADLY: f64 = 0.6;

/// Judges a report by the targets of its spec.
pub fn judge(spec: &JobSpec, report: &Report) -> Readiness {
    let gates = vec![
        tokens(spec, report),
        mixture(spec, report),
        epoch(report),
        near_duplicates(spec, report),
        contamination(spec, report),
        mismatch(spec, report),
        diversity(spec, report),
        novelty(spec, report),
        professionalism(spec, report),
        noise(spec, report),
    ];
    let gates: Vec<Gate> = gates.into_iter().flatten().collect();
    let fails = |gate: &&Gate| {
        gate.state == GateState::Fail
            || (gate.state == GateState::Unknown && DECISIVE.contains(&gate.id.as_str()))
    };
    let failing: Vec<&str> = gates.iter().filter(fails).map(|gate| gate.sentence.as_str()).collect();
    if let Some(reason) = nothing_written(report) {
        let sentence = format!("Not ready to train: {reason}.");
        return Readiness { ready: false, sentence, advice: Vec::new(), gates };
    }
    let sentence = match failing.as_slice() {
        [] => format!("Ready to train: {}.", gates[0].sentence),
        [only] => format!("Not ready to train: {only}."),
        [first, second] => format!("Not ready to train: {first}; {second}."),
        [first, rest @ ..] => format!("Not ready to train: {first}; {} more gates fail.", rest.len()),
    };
    Readiness { ready: failing.is_empty(), sentence, advice: advice(spec, report), gates }
}

/// Why nothing was written, if nothing was.
fn nothing_written(report: &Report) -> Option<String> {
    let (read, emitted) = (report.funnel.first()?, report.funnel.last()?);
    if emitted.docs > 0 {
        return None;
    }
    let Some(most) = report.drops.first() else {
        return Some("nothing was written, since nothing was read".to_owned());
    };
    let reason = match most.stage.as_str() {
        "index" => ": what was published before holds them".to_owned(),
        "mix" => ": the mixture had no room for them, or nothing to set beside them".to_owned(),
        _ => String::new(),
    };
    Some(format!(
        "nothing was written, {} of {} records were dropped by {} {}{reason}",
        grouped(most.docs),
        grouped(read.docs),
        most.stage,
        most.rule
    ))
}

/// A gate by its figure and target.
struct Draft<'a> {
    id: &'a str,
    title: &'a str,
    value: Option<f64>,
    target: Option<f64>,
    side: Side,
    unit: Unit,
    source: &'a str,
}

impl Draft<'_> {
    fn gate(self, sentence: String) -> Option<Gate> {
        let state = match (self.value, self.target) {
            (None, _) => GateState::Unknown,
            (Some(_), None) => GateState::Shown,
            (Some(value), Some(target)) => {
                let is_met = match self.side {
                    Side::AtLeast => value >= target,
                    Side::AtMost => value <= target,
                };
                if is_met { GateState::Pass } else { GateState::Fail }
            }
        };
        let sentence = match (state, self.target) {
            // Those say what is wanted themselves.
            (GateState::Fail, Some(target)) if !["tokens", "mixture", "epoch"].contains(&self.id) => {
                let side = if self.side == Side::AtLeast { "at least" } else { "at most" };
                format!("{sentence}; {side} {} is wanted", self.unit.shown(target))
            }
            _ => sentence,
        };
        Some(Gate {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            state,
            value: self.value,
            target: self.target,
            side: self.side,
            unit: self.unit,
            source: self.source.to_owned(),
            sentence,
        })
    }
}

pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.01 => "under 0.01 %".to_owned(),
        percent if percent < 1.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.1} %"),
    }
}

fn tokens(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let total = report.tokens.as_ref().map(|tokens| tokens.total);
    let wanted = spec.report.min_tokens;
    let sentence = match total {
        None => "tokens were not counted, since the job names no tokenizer".to_owned(),
        Some(total) => format!(
            "the set has {} tokens, {} of the {} that are wanted",
            grouped(total),
            percent(total as f64 / wanted.max(1) as f64),
            grouped(wanted)
        ),
    };
    Draft {
        id: "tokens",
        title: "Tokens of the set",
        value: total.map(|total| total as f64),
        target: Some(wanted as f64),
        side: Side::AtLeast,
        unit: Unit::Tokens,
        source: "report.min_tokens; by default 1,000,000,000, the rule of thumb of practitioners of post-pretraining",
    }
    .gate(sentence)
}

fn mixture(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let mix = report.mix.as_ref()?;
    let tolerance = spec.report.ratio_tolerance;
    let is_off = mix.error.is_none_or(|error| error > tolerance);
    let (domain, general) = mix.achieved;
    let (title, source, mut sentence) = match mix.domain_to_general {
        Some((domain_parts, general_parts)) => (
            "Domain : general, how far from what was asked",
            "mix.domain_to_general with report.ratio_tolerance, by default 1 %",
            format!(
                "domain to general is 1 : {:.2} by tokens, asked was 1 : {:.2}",
                general as f64 / domain.max(1) as f64,
                general_parts / domain_parts
            ),
        ),
        None if mix.sources.iter().any(|source| source.weight.is_some()) => (
            "Weights of sources, how far from what was asked",
            "mix.weights with report.ratio_tolerance, by default 1 %",
            format!(
                "the share of one source is {} off that of its weight, those of the others less",
                percent(mix.error.unwrap_or_default())
            ),
        ),
        None => return None,
    };
    let of_roles = [("domain", mix.missing.0), ("general", mix.missing.1)];
    let missing: Vec<String> = match mix.domain_to_general {
        Some(_) => of_roles.iter().filter(|(_, tokens)| *tokens > 0).map(missing_tokens).collect(),
        None => {
            let of_sources = mix.sources.iter().map(|source| (source.name.as_str(), source.missing()));
            of_sources.filter(|(_, tokens)| *tokens > 0).map(|lack| missing_tokens(&lack)).collect()
        }
    };
    match (domain + general, is_off, missing.is_empty()) {
        (0, ..) => "nothing was written of the mixture".clone_into(&mut sentence),
        (_, true, false) => sentence.push_str(&format!("; missing are {}", missing.join(", "))),
        _ => {}
    }
    Draft {
        id: "mixture",
        title,
        value: mix.error,
        target: Some(tolerance),
        side: Side::AtMost,
        unit: Unit::Share,
        source,
    }
    .gate(sentence)
}

/// `1,234 tokens of general`, a role or a source.
fn missing_tokens((of, tokens): &(&str, u64)) -> String {
    format!("{} tokens of {of}", grouped(*tokens))
}

fn epoch(report: &Report) -> Option<Gate> {
    let repeats = &report.measures.repeats;
    let sentence = match repeats.repeated {
        0 => format!("none of {} texts is in the output twice", grouped(repeats.documents)),
        n => format!("{} of {} texts are repeated in the output", grouped(n), grouped(repeats.documents)),
    };
    Draft {
        id: "epoch",
        title: "Epoch = 1: texts that are in the output twice",
        value: Some(repeats.repeated as f64),
        target: Some(0.0),
        side: Side::AtMost,
        unit: Unit::Documents,
        source: "nothing may be seen twice: fixed",
    }
    .gate(sentence)
}

fn near_duplicates(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let repeats = &report.measures.repeats;
    let share = (repeats.sampled > 0).then(|| repeats.near_repeated as f64 / repeats.sampled as f64);
    let sentence = match share {
        None => {
            "near duplicates were not measured again: that needs tokens of texts of at least 5".to_owned()
        }
        Some(share) => format!(
            "{} of {} sampled documents have a near duplicate in the output ({})",
            grouped(repeats.near_repeated),
            grouped(repeats.sampled),
            percent(share)
        ),
    };
    Draft {
        id: "near_duplicates",
        title: "Near duplicates, measured again on a sample of the output",
        value: share,
        target: Some(spec.report.max_near_duplicates),
        side: Side::AtMost,
        unit: Unit::Share,
        source: "report.max_near_duplicates; by default 0.1 %, above what the method is measured to leave (docs/method.md)",
    }
    .gate(sentence)
}

fn contamination(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let is_checked = spec.filter.filters.iter().any(|filter| filter.family().name == "decontaminate");
    let dropped: u64 = report
        .drops
        .iter()
        .filter(|drop| drop.stage == "filter" && drop.rule.starts_with("decontaminate"))
        .map(|drop| drop.docs)
        .sum();
    let sentence = match is_checked {
        true => format!(
            "no document shares its n-grams with a benchmark: {} that did were dropped",
            grouped(dropped)
        ),
        false => {
            "contamination with benchmarks was not looked for: [filter.decontaminate] names none".to_owned()
        }
    };
    Draft {
        id: "contamination",
        title: "Documents that hold text of benchmarks",
        value: is_checked.then_some(0.0),
        target: is_checked.then_some(0.0),
        side: Side::AtMost,
        unit: Unit::Documents,
        source: "filter.decontaminate: every document was held against its benchmarks, and those with too many overlaps were dropped",
    }
    .gate(sentence)
}

fn mismatch(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let mismatch = report.measures.mismatch.as_ref()?;
    Draft {
        id: "mismatch",
        title: "Distribution mismatch of domain and general tokens (Jensen-Shannon)",
        value: Some(mismatch.bits),
        target: spec.report.max_divergence,
        side: Side::AtMost,
        unit: Unit::Bits,
        source: "report.max_divergence; no default",
    }
    .gate(format!(
        "domain and general tokens diverge by {:.3} bits, two halves of the domain by {:.3} and of general text by {:.3}",
        mismatch.bits, mismatch.domain_halves, mismatch.general_halves
    ))
}

fn diversity(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let effective = report.measures.effective_sources?;
    Draft {
        id: "diversity",
        title: "Effective number of sources",
        value: Some(effective),
        target: spec.report.min_effective_sources,
        side: Side::AtLeast,
        unit: Unit::Number,
        source: "report.min_effective_sources; no default",
    }
    .gate(format!(
        "the {} sources are as diverse as {effective:.1} equal ones",
        report.measures.sources.len()
    ))
}

/// New 5-grams of the domain.
fn novelty_of(report: &Report) -> Option<f64> {
    report.measures.novelty.iter().find(|one| one.n == 5).map(|one| one.share)
}

fn novelty(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let share = novelty_of(report)?;
    Draft {
        id: "novelty",
        title: "5-grams of the domain that general text does not have",
        value: Some(share),
        target: spec.report.min_novelty,
        side: Side::AtLeast,
        unit: Unit::Share,
        source: "report.min_novelty; no default",
    }
    .gate(format!("{} of the domain's different 5-grams of tokens are not in general text", percent(share)))
}

fn professionalism(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let lexicon = report.measures.lexicon.as_ref();
    if lexicon.is_none() && spec.report.lexicon.is_empty() {
        return None;
    }
    let coverage = lexicon.map(|lexicon| lexicon.seen as f64 / lexicon.terms.max(1) as f64);
    let sentence = match lexicon {
        None => "the lexicon has no terms".to_owned(),
        Some(lexicon) => format!(
            "domain text holds {} of the {} terms of the lexicon; they are {} of its characters",
            grouped(lexicon.seen),
            grouped(lexicon.terms),
            percent(lexicon.domain_density)
        ),
    };
    Draft {
        id: "professionalism",
        title: "Terms of the lexicon that domain text holds",
        value: coverage,
        target: spec.report.min_lexicon_coverage,
        side: Side::AtLeast,
        unit: Unit::Share,
        source: "report.min_lexicon_coverage; no default",
    }
    .gate(sentence)
}

fn noise(spec: &JobSpec, report: &Report) -> Option<Gate> {
    let read = report.funnel.first()?.docs;
    let is_noise = |stage: &str| matches!(stage, "parse" | "clean" | "filter");
    let noise: u64 = report.drops.iter().filter(|drop| is_noise(&drop.stage)).map(|drop| drop.docs).sum();
    let share = (read > 0).then(|| noise as f64 / read as f64);
    Draft {
        id: "noise",
        title: "Records that could not be read or were filtered as noise",
        value: share,
        target: spec.report.max_noise,
        side: Side::AtMost,
        unit: Unit::Share,
        source: "report.max_noise; no default",
    }
    .gate(format!(
        "{} of {} records were noise ({})",
        grouped(noise),
        grouped(read),
        percent(share.unwrap_or_default())
    ))
}

/// What the figures suggest.
fn advice(spec: &JobSpec, report: &Report) -> Vec<String> {
    let mut advice = Vec::new();
    let Some(tokens) = &report.tokens else { return advice };
    let wanted = spec.report.min_tokens;
    if (tokens.total as f64) < FAR_UNDER * wanted as f64 {
        advice.push(format!(
            "With {} of {} tokens the set is too small for post-pretraining by far: a knowledge base that the model looks things up in may serve better, or more sources.",
            grouped(tokens.total),
            grouped(wanted)
        ));
    }
    if let Some(share) = novelty_of(report).filter(|share| *share < MOSTLY_KNOWN) {
        advice.push(format!(
            "Only {} of the domain's 5-grams are new against the general text: the model gains little that the general text does not give.",
            percent(share)
        ));
    }
    let domain: Vec<_> = spec
        .sources
        .iter()
        .zip(&tokens.sources)
        .filter(|(source, tokens)| source.role == Role::Domain && tokens.tokens > 0)
        .collect();
    let all: u64 = domain.iter().map(|(_, tokens)| tokens.tokens).sum();
    let largest = domain.iter().max_by_key(|(_, tokens)| tokens.tokens);
    if let Some((source, tokens)) = largest.filter(|_| domain.len() > 1)
        && tokens.tokens as f64 > DOMINATES * all as f64
    {
        advice.push(format!(
            "Source `{}` gives {} of the domain's tokens: the model will learn its style above all.",
            source.name,
            percent(tokens.tokens as f64 / all as f64)
        ));
    }
    for source in &report.measures.sources {
        let (others, other_tokens) = others_of(report, &source.source);
        let Some(found) = source.bytes_per_token.filter(|_| other_tokens > 0) else { continue };
        let others = others as f64 / other_tokens as f64;
        if found < SPLITS_BADLY * others {
            advice.push(format!(
                "The tokenizer splits source `{}` badly: {found:.2} bytes of text a token, {others:.2} in the other sources; consider extending the vocabulary.",
                source.source
            ));
        }
    }
    advice
}

/// Bytes and tokens of all sources but one.
fn others_of(report: &Report, source: &str) -> (u64, u64) {
    let tokens = report.tokens.iter().flat_map(|tokens| &tokens.sources);
    let others = report.sources.iter().zip(tokens).filter(|(other, _)| other.name != source);
    others.fold((0, 0), |(bytes, tokens), (other, of)| (bytes + other.emitted.bytes, tokens + of.tokens))
}
