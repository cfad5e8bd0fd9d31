//! Resolve and the index on generated signatures: `cargo bench -p tamis-coordinator`.

#![expect(clippy::unwrap_used, reason = "benches")]

mod generated;

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tamis_common::Result;
use tamis_common::artefact::BandRow;
use tamis_common::dedup::DedupParams;
use tamis_common::ids::{DocRef, JobId, ShardId};
use tamis_common::spec::Keep;
use tamis_common::storage::Storage;
use tamis_coordinator::index::{EntrySource, IndexJob, Indexes, NewEntry};
use tamis_coordinator::resolve::{ResolveInput, ResolveShard, resolve};

use generated::{COPIES, hash, key, random, signature, write_shard};

const DOCUMENTS: u32 = 50_000;

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
        Self {
            job,
            ids: (0..DOCUMENTS).map(|d| format!("{:016x}", random(job, d, 300))).collect(),
            signatures: (0..DOCUMENTS).flat_map(|d| signature(job, d, params.k)).collect(),
            params,
        }
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
        let id = ShardId(0);
        let (documents, bands) = write_shard(storage, folder, &self.params, id, (self.job, 0, DOCUMENTS));
        ResolveShard { id, documents, bands, is_reference: false }
    }
}

impl EntrySource for Generated {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        (0..DOCUMENTS).try_for_each(|d| {
            let signature = Some(self.signature(d));
            each(NewEntry { hash: hash(self.job, d), signature, source: "web", id: &self.ids[d as usize] })
        })
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        rows.extend((0..DOCUMENTS).map(|d| (key(self.job, d, band), d)));
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
        let row = |d| BandRow { key: key(job, d, 5), doc: DocRef::new(ShardId(0), d) };
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
