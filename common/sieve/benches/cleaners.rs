//! Speed of the cleaners on one core: `cargo bench -p tamis-sieve --bench cleaners`.
//!
//! `TAMIS_BENCH_CORPUS` names a folder of `part-*.jsonl` with a field `text`; without it a few sentences are repeated.
//! English and Chinese are told apart by their script. Prints megabytes of text a second of processor time, each cleaner over the text as it is, the
//! preset over it, and over what the preset made of it.

#![expect(clippy::unwrap_used, reason = "a bench may stop")]

mod measure;

use std::borrow::Cow;
use std::hint::black_box;

use tamis_sieve::clean::{Cleaners, KINDS, presets};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Form, Settings};
use tamis_sieve::text::{Text, TextRules};

fn main() {
    let texts = measure::corpus().unwrap_or_else(built_in);
    let is_chinese = |text: &String| Text::new(text, TextRules::default()).form() == Form::Chinese;
    let (chinese, english): (Vec<_>, Vec<_>) = texts.into_iter().partition(is_chinese);
    let preset = presets::preset("recommended").unwrap();
    for (name, texts) in [("general", english), ("chinese", chinese)] {
        let bytes: usize = texts.iter().map(String::len).sum();
        println!("{name}: {} texts, {:.1} MB", texts.len(), bytes as f64 / 1e6);
        for kind in KINDS {
            let settings = Settings::defaults(kind.family, ChineseWords::Characters);
            measure(kind.family.name, &[settings], &texts);
        }
        let cleaned = measure("recommended", &preset.settings(), &texts);
        measure("recommended, cleaned", &preset.settings(), &cleaned);
    }
}

/// Prints speed and changes, and gives the cleaned texts back.
fn measure(name: &str, settings: &[Settings], texts: &[String]) -> Vec<String> {
    let cleaners = Cleaners::build(settings, &Resources::default()).unwrap();
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    let speed = measure::speed(&all, |text| {
        black_box(cleaners.clean(Cow::Borrowed(black_box(text)), &mut |_, _| {}));
    });
    let (mut counts, mut changed) = (std::collections::BTreeMap::new(), 0);
    let mut cleaned = Vec::new();
    for text in texts {
        let after = cleaners.clean(Cow::Borrowed(text), &mut |_, changes| {
            for (kind, count) in changes {
                *counts.entry(*kind).or_insert(0) += count;
            }
        });
        changed += usize::from(*after != **text);
        cleaned.push(after.into_owned());
    }
    println!("  {name:<22} {speed:>8.0} MB/CPU-s, {changed} texts changed {counts:?}");
    cleaned
}

fn built_in() -> Vec<String> {
    let english = "The board’s proposal – a dividend of $1.20 a share – was accepted on 12 May 2024 by 98.5 % of votes.\n";
    let chinese =
        "董事会提出的方案——每股分红1.20元——于2024年5月12日以98.5%的赞成票通过，电话会议另行通知。\n";
    [english, chinese].into_iter().flat_map(|text| std::iter::repeat_n(text.repeat(20), 500)).collect()
}
