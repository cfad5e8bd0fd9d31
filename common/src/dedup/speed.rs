//! Measures the steps of signing, on a corpus of the benchmark generator.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::hint::black_box;

use super::shingles::Shingler;
use super::sketch::Sketch;
use super::{DedupParams, Signer};
use crate::text::match_text;

/// Nanoseconds that this thread has run.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn texts() -> Vec<String> {
    let corpus = std::env::var("TAMIS_BENCH_CORPUS").unwrap();
    let lines = std::fs::read_to_string(format!("{corpus}/part-00000.jsonl")).unwrap();
    let text = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
    };
    lines.lines().map(text).collect()
}

/// Prints the best of several rounds, in MB of text a CPU-second: other work on the machine only slows down.
fn measure(name: &str, texts: &[&String], mut step: impl FnMut(usize)) {
    step(0);
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let best = (0..15)
        .map(|_| {
            let start = cpu_ns();
            (0..texts.len()).for_each(&mut step);
            cpu_ns() - start
        })
        .min()
        .unwrap();
    println!("  {name:28} {:8.1} MB/s", bytes as f64 / 1e6 / (best as f64 / 1e9));
}

#[test]
#[ignore = "needs a corpus of the benchmark generator in TAMIS_BENCH_CORPUS"]
fn steps_of_signing() {
    let all = texts();
    let is_chinese = |text: &&String| {
        text.chars().filter(|c| ('一'..='鿿').contains(c)).count() * 4 > text.chars().count()
    };
    let (chinese, english): (Vec<_>, Vec<_>) = all.iter().partition(is_chinese);
    for (language, texts) in [("English", english), ("Chinese", chinese), ("all", all.iter().collect())] {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        println!("{language}: {} texts of {} bytes", texts.len(), bytes / texts.len());
        let folded: Vec<String> = texts
            .iter()
            .map(|text| {
                let mut out = String::new();
                match_text(text, &mut out);
                out
            })
            .collect();
        let mut out = String::new();
        measure("match text", &texts, |i| match_text(texts[i], black_box(&mut out)));
        let mut shingler = Shingler::new(5);
        measure("units and shingles", &texts, |i| {
            black_box(shingler.hashes(&folded[i]));
        });
        let shingles: Vec<Vec<u64>> = folded.iter().map(|text| shingler.hashes(text).to_vec()).collect();
        for k in [112, 256] {
            let mut sketch = Sketch::new(k);
            measure(&format!("sketch, k = {k}"), &texts, |i| {
                black_box(sketch.fill(&shingles[i]));
            });
        }
        let mut signer = Signer::new(&DedupParams::default());
        measure("sign", &texts, |i| {
            black_box(signer.sign(texts[i]));
        });
    }
}
