//! The published filter families on one core: `cargo bench -p tamis-sieve`.
//!
//! `TAMIS_BENCH_CORPUS` names a folder of `part-*.jsonl` with a field `text`; without it the texts are made up. Prints
//! MB of text a CPU-second, the best of five rounds; a document that a filter drops goes to no further one, thus the
//! families together are also measured over those documents that all of them keep.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use tamis_sieve::filter::presets::preset;
use tamis_sieve::filter::{Filters, Outcome};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Form, Settings};
use tamis_sieve::text::{Text, TextRules};

const ROUNDS: usize = 5;

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

fn read(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("part-") && name.ends_with(".jsonl") {
            for line in std::fs::read_to_string(path)?.lines() {
                let json: serde_json::Value = serde_json::from_str(line)?;
                texts.extend(json["text"].as_str().map(str::to_owned));
            }
        }
    }
    Ok(texts)
}

/// Seconds that this thread has run, where the system says so; else of the clock.
fn seconds() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let run = scheduled.and_then(|line| line.split(' ').next().and_then(|field| field.parse::<f64>().ok()));
    run.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn time(title: &str, texts: &[&str], mut step: impl FnMut(&str)) {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = seconds();
        texts.iter().for_each(|text| step(text));
        best = best.min(seconds() - start);
    }
    println!(
        "  {title:24} {:7.1} MB/s ({:.1} MB, {} texts)",
        bytes as f64 / best / 1e6,
        bytes as f64 / 1e6,
        texts.len()
    );
}

fn main() -> std::io::Result<()> {
    let texts = match std::env::var_os("TAMIS_BENCH_CORPUS") {
        Some(folder) => read(Path::new(&folder))?,
        None => made_up(),
    };
    let rules = TextRules::default();
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
        let all =
            preset("fineweb").map(|preset| preset.settings(ChineseWords::Characters)).unwrap_or_default();
        let build = |settings: &[Settings]| {
            Filters::build(settings, rules, &Resources::default()).map_err(std::io::Error::other)
        };
        for settings in &all {
            let filters = build(std::slice::from_ref(settings))?;
            time(settings.family().name, &texts, |text| {
                black_box(filters.judge(text, &mut |_| {}));
            });
        }
        let filters = build(&all)?;
        time("together", &texts, |text| {
            black_box(filters.judge(text, &mut |_| {}));
        });
        let kept: Vec<&str> = texts
            .into_iter()
            .filter(|text| matches!(filters.judge(text, &mut |_| {}), Outcome::Kept(_)))
            .collect();
        time("together, of those kept", &kept, |text| {
            black_box(filters.judge(text, &mut |_| {}));
        });
    }
    Ok(())
}
