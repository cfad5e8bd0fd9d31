//! Measures signing and resolving on a corpus of the benchmark generator, with the code that jobs run.
//!
//! `TAMIS_BENCH_CORPUS` names the folder with its `part-*.jsonl`; the ids that stay are written to the file that
//! `TAMIS_BENCH_KEPT` names, for the scorer; `TAMIS_BENCH_THRESHOLD` and `TAMIS_BENCH_FINEWEB=1` change the parameters.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use tamis_common::artefact::{BandRow, BandsWriter, DocumentRow, DocumentsWriter};
use tamis_common::dedup::{Signer, derive_bands};

use super::*;
use crate::generated::{COPIES, write_shard};
use crate::testing::memory_mb;

/// Nanoseconds that this thread has run.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

fn parameters() -> DedupParams {
    let mut params = DedupParams::default();
    if let Ok(threshold) = std::env::var("TAMIS_BENCH_THRESHOLD") {
        params.threshold = threshold.parse().unwrap();
        (params.bands, params.rows) = derive_bands(params.threshold, params.k);
    }
    if std::env::var("TAMIS_BENCH_FINEWEB").is_ok() {
        (params.bands, params.rows, params.verify) = (14, 8, false);
    }
    params
}

/// Ids and texts of a file.
fn read(path: &Path) -> Vec<(String, String)> {
    let lines = BufReader::new(std::fs::File::open(path).unwrap()).lines();
    lines
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
            let field = |name: &str| value[name].as_str().unwrap().to_owned();
            (field("id"), field("text"))
        })
        .collect()
}

#[test]
#[ignore = "needs a corpus of the benchmark generator in TAMIS_BENCH_CORPUS"]
fn signing_and_resolving_a_corpus() {
    let corpus = PathBuf::from(std::env::var("TAMIS_BENCH_CORPUS").unwrap());
    let params = parameters();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let storage = Storage::new(runtime.handle().clone());
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().contains("/part-"));
    paths.sort();

    let mut signer = Signer::new(&params);
    signer.sign("the tables are built at first use");
    let (mut shards, mut ids, mut text_bytes, mut sign_ns) = (Vec::new(), Vec::new(), 0, 0);
    for (number, path) in (0..).zip(&paths) {
        let id = ShardId(number);
        let uri = |name: &str| Uri::from_path(&folder.path().join(format!("{id}-{name}"))).unwrap();
        let mut table = DocumentsWriter::create(&storage, &uri("documents"), params.k).unwrap();
        let mut bands = vec![Vec::new(); params.bands as usize];
        let documents = read(path);
        let start = cpu_ns();
        for (_, text) in &documents {
            std::hint::black_box(signer.sign(text));
        }
        sign_ns += cpu_ns() - start;
        for (record, (name, text)) in (0..).zip(documents) {
            let signed = signer.sign(&text);
            text_bytes += text.len() as u64;
            let doc = DocRef::new(id, record);
            for (rows, key) in bands.iter_mut().zip(signed.band_keys) {
                rows.push(BandRow { key: *key, doc });
            }
            let signature = signed.signature.map(<[u8]>::to_vec);
            let row =
                DocumentRow { record, hash: signed.hash, signature, id: name.clone(), ..Default::default() };
            table.push(&row).unwrap();
            ids.push((doc, name));
        }
        table.finish().unwrap();
        let mut writer = BandsWriter::create(&storage, &uri("bands")).unwrap();
        for rows in &mut bands {
            rows.sort_unstable();
            writer.write_band(rows).unwrap();
        }
        writer.finish().unwrap();
        shards.push(ResolveShard {
            id,
            documents: uri("documents"),
            bands: uri("bands"),
            is_reference: false,
        });
    }

    let start = Instant::now();
    let (resolution, _) = resolve(&ResolveInput {
        storage: &storage,
        params: &params,
        exact: true,
        near: true,
        keep: Keep::First,
        shards: &shards,
        index: None,
        memory: 1 << 30,
        scratch: folder.path(),
        cancel: &AtomicBool::new(false),
    })
    .unwrap();
    let elapsed = start.elapsed();
    println!(
        "{} documents, {:.1} MB of text, {} bands x {} rows\nsigning: {:.1} MB a CPU-second\nresolve: {:.2} s, {} clusters, {} dropped, {} compared, {} matched",
        ids.len(),
        text_bytes as f64 / 1e6,
        params.bands,
        params.rows,
        text_bytes as f64 / 1e6 / (sign_ns as f64 / 1e9),
        elapsed.as_secs_f64(),
        resolution.clusters,
        resolution.dropped.len(),
        resolution.compared,
        resolution.matched,
    );
    if let Ok(kept) = std::env::var("TAMIS_BENCH_KEPT") {
        let dropped: BTreeSet<DocRef> = resolution.dropped.iter().map(|d| d.doc).collect();
        let mut file = std::io::BufWriter::new(std::fs::File::create(kept).unwrap());
        for (_, id) in ids.iter().filter(|(doc, _)| !dropped.contains(doc)) {
            writeln!(file, "{id}").unwrap();
        }
        file.flush().unwrap();
    }
}

/// Documents of a shard of generated ones.
const SHARD: u32 = 250_000;

#[test]
#[ignore = "takes minutes, and 800 bytes of disk a document in TAMIS_BENCH_FOLDER"]
fn resolving_generated_documents() {
    let number =
        |name: &str, default: u64| std::env::var(name).map_or(default, |value| value.parse::<u64>().unwrap());
    let documents = number("TAMIS_BENCH_DOCUMENTS", 10_000_000) as u32;
    let memory = number("TAMIS_BENCH_MEMORY", 1 << 30);
    let folder = tempfile::tempdir_in(std::env::var("TAMIS_BENCH_FOLDER").unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let storage = Storage::new(runtime.handle().clone());
    let params = parameters();
    let generate = |number: u32| {
        let id = ShardId(number);
        let place = (0, number * SHARD, SHARD);
        let (documents, bands) = write_shard(&storage, folder.path(), &params, id, place);
        ResolveShard { id, documents, bands, is_reference: false }
    };
    let shards: Vec<ResolveShard> = (0..documents / SHARD).map(generate).collect();
    println!("memory before: {} MB", memory_mb("VmRSS"));
    let start = Instant::now();
    let (resolution, _) = resolve(&ResolveInput {
        storage: &storage,
        params: &params,
        exact: true,
        near: true,
        keep: Keep::First,
        shards: &shards,
        index: None,
        memory,
        scratch: folder.path(),
        cancel: &AtomicBool::new(false),
    })
    .unwrap();
    println!(
        "{documents} documents, resolve_memory {} MB: {:.1} s, {} dropped, memory at most {} MB",
        memory >> 20,
        start.elapsed().as_secs_f64(),
        resolution.dropped.len(),
        memory_mb("VmHWM")
    );
    assert_eq!(resolution.dropped.len(), (documents / COPIES) as usize);
}
