//! Figures of the index on generated signatures; run by hand, since they take minutes and gigabytes:
//!
//! ```sh
//! export TAMIS_MEASURE_INDEX=/var/tmp/index    # an empty folder, kept between the two
//! cargo test --release --workspace index::measure::entering -- --ignored --nocapture
//! cargo test --release --workspace index::measure::looking_up -- --ignored --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tamis_common::ids::ShardId;

use super::*;
use crate::generated::random;
use crate::testing::memory_mb;

const K: usize = 256;
const BANDS: u32 = 21;
const DOCUMENTS: u32 = 200_000;
/// One document in this many of the job looked up is in the index.
const KNOWN: u32 = 10;

fn params() -> DedupParams {
    DedupParams { threshold: 0.75, shingle: 5, k: K as u32, bands: BANDS, rows: 8, verify: true }
}

fn jobs() -> u32 {
    std::env::var("TAMIS_MEASURE_JOBS").map_or(50, |jobs| jobs.parse().unwrap())
}

fn hash(job: u32, document: u32) -> u128 {
    u128::from(random(job, document, 100)) << 64 | u128::from(random(job, document, 101))
}

/// A job made before the clock starts.
struct Generated {
    job: u32,
    signatures: Vec<u8>,
    bands: Vec<Vec<(u64, u32)>>,
    ids: Vec<String>,
}

impl Generated {
    fn new(job: u32) -> Self {
        let words = (0..DOCUMENTS).flat_map(|d| (0..K as u32 / 8).map(move |i| random(job, d, 200 + i)));
        let bands = (0..BANDS).map(|band| {
            let mut rows: Vec<(u64, u32)> = (0..DOCUMENTS).map(|d| (random(job, d, band), d)).collect();
            rows.sort_unstable();
            rows
        });
        Self {
            job,
            signatures: words.flat_map(u64::to_le_bytes).collect(),
            bands: bands.collect(),
            ids: (0..DOCUMENTS).map(|d| format!("web-{job:03}-{:016x}", random(job, d, 300))).collect(),
        }
    }
}

impl EntrySource for Generated {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        for (document, signature) in self.signatures.chunks(K).enumerate() {
            let hash = hash(self.job, document as u32);
            each(NewEntry { hash, signature: Some(signature), source: "web", id: &self.ids[document] })?;
        }
        Ok(())
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        rows.extend_from_slice(&self.bands[band as usize]);
        Ok(())
    }
}

/// CPU seconds of this thread, and bytes that the process wrote to files.
fn spent() -> (f64, u64) {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds: f64 = stat.split(' ').next().unwrap().parse().unwrap();
    let io = fs::read_to_string("/proc/self/io").unwrap();
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap().parse().unwrap();
    (nanoseconds / 1e9, written)
}

fn folder() -> PathBuf {
    std::env::var_os("TAMIS_MEASURE_INDEX").map(PathBuf::from).unwrap()
}

fn disk_bytes(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(
            |entry| {
                if entry.path().is_dir() {
                    disk_bytes(&entry.path())
                } else {
                    entry.metadata().unwrap().len()
                }
            },
        )
        .sum()
}

#[test]
#[ignore = "takes a minute and 5 GB of disk; see the head of the file"]
fn entering() {
    let indexes = Indexes::open(&folder()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    let (mut cpu, mut written, mut slowest) = (0.0, 0, 0.0_f64);
    let mut first_written = 0;
    for job in 0..jobs() {
        let generated = Generated::new(job);
        let record = IndexJob {
            job: JobId(format!("job-{job:04}")),
            name: "generated".into(),
            documents: DOCUMENTS.into(),
            published_at_ms: 0,
        };
        let (before, wall) = (spent(), Instant::now());
        index.publish(&record, &generated).unwrap();
        let after = spent();
        cpu += after.0 - before.0;
        written += after.1 - before.1;
        slowest = slowest.max(wall.elapsed().as_secs_f64());
        if job == 0 {
            first_written = written;
            println!("first job: {:.0} documents a CPU-second", f64::from(DOCUMENTS) / cpu);
        }
    }
    let stats = index.stats().unwrap();
    let documents = stats.documents as f64;
    let live = first_written * u64::from(jobs());
    println!("{} documents in {} runs", stats.documents, stats.runs);
    println!("bytes a document: {:.1}", stats.bytes as f64 / documents);
    println!("documents a CPU-second, merges included: {:.0}", documents / cpu);
    println!("slowest publish: {slowest:.1} s of wall clock");
    println!("write amplification: {:.2}", written as f64 / live as f64);
    println!("disk over live bytes: {:.3}", disk_bytes(&folder()) as f64 / stats.bytes as f64);
}

#[test]
#[ignore = "needs what `entering` wrote; see the head of the file"]
fn looking_up() {
    println!("memory before: {} MB", memory_mb("VmRSS"));
    let (before, wall) = (spent(), Instant::now());
    let indexes = Indexes::open(&folder()).unwrap();
    println!("open: {:.3} s CPU, {:.3} s wall", spent().0 - before.0, wall.elapsed().as_secs_f64());
    println!("memory after open: {} MB", memory_mb("VmRSS"));
    let index = indexes.get("main").unwrap();

    // A job that is not in the index, but for one document in ten.
    let place = |document: u32| match document % KNOWN {
        0 => (document / KNOWN % jobs(), document),
        _ => (1_000, document),
    };
    let mut entries = Vec::new();
    let mut cpu = 0.0;
    let wall = Instant::now();
    for band in 0..BANDS {
        let mut rows: Vec<BandRow> = (0..DOCUMENTS)
            .map(|d| BandRow { key: random(place(d).0, place(d).1, band), doc: DocRef::new(ShardId(0), d) })
            .collect();
        rows.sort_unstable();
        let before = spent();
        index.lookup_band(band, &rows, &mut |_, entry| entries.push(entry)).unwrap();
        cpu += spent().0 - before.0;
    }
    let in_bands = entries.len();
    println!(
        "{in_bands} hits in bands: {cpu:.2} s CPU ({:.2} s wall, made and sorted)",
        wall.elapsed().as_secs_f64()
    );
    assert_eq!(in_bands, (DOCUMENTS / KNOWN * BANDS) as usize);

    let mut hashes: Vec<(u128, DocRef)> =
        (0..DOCUMENTS).map(|d| (hash(place(d).0, place(d).1), DocRef::new(ShardId(0), d))).collect();
    hashes.sort_unstable();
    let before = spent();
    index.lookup_hashes(&hashes, &mut |_, entry| entries.push(entry)).unwrap();
    println!("{} hits in hashes: {:.2} s CPU", entries.len() - in_bands, spent().0 - before.0);

    entries.sort_unstable();
    entries.dedup();
    let before = spent();
    let mut sum = 0_u64;
    let each = &mut |_, signature: &[u8]| {
        sum += u64::from(signature[0]);
        Ok(())
    };
    index.signatures(&entries, each).unwrap();
    println!("{} signatures: {:.2} s CPU ({sum})", entries.len(), spent().0 - before.0);
    let before = spent();
    assert_eq!(index.infos(&entries).unwrap().len(), entries.len());
    println!("as many names: {:.2} s CPU", spent().0 - before.0);

    let before = spent();
    for document in 0..1_000 {
        let row = BandRow { key: random(2_000, document, 0), doc: DocRef::new(ShardId(0), document) };
        index.lookup_band(0, &[row], &mut |_, _| ()).unwrap();
    }
    println!("one unknown key in one band: {:.1} µs CPU", (spent().0 - before.0) * 1e3);
    println!("memory at most: {} MB", memory_mb("VmHWM"));
    let before = spent();
    indexes.verify("main").unwrap();
    println!("verify: {:.1} s CPU", spent().0 - before.0);
}
