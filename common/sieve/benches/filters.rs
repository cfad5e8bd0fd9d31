//! The published filter families on one core: `cargo bench -p tamis-sieve --bench filters`.
//!
//! `TAMIS_BENCH_CORPUS` names a folder of `part-*.jsonl` with a field `text`; without it the texts are made up. Prints
//! MB of text a CPU-second: each family alone, the four in a row, and the preset `fineweb`, which also identifies
//! languages. A document that a filter drops goes to no further one, thus a row is also measured over those documents
//! that all of it keep.

mod measure;

use std::hint::black_box;

use tamis_sieve::filter::presets::preset;
use tamis_sieve::filter::{Filters, Outcome};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Form, Settings};
use tamis_sieve::text::{Text, TextRules};

/// The four published families.
const FAMILIES: [&str; 4] = ["gopher_repetition", "gopher_quality", "c4", "fineweb"];

/// The same numbers on every machine.
fn random(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// About 1 MB of texts of 300 words, and as much of texts of 600 Chinese characters.
fn made_up() -> Vec<String> {
    const STOP_WORDS: [&str; 4] = ["the", "of", "and", "to"];
    let word = |n: u64| -> String {
        let length = 2 + random(n) % 8;
        (0..length).map(|i| char::from(b'a' + (random(n * 11 + i) % 26) as u8)).collect()
    };
    let english = |text: u64| -> String {
        let word = |i: u64| match i % 12 {
            3 | 7 => format!("{} ", STOP_WORDS[(random(text ^ i) % 4) as usize]),
            11 if i % 60 == 59 => format!("{}.\n", word(random(text << 20 | i) % 20_000)),
            11 => format!("{}. ", word(random(text << 20 | i) % 20_000)),
            _ => format!("{} ", word(random(text << 20 | i) % 20_000)),
        };
        (0..300).map(word).collect()
    };
    let chinese = |text: u64| -> String {
        let character = |i: u64| match i % 16 {
            3 => '的',
            9 => '是',
            15 if i % 160 == 159 => '\n',
            15 => '。',
            _ => char::from_u32(0x4e00 + (random(text << 20 | i) % 3_000) as u32).unwrap_or('一'),
        };
        (0..600).map(character).collect()
    };
    (0..600).map(english).chain((0..600).map(chinese)).collect()
}

fn time(title: &str, texts: &[&str], step: impl FnMut(&str)) {
    let megabytes = texts.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;
    let speed = measure::speed(texts, step);
    println!("  {title:30} {speed:7.1} MB/CPU-s ({megabytes:.1} MB, {} texts)", texts.len());
}

fn main() -> std::io::Result<()> {
    let texts = measure::corpus().unwrap_or_else(made_up);
    let rules = TextRules::default();
    let build = |settings: &[Settings]| {
        Filters::build(settings, rules, &Resources::default()).map_err(std::io::Error::other)
    };
    let all = preset("fineweb").map(|preset| preset.settings(ChineseWords::Characters)).unwrap_or_default();
    let four: Vec<Settings> =
        all.iter().filter(|settings| FAMILIES.contains(&settings.family().name)).cloned().collect();
    for (title, form) in [("English", Form::General), ("Chinese", Form::Chinese)] {
        let texts: Vec<&str> =
            texts.iter().map(String::as_str).filter(|text| Text::new(text, rules).form() == form).collect();
        println!("{title}");
        time("form", &texts, |text| {
            black_box(Text::new(text, rules).form());
        });
        time("form and words", &texts, |text| {
            black_box(Text::new(text, rules).words().len());
        });
        for settings in &all {
            let filters = build(std::slice::from_ref(settings))?;
            time(settings.family().name, &texts, |text| {
                black_box(filters.judge(text, &mut |_| {}));
            });
        }
        for (row, settings) in [("the four", &four), ("preset fineweb", &all)] {
            let filters = build(settings)?;
            let keeps = |text: &str| matches!(filters.judge(text, &mut |_| {}), Outcome::Kept(_));
            time(row, &texts, |text| {
                black_box(keeps(text));
            });
            let kept: Vec<&str> = texts.iter().copied().filter(|text| keeps(text)).collect();
            time(&format!("{row}, of those kept"), &kept, |text| {
                black_box(keeps(text));
            });
        }
    }
    Ok(())
}
