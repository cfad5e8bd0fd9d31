//! Resolve and the index on generated signatures: `cargo bench -p tamis-coordinator`.

#![expect(clippy::unwrap_used, reason = "benches")]

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tamis_common::Result;
use tamis_common::artefact::{BandRow, BandsWriter, DocumentRow, DocumentsWriter};
use tamis_common::dedup::DedupParams;
use tamis_common::ids::{DocRef, JobId, ShardId};
use tamis_common::spec::Keep;
use tamis_common::storage::{Storage, Uri};
use tamis_coordinator::index::{EntrySource, IndexJob, Indexes, NewEntry};
use tamis_coordinator::resolve::{ResolveInput, ResolveShard, resolve};

const DOCUMENTS: u32 = 50_000;
/// One document in this many is a near copy of the one before.
const COPIES: u32 = 10;

fn random(job: u32, document: u32, column: u32) -> u64 {
    let mut x = u64::from(job) << 48 ^ u64::from(document) << 12 ^ u64::from(column);
    for _ in 0..2 {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    x
}

/// The document whose signature and keys a document has.
fn base(document: u32) -> u32 {
    if document % COPIES == COPIES - 1 { document - 1 } else { document }
}

/// Documents with signatures and keys.
struct Generated {
    job: u32,
    params: DedupParams,
    ids: Vec<String>,
    signatures: Vec<u8>,
}

impl Generated {
    fn new(job: u32) -> Self {
        let params = DedupParams::default();
        let words =
            (0..DOCUMENTS).flat_map(|d| (0..params.k / 8).map(move |i| random(job, base(d), 200 + i)));
        Self {
            job,
            ids: (0..DOCUMENTS).map(|d| format!("{:016x}", random(job, d, 300))).collect(),
            signatures: words.flat_map(u64::to_le_bytes).collect(),
            params,
        }
    }

    fn hash(&self, document: u32) -> u128 {
        u128::from(random(self.job, document, 100)) << 64 | u128::from(document)
    }

    fn signature(&self, document: u32) -> &[u8] {
        let k = self.params.k as usize;
        &self.signatures[document as usize * k..][..k]
    }

    fn index_job(&self) -> IndexJob {
        IndexJob {
            job: JobId(format!("job-{:04}", self.job)),
            name: "generated".to_owned(),
            documents: DOCUMENTS.into(),
            published_at_ms: 0,
        }
    }

    /// The artefacts of a job of one shard.
    fn write(&self, storage: &Storage, folder: &Path) -> ResolveShard {
        let uri = |name: &str| Uri::from_path(&folder.join(name)).unwrap();
        let id = ShardId(0);
        let mut table = DocumentsWriter::create(storage, &uri("documents"), self.params.k).unwrap();
        for record in 0..DOCUMENTS {
            let signature = Some(self.signature(record).to_vec());
            let hash = self.hash(record);
            table.push(&DocumentRow { record, hash, signature, ..DocumentRow::default() }).unwrap();
        }
        table.finish().unwrap();
        let mut bands = BandsWriter::create(storage, &uri("bands")).unwrap();
        for band in 0..self.params.bands {
            let row = |d| BandRow { key: random(self.job, base(d), band), doc: DocRef::new(id, d) };
            let mut rows: Vec<BandRow> = (0..DOCUMENTS).map(row).collect();
            rows.sort_unstable();
            bands.write_band(&rows).unwrap();
        }
        bands.finish().unwrap();
        ResolveShard { id, documents: uri("documents"), bands: uri("bands"), is_reference: false }
    }
}

impl EntrySource for Generated {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        (0..DOCUMENTS).try_for_each(|d| {
            let signature = Some(self.signature(d));
            each(NewEntry { hash: self.hash(d), signature, source: "web", id: &self.ids[d as usize] })
        })
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        rows.extend((0..DOCUMENTS).map(|d| (random(self.job, base(d), band), d)));
        rows.sort_unstable();
        Ok(())
    }
}

fn resolving(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let storage = Storage::new(runtime.handle().clone());
    let generated = Generated::new(0);
    let shards = [generated.write(&storage, folder.path())];
    let mut group = c.benchmark_group("resolve");
    group.throughput(Throughput::Elements(DOCUMENTS.into()));
    for (name, memory) in [("in memory", 1 << 30), ("from disk", 1 << 20)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let (resolution, _) = resolve(&ResolveInput {
                    storage: &storage,
                    params: &generated.params,
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
                assert_eq!(resolution.dropped.len(), (DOCUMENTS / COPIES) as usize);
            });
        });
    }
    group.finish();
}

fn indexing(c: &mut Criterion) {
    let jobs: Vec<Generated> = (0..8).map(Generated::new).collect();
    let open = |folder: &Path| {
        let indexes = Indexes::open(folder).unwrap();
        let index = indexes.open_index("main", &jobs[0].params).unwrap();
        (indexes, index)
    };
    let mut group = c.benchmark_group("index");
    group.throughput(Throughput::Elements(DOCUMENTS.into()));
    group.bench_function("write the run of a job", |b| {
        b.iter_batched_ref(
            || {
                let folder = tempfile::tempdir().unwrap();
                let opened = open(folder.path());
                (folder, opened)
            },
            |(_, (_, index))| index.publish(&jobs[0].index_job(), &jobs[0]).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(u64::from(DOCUMENTS) * jobs.len() as u64));
    group.bench_function("enter eight jobs, merges included", |b| {
        b.iter_batched_ref(
            || {
                let folder = tempfile::tempdir().unwrap();
                let opened = open(folder.path());
                (folder, opened)
            },
            |(_, (_, index))| jobs.iter().for_each(|job| index.publish(&job.index_job(), job).unwrap()),
            BatchSize::PerIteration,
        );
    });

    let folder = tempfile::tempdir().unwrap();
    let (_indexes, index) = open(folder.path());
    jobs.iter().for_each(|job| index.publish(&job.index_job(), job).unwrap());
    group.throughput(Throughput::Elements(DOCUMENTS.into()));
    for (name, job) in [("look up a band of unknown documents", 99), ("look up a band of known documents", 3)]
    {
        let row = |d| BandRow { key: random(job, base(d), 5), doc: DocRef::new(ShardId(0), d) };
        let mut rows: Vec<BandRow> = (0..DOCUMENTS).map(row).collect();
        rows.sort_unstable();
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut hits = 0_u64;
                index.lookup_band(5, &rows, &mut |_, _| hits += 1).unwrap();
                black_box(hits)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = resolving, indexing
}
criterion_main!(benches);
