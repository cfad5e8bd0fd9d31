//! The hot path of deduplication, step by step, on made-up prose: `cargo bench -p tamis-common`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tamis_common::dedup::{DedupParams, Signer, equal_values, radix_sort_by_key};
use tamis_common::text::{for_each_unit, match_text};

/// The same numbers on every machine.
fn random(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

/// About 1 MB of texts of 300 words, and as much of texts of 600 Chinese characters.
fn corpora() -> [(&'static str, Vec<String>); 2] {
    let word = |n: u64| -> String {
        let length = 2 + random(n) % 8;
        (0..length).map(|i| char::from(b'a' + (random(n * 11 + i) % 26) as u8)).collect()
    };
    let english = (0..600_u64).map(|text| {
        let word = |i: u64| match i % 12 {
            11 => format!("{}. ", word(random(text << 20 | i) % 20_000)),
            _ => format!("{} ", word(random(text << 20 | i) % 20_000)),
        };
        (0..300).map(word).collect()
    });
    let chinese = (0..600_u64).map(|text| {
        let character = |i: u64| match i % 16 {
            15 => '，',
            _ => char::from_u32(0x4e00 + (random(text << 20 | i) % 3_000) as u32).unwrap_or('一'),
        };
        (0..600).map(character).collect()
    });
    [("en", english.collect()), ("zh", chinese.collect())]
}

fn text(c: &mut Criterion) {
    for (language, texts) in corpora() {
        let bytes = texts.iter().map(|text| text.len() as u64).sum();
        let mut group = c.benchmark_group(language);
        group.throughput(Throughput::Bytes(bytes));
        let mut folded = String::new();
        group.bench_function("match text", |b| {
            b.iter(|| texts.iter().for_each(|text| match_text(text, black_box(&mut folded))));
        });
        let matched: Vec<String> = texts
            .iter()
            .map(|text| {
                match_text(text, &mut folded);
                folded.clone()
            })
            .collect();
        group.bench_function("split into units", |b| {
            b.iter(|| {
                let mut units = 0_u64;
                matched.iter().for_each(|text| for_each_unit(text, |_| units += 1));
                units
            });
        });
        for k in [112, 256] {
            let mut signer = Signer::new(&DedupParams { k, bands: 14, rows: 8, ..DedupParams::default() });
            group.bench_function(format!("sign, k = {k}"), |b| {
                b.iter(|| {
                    texts.iter().for_each(|text| {
                        black_box(signer.sign(text));
                    })
                });
            });
        }
        group.finish();
    }
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    let rows: Vec<(u64, u64)> = (0..1_000_000).map(|n| (random(n), n)).collect();
    group.throughput(Throughput::Elements(rows.len() as u64));
    let mut scratch = Vec::new();
    group.bench_function("radix sort of a million (key, document)", |b| {
        b.iter_batched_ref(
            || rows.clone(),
            |rows| radix_sort_by_key(rows, &mut scratch, |row| row.0),
            BatchSize::LargeInput,
        );
    });
    let signatures: Vec<u8> = (0..256_000_u64).map(|n| random(n) as u8).collect();
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("compare a thousand signatures of 256 values", |b| {
        let (first, _) = signatures.split_at(256);
        b.iter(|| signatures.chunks_exact(256).map(|other| equal_values(first, other)).sum::<u32>());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = text, rows
}
criterion_main!(benches);
