//! Derives the thresholds of Chinese words that are characters: those whose decisions agree best with the published
//! thresholds on words of jieba, rule by rule.
//!
//!   chinese_thresholds FILE...        each with JSON lines that have a field `text`, plain or `.zst`
//!
//! Takes the texts that are Chinese by their script. For each rule that depends on words it prints how many texts the
//! published threshold drops, the range of thresholds of least disagreement on characters, how many still differ, and
//! how many would at the threshold that is set.

use tamis_sieve::filter::{Check, kind};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Form, Settings, Side};
use tamis_sieve::text::{Text, TextRules};

const FAMILIES: [&str; 3] = ["gopher_repetition", "gopher_quality", "fineweb"];

/// The value of every rule: none is allowed to stop the others.
fn values(family: &str, words: ChineseWords, text: &str) -> Vec<f64> {
    let Some(kind) = kind(family) else { return Vec::new() };
    let settings = Settings::defaults(kind.family, words).that_drop_nothing();
    let mut values = vec![f64::NAN; kind.family.rules.len()];
    let Ok(filter) = (kind.build)(&settings, &Resources::default()) else { return values };
    let text = Text::new(text, TextRules { words, ..TextRules::default() });
    let note = &mut |rule: usize, value: f64| values[rule] = value;
    let _ = filter.judge(&text, &mut Check::new(&settings, Form::Chinese, note));
    values
}

fn texts(path: &str) -> std::io::Result<Vec<String>> {
    let mut bytes = std::fs::read(path)?;
    if path.ends_with(".zst") {
        bytes = zstd::decode_all(bytes.as_slice())?;
    }
    let mut texts = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let json: serde_json::Value = serde_json::from_slice(line)?;
        texts.extend(json["text"].as_str().map(str::to_owned));
    }
    Ok(texts)
}

/// Pairs of a value on characters and whether jieba's passes; thresholds of least disagreement, from where to where,
/// and how many differ there.
fn best(pairs: &mut [(f64, bool)], side: Side) -> (f64, f64, usize) {
    pairs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let passes_below = side == Side::AtMost;
    // With everything above the threshold.
    let mut differ = pairs.iter().filter(|(_, passes)| *passes == passes_below).count();
    let mut found = (f64::NEG_INFINITY, f64::NEG_INFINITY, differ);
    let mut at = 0;
    while at < pairs.len() {
        let value = pairs[at].0;
        while at < pairs.len() && pairs[at].0 == value {
            differ = if pairs[at].1 == passes_below { differ - 1 } else { differ + 1 };
            at += 1;
        }
        let next = pairs.get(at).map_or(f64::INFINITY, |(next, _)| *next);
        if differ < found.2 {
            found = (value, next, differ);
        }
    }
    found
}

fn main() -> std::io::Result<()> {
    let mut all = Vec::new();
    for path in std::env::args().skip(1) {
        let mut texts = texts(&path)?;
        texts.retain(|text| Text::new(text, TextRules::default()).form() == Form::Chinese);
        println!("{path}: {} Chinese texts", texts.len());
        all.append(&mut texts);
    }
    for family in FAMILIES {
        let Some(kind) = kind(family) else { continue };
        let jieba: Vec<_> = all.iter().map(|text| values(family, ChineseWords::Jieba, text)).collect();
        let characters: Vec<_> =
            all.iter().map(|text| values(family, ChineseWords::Characters, text)).collect();
        for (place, rule) in kind.family.rules.iter().enumerate() {
            if rule.defaults.jieba == 0.0 {
                continue;
            }
            let mut pairs: Vec<(f64, bool)> = jieba
                .iter()
                .zip(&characters)
                .map(|(jieba, characters)| (characters[place], jieba[place]))
                .filter(|(one, other)| one.is_finite() && other.is_finite())
                .map(|(value, published)| (value, rule.passes(published, rule.defaults.jieba)))
                .collect();
            let dropped = pairs.iter().filter(|(_, passes)| !passes).count();
            let differ = |threshold: f64| {
                pairs.iter().filter(|(value, passes)| rule.passes(*value, threshold) != *passes).count()
            };
            let (set, published) = (differ(rule.defaults.characters), differ(rule.defaults.jieba));
            let (from, to, least) = best(&mut pairs, rule.side);
            println!(
                "{family}.{}: {} texts; {} drops {dropped}; best {from:.4} to {to:.4}: {least} differ; \
                 set {}: {set} differ; published: {published} differ",
                rule.name,
                pairs.len(),
                rule.defaults.jieba,
                rule.defaults.characters
            );
        }
    }
    Ok(())
}
