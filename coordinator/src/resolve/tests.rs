//! Tests of the whole way from artefacts to decisions.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tamis_common::artefact::{
    BandsWriter, DocumentRow, DocumentsWriter, Partner, Survivor, SurvivorsWriter, VerdictsReader,
};
use tamis_common::dedup::similarity;
use tamis_common::ids::JobId;

use super::*;
use crate::index::{EntryInfo, EntrySource, IndexJob, IndexStats};

const K: usize = 16;
const BANDS: usize = 4;
const ROWS: usize = 2;

fn params() -> DedupParams {
    DedupParams {
        threshold: 0.7,
        shingle: 5,
        k: K as u32,
        bands: BANDS as u32,
        rows: ROWS as u32,
        verify: true,
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Doc {
    hash: u128,
    signature: Option<Vec<u8>>,
    keys: Vec<u64>,
    chars: u64,
}

impl Doc {
    fn of_chars(self, chars: u64) -> Self {
        Self { chars, ..self }
    }
}

/// A document whose keys follow from its signature. Equal signatures have equal hashes unless `version` differs.
fn doc(signature: [u8; K], version: u8) -> Doc {
    let keys = signature.chunks(ROWS).take(BANDS).map(key_of).collect();
    let high = u128::from(key_of(&signature));
    Doc { hash: high << 64 | u128::from(version), signature: Some(signature.to_vec()), keys, chars: 1 }
}

fn key_of(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

fn short(hash: u128) -> Doc {
    Doc { hash, signature: None, keys: Vec::new(), chars: 1 }
}

/// `base` with its last `n` values changed.
fn changed(base: [u8; K], n: usize) -> [u8; K] {
    let mut signature = base;
    signature[K - n..].iter_mut().for_each(|value| *value ^= 0x55);
    signature
}

/// Entries in the order of their references.
#[derive(Default)]
struct MemoryIndex(BTreeMap<EntryRef, Doc>);

impl DedupIndex for MemoryIndex {
    fn stats(&self) -> Result<IndexStats> {
        Err(Error::internal("not asked for"))
    }

    fn lookup_hashes(&self, rows: &[(u128, DocRef)], hit: &mut dyn FnMut(DocRef, EntryRef)) -> Result<()> {
        assert!(rows.is_sorted());
        for (hash, doc) in rows {
            self.0.iter().filter(|(_, d)| d.hash == *hash).for_each(|(entry, _)| hit(*doc, *entry));
        }
        Ok(())
    }

    fn lookup_band(
        &self,
        band: u32,
        rows: &[tamis_common::artefact::BandRow],
        hit: &mut dyn FnMut(DocRef, EntryRef),
    ) -> Result<()> {
        assert!(rows.is_sorted());
        for row in rows {
            let shares = |doc: &Doc| doc.keys.get(band as usize) == Some(&row.key);
            self.0.iter().filter(|(_, d)| shares(d)).for_each(|(entry, _)| hit(row.doc, *entry));
        }
        Ok(())
    }

    fn signatures(
        &self,
        entries: &[EntryRef],
        each: &mut dyn FnMut(EntryRef, &[u8]) -> Result<()>,
    ) -> Result<()> {
        assert!(entries.is_sorted_by(|a, b| a < b));
        entries.iter().try_for_each(|entry| each(*entry, self.0[entry].signature.as_deref().unwrap()))
    }

    fn infos(&self, entries: &[EntryRef]) -> Result<Vec<EntryInfo>> {
        assert!(entries.is_sorted_by(|a, b| a < b));
        let info = |entry: &EntryRef| EntryInfo {
            job: JobId::from(format!("job-{}", entry.job).as_str()),
            source: "old".to_owned(),
            id: format!("entry-{}", entry.entry),
        };
        Ok(entries.iter().map(info).collect())
    }

    fn publish(&self, _: &IndexJob, _: &dyn EntrySource) -> Result<()> {
        Err(Error::internal("not asked for"))
    }

    fn forget(&self, _: &JobId) -> Result<()> {
        Err(Error::internal("not asked for"))
    }
}

/// Artefacts of a job in a folder of their own.
struct Job {
    folder: tempfile::TempDir,
    storage: Storage,
    shards: Vec<ResolveShard>,
    docs: Vec<DocRef>,
    _runtime: tokio::runtime::Runtime,
}

impl Job {
    /// Cuts the documents into shards of the given sizes, the rest into one more; every third record is not there.
    fn write(docs: &[Doc], sizes: &[usize], params: &DedupParams) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        let mut job = Self { folder, storage, shards: Vec::new(), docs: Vec::new(), _runtime: runtime };
        let mut rest = docs;
        for size in sizes.iter().copied().chain([usize::MAX]) {
            let (here, after) = rest.split_at(size.min(rest.len()));
            job.write_shard(here, params);
            rest = after;
        }
        job
    }

    fn uri(&self, name: &str) -> Uri {
        Uri::from_path(&self.folder.path().join(name)).unwrap()
    }

    fn write_shard(&mut self, docs: &[Doc], params: &DedupParams) {
        let id = ShardId(self.shards.len() as u32);
        let documents = self.uri(&format!("{id}-documents"));
        let bands = self.uri(&format!("{id}-bands"));
        let mut table = DocumentsWriter::create(&self.storage, &documents, params.k).unwrap();
        let mut rows = vec![Vec::new(); params.bands as usize];
        for (n, doc) in (0..).zip(docs) {
            let record = n / 2 * 3 + n % 2;
            let reference = DocRef::new(id, record);
            self.docs.push(reference);
            let row = DocumentRow {
                record,
                id: format!("id-{}", self.docs.len() - 1),
                hash: doc.hash,
                chars: doc.chars,
                signature: doc.signature.clone(),
                ..DocumentRow::default()
            };
            table.push(&row).unwrap();
            for (rows, key) in rows.iter_mut().zip(&doc.keys) {
                rows.push(tamis_common::artefact::BandRow { key: *key, doc: reference });
            }
        }
        table.finish().unwrap();
        let mut writer = BandsWriter::create(&self.storage, &bands).unwrap();
        for rows in &mut rows {
            rows.sort();
            writer.write_band(rows).unwrap();
        }
        writer.finish().unwrap();
        self.shards.push(ResolveShard { id, documents, bands, is_reference: false });
    }

    fn resolve(&self, params: &DedupParams, memory: u64, index: Option<&MemoryIndex>) -> Resolution {
        self.resolve_keeping(Keep::First, params, memory, index)
    }

    fn resolve_keeping(
        &self,
        keep: Keep,
        params: &DedupParams,
        memory: u64,
        index: Option<&MemoryIndex>,
    ) -> Resolution {
        self.resolve_with_clusters(keep, params, memory, index).0
    }

    fn resolve_with_clusters(
        &self,
        keep: Keep,
        params: &DedupParams,
        memory: u64,
        index: Option<&MemoryIndex>,
    ) -> (Resolution, Clusters) {
        // The order of shards must not matter.
        let mut shards = self.shards.clone();
        shards.reverse();
        resolve(&ResolveInput {
            storage: &self.storage,
            params,
            exact: true,
            near: true,
            keep,
            shards: &shards,
            index: index.map(|index| index as &dyn DedupIndex),
            memory,
            scratch: self.folder.path(),
            cancel: &AtomicBool::new(false),
        })
        .unwrap()
    }

    /// The shards as writers of decisions see them, with the texts of all documents, which say their ids.
    fn verdict_shards(&self) -> Vec<VerdictShard<'static>> {
        let shard = |shard: &ResolveShard| {
            let survivors = self.uri(&format!("{}-survivors", shard.id));
            let mut writer = SurvivorsWriter::create(&self.storage, &survivors).unwrap();
            for (n, doc) in self.docs.iter().enumerate().filter(|(_, doc)| doc.shard() == shard.id) {
                let id = format!("id-{n}");
                let text = format!("text of {id} {}", "字".repeat(400));
                let (record, offset) = (doc.record(), 0);
                writer.push(&Survivor { record, offset, id: &id, text: &text, extra: "" }).unwrap();
            }
            writer.finish().unwrap();
            VerdictShard {
                id: shard.id,
                documents: shard.documents.clone(),
                survivors,
                source: ["x", "y"][shard.id.0 as usize],
                is_reference: shard.is_reference,
            }
        };
        self.shards.iter().map(shard).collect()
    }

    /// A document's place in the job.
    fn place(&self, doc: DocRef) -> usize {
        self.docs.binary_search(&doc).unwrap()
    }

    /// Decisions that can be compared between cuts.
    fn places(&self, resolution: &Resolution) -> Vec<Placed> {
        let partner = |partner| match partner {
            PartnerRef::Job(doc) => Ok(self.place(doc)),
            PartnerRef::Index(entry) => Err(entry),
        };
        let placed =
            |d: &Duplicate| (self.place(d.doc), d.stage, partner(d.kept), partner(d.via), d.similarity);
        resolution.dropped.iter().map(placed).collect()
    }
}

type Placed = (usize, Stage, Result<usize, EntryRef>, Result<usize, EntryRef>, f64);

const PLENTY: u64 = 1 << 30;

fn resolved(docs: &[Doc], index: Option<&MemoryIndex>) -> Vec<Placed> {
    let job = Job::write(docs, &[2], &params());
    job.places(&job.resolve(&params(), PLENTY, index))
}

fn similar(equal: u32) -> f64 {
    similarity_of(equal, K)
}

fn similarity_of(equal: u32, k: usize) -> f64 {
    tamis_common::dedup::similarity_of_equal(equal, k)
}

#[test]
fn a_chain_is_one_cluster_though_its_ends_are_not_near() {
    // Four values differ between neighbours, so that each pair shares a band that the third is not in.
    let a = [1; K];
    let mut b = a;
    b[0..2].fill(9);
    b[12..14].fill(9);
    let mut c = b;
    c[2..4].fill(9);
    c[14..16].fill(9);
    assert!(similarity(&a, &c) < params().threshold);
    let found = resolved(&[doc(a, 0), doc(b, 0), doc(c, 0)], None);
    assert_eq!(
        found,
        [(1, Stage::Near, Ok(0), Ok(0), similar(12)), (2, Stage::Near, Ok(0), Ok(1), similar(12)),]
    );
}

#[test]
fn exact_and_near_duplicates_mix_in_a_cluster() {
    let a = [1; K];
    let b = changed(a, 2);
    let docs = [doc(a, 0), doc(b, 0), doc(b, 0), doc(a, 0), short(7), short(7), doc([4; K], 0)];
    assert_eq!(
        resolved(&docs, None),
        [
            (1, Stage::Near, Ok(0), Ok(0), similar(14)),
            (2, Stage::Exact, Ok(0), Ok(1), 1.0),
            (3, Stage::Exact, Ok(0), Ok(0), 1.0),
            (5, Stage::Exact, Ok(4), Ok(4), 1.0),
        ]
    );
}

#[test]
fn an_index_entry_takes_its_whole_cluster() {
    let a = [1; K];
    let b = changed(a, 3);
    let entry = |job, entry| EntryRef { job, entry };
    let index = MemoryIndex(BTreeMap::from([
        (entry(0, 8), doc([8; K], 0)),
        (entry(1, 0), doc(b, 0)),
        (entry(1, 3), doc(changed(a, 1), 0)),
        (entry(2, 0), short(7)),
    ]));
    let docs = [doc(a, 0), doc([4; K], 0), doc(b, 0), doc(b, 0), short(7), doc(a, 0)];
    assert_eq!(
        resolved(&docs, Some(&index)),
        [
            (0, Stage::Index, Err(entry(1, 0)), Err(entry(1, 3)), similar(15)),
            (2, Stage::Index, Err(entry(1, 0)), Err(entry(1, 0)), 1.0),
            (3, Stage::Index, Err(entry(1, 0)), Err(entry(1, 0)), 1.0),
            (4, Stage::Index, Err(entry(2, 0)), Err(entry(2, 0)), 1.0),
            (5, Stage::Index, Err(entry(1, 0)), Ok(0), 1.0),
        ]
    );
}

#[test]
fn the_longest_of_a_cluster_stays_and_the_first_of_several() {
    let a = [1; K];
    let b = changed(a, 2);
    let docs = [
        doc(a, 0).of_chars(5),
        doc(a, 0).of_chars(9),
        doc(b, 0).of_chars(7),
        doc(b, 0).of_chars(9),
        short(7).of_chars(3),
        short(7).of_chars(3),
    ];
    let job = Job::write(&docs, &[2], &params());
    assert_eq!(
        job.places(&job.resolve_keeping(Keep::Longest, &params(), PLENTY, None)),
        [
            (0, Stage::Exact, Ok(1), Ok(1), 1.0),
            (2, Stage::Near, Ok(1), Ok(0), similar(14)),
            (3, Stage::Exact, Ok(1), Ok(2), 1.0),
            (5, Stage::Exact, Ok(4), Ok(4), 1.0),
        ]
    );
}

#[test]
fn a_reference_stands_for_its_cluster_and_is_no_duplicate_itself() {
    let a = [1; K];
    let b = changed(a, 2);
    // The second shard is the reference.
    let docs = [doc(a, 0), doc(b, 0), short(3), doc(b, 0), doc(a, 0).of_chars(99), short(9), short(9)];
    let mut job = Job::write(&docs, &[3], &params());
    job.shards[1].is_reference = true;
    for keep in [Keep::First, Keep::Longest] {
        assert_eq!(
            job.places(&job.resolve_keeping(keep, &params(), PLENTY, None)),
            [(0, Stage::Near, Ok(3), Ok(1), similar(14)), (1, Stage::Exact, Ok(3), Ok(3), 1.0)]
        );
    }
}

#[test]
fn without_verification_every_shared_key_is_an_edge() {
    let mut other = [9; K];
    other[0..2].fill(1);
    let docs = [doc([1; K], 0), doc(other, 0)];
    let job = Job::write(&docs, &[], &params());
    assert!(job.resolve(&params(), PLENTY, None).dropped.is_empty());
    let unverified = DedupParams { verify: false, ..params() };
    assert_eq!(job.places(&job.resolve(&unverified, PLENTY, None)).len(), 1);
}

#[test]
fn a_job_without_documents_has_no_duplicates() {
    let job = Job::write(&[], &[0, 0], &params());
    assert_eq!(job.resolve(&params(), PLENTY, None), Resolution::default());
}

#[test]
fn a_cancelled_search_ends() {
    let job = Job::write(&[short(1)], &[], &params());
    let error = resolve(&ResolveInput {
        storage: &job.storage,
        params: &params(),
        exact: true,
        near: true,
        keep: Keep::First,
        shards: &job.shards,
        index: None,
        memory: PLENTY,
        scratch: job.folder.path(),
        cancel: &AtomicBool::new(true),
    });
    assert_eq!(error.err().unwrap().class(), Class::Cancelled);
}

#[test]
fn a_million_identical_documents_leave_one_and_compare_none() {
    let docs = vec![doc([1; K], 0); 1_000_000];
    let job = Job::write(&docs, &[300_000], &params());
    let resolution = job.resolve(&params(), PLENTY, None);
    assert_eq!((resolution.dropped.len(), resolution.clusters, resolution.compared), (999_999, 1, 0));
    assert!(resolution.dropped.iter().all(|d| d.kept == PartnerRef::Job(job.docs[0])));
}

#[test]
fn a_million_documents_in_one_bucket_cost_linear_time() {
    let docs: Vec<Doc> = (0..1_000_000_u64)
        .map(|n| {
            let mut signature = [0; K];
            let hash = key_of(&n.to_le_bytes()).to_le_bytes();
            signature[..8].copy_from_slice(&hash);
            signature[8..].copy_from_slice(&hash);
            // One key for all in the first band, keys of their own in the others.
            let keys = (0..BANDS as u64).map(|band| if band == 0 { 5 } else { n * 8 + band }).collect();
            Doc { hash: u128::from(n), signature: Some(signature.to_vec()), keys, chars: 1 }
        })
        .collect();
    let job = Job::write(&docs, &[300_000], &params());
    let resolution = job.resolve(&params(), PLENTY, None);
    assert!(resolution.compared <= REPRESENTATIVES as u64 * docs.len() as u64);
    assert!(resolution.dropped.len() < 100, "{}", resolution.dropped.len());
}

#[test]
fn verdicts_name_partners_of_job_and_index() {
    let a = [1; K];
    let index = MemoryIndex(BTreeMap::from([(EntryRef { job: 4, entry: 2 }, short(7))]));
    let docs = [doc(a, 0), short(7), doc(changed(a, 2), 0), short(3), doc(a, 0)];
    let job = Job::write(&docs, &[2], &params());
    let (resolution, clusters) = job.resolve_with_clusters(Keep::First, &params(), PLENTY, Some(&index));
    let shards = job.verdict_shards();
    let input =
        ClusterInput { storage: &job.storage, resolution: &resolution, shards: &shards, index: Some(&index) };
    let (_, names) = write_clusters(&input, clusters, &job.uri("clusters")).unwrap();
    let written = write_verdicts(
        &VerdictInput {
            storage: &job.storage,
            resolution: &resolution,
            params: &params(),
            shards: &shards,
            names: &names,
        },
        &|shard| job.uri(&format!("{shard}-verdicts")),
    )
    .unwrap();
    assert_eq!(written.len(), 2);
    let read = |shard: u32| {
        let uri = job.uri(&format!("{}-verdicts", ShardId(shard)));
        let mut reader = VerdictsReader::open(job.storage.open(&uri).unwrap()).unwrap();
        let mut all = Vec::new();
        while let Some(verdicts) = reader.next_batch().unwrap() {
            all.extend(verdicts);
        }
        all
    };
    let here = Partner { job: None, source: "x".to_owned(), id: "id-0".to_owned() };
    let there = Partner { job: Some("job-4".to_owned()), source: "old".to_owned(), id: "entry-2".to_owned() };
    let first = read(0);
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].record, first[0].cause.key().as_str()), (1, "index/match_text"));
    assert_eq!((first[0].cause.kept.as_ref(), first[0].cause.via.as_ref()), (Some(&there), Some(&there)));
    let second = read(1);
    let keys: Vec<_> = second.iter().map(|v| (v.record, v.cause.key())).collect();
    assert_eq!(keys, [(0, "near/similarity".to_owned()), (3, "exact/match_text".to_owned())]);
    assert_eq!(second[0].cause.kept, Some(here.clone()));
    assert_eq!(second[0].cause.value, Some(similar(14)));
    assert_eq!(second[1].cause.via, Some(here));
}

#[test]
fn the_largest_clusters_are_shown_with_what_stands_for_them_and_the_start_of_texts() {
    let index = MemoryIndex(BTreeMap::from([(EntryRef { job: 4, entry: 2 }, short(7))]));
    let mut docs = vec![short(7), short(7), short(8)];
    docs.extend((0..4).map(|chars| doc([1; K], 0).of_chars(chars)));
    // Twelve pairs: with the others more than are shown.
    docs.extend((100..112).flat_map(|hash| [short(hash), short(hash)]));
    let job = Job::write(&docs, &[5], &params());
    let (resolution, clusters) = job.resolve_with_clusters(Keep::Longest, &params(), PLENTY, Some(&index));
    let shards = job.verdict_shards();
    let input =
        ClusterInput { storage: &job.storage, resolution: &resolution, shards: &shards, index: Some(&index) };
    let (facts, _) = write_clusters(&input, clusters, &job.uri("clusters")).unwrap();
    let sizes: Vec<u64> = facts.largest.iter().map(|cluster| cluster.size).collect();
    assert_eq!(sizes, [4, 3, 2, 2, 2, 2, 2, 2, 2, 2]);
    let ids = |cluster: &LargeCluster| -> Vec<String> {
        let members = std::iter::once(&cluster.kept).chain(&cluster.samples);
        members.map(|member| member.name.id.clone()).collect()
    };
    assert_eq!(ids(&facts.largest[0]), ["id-6", "id-3", "id-4"]);
    assert_eq!(ids(&facts.largest[1]), ["entry-2", "id-0", "id-1"]);
    assert_eq!(ids(&facts.largest[2]), ["id-7", "id-8"]);
    assert_eq!(facts.largest[1].kept.text, None);
    let sample = &facts.largest[1].samples[0];
    let text = sample.text.as_ref().unwrap();
    assert!(text.starts_with("text of id-0 字字"), "{text}");
    assert_eq!(text.chars().count(), 300);
    let json = serde_json::to_value(sample).unwrap();
    assert_eq!(json, serde_json::json!({ "job": null, "source": "x", "id": "id-0", "text": text }));
}

/// The rules, followed word by word: sets of places, entries behind them.
fn components(docs: &[Doc], index: &MemoryIndex) -> Vec<BTreeSet<usize>> {
    let entries: Vec<&Doc> = index.0.values().collect();
    let near = |a: &Doc, b: &Doc| match (&a.signature, &b.signature) {
        (Some(a), Some(b)) => similarity(a, b) >= params().threshold,
        _ => false,
    };
    let first = |doc: usize| docs.iter().position(|d| d.hash == docs[doc].hash).unwrap();
    let mut edges: Vec<(usize, usize)> = (0..docs.len()).map(|doc| (first(doc), doc)).collect();
    for band in 0..BANDS {
        let mut buckets: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for doc in (0..docs.len()).filter(|doc| first(*doc) == *doc) {
            if let Some(key) = docs[doc].keys.get(band) {
                buckets.entry(*key).or_default().push(doc);
            }
        }
        for members in buckets.values() {
            let mut stand: Vec<usize> = Vec::new();
            for doc in members {
                let matched: Vec<_> = stand.iter().filter(|s| near(&docs[**s], &docs[*doc])).collect();
                edges.extend(matched.iter().map(|s| (**s, *doc)));
                if matched.is_empty() && stand.len() < REPRESENTATIVES {
                    stand.push(*doc);
                }
            }
        }
    }
    for doc in (0..docs.len()).filter(|doc| first(*doc) == *doc) {
        let equal = entries.iter().any(|entry| entry.hash == docs[doc].hash);
        for (n, entry) in entries.iter().enumerate() {
            let shares = docs[doc].keys.iter().zip(&entry.keys).any(|(a, b)| a == b);
            if entry.hash == docs[doc].hash || (!equal && shares && near(entry, &docs[doc])) {
                edges.push((doc, docs.len() + n));
            }
        }
    }
    let mut sets: Vec<BTreeSet<usize>> =
        (0..docs.len() + entries.len()).map(|n| BTreeSet::from([n])).collect();
    for (a, b) in edges {
        let [a, b] = [a, b].map(|n| sets.iter().position(|set| set.contains(&n)).unwrap());
        if a != b {
            let joined = sets.remove(a.max(b));
            sets[a.min(b)].extend(joined);
        }
    }
    sets.retain(|set| set.len() > 1);
    sets
}

fn any_doc() -> impl Strategy<Value = Doc> {
    let template = (0..5_u8, 0..6_usize, 0..2_u8, prop::sample::select(vec![0_u8, 0, 3]));
    prop_oneof![
        6 => template.prop_map(|(base, n, version, head)| {
            let mut signature = changed([base; K], n);
            signature[0] ^= head;
            doc(signature, version)
        }),
        1 => (0..4_u128).prop_map(short),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn one_member_of_each_cluster_stays_for_any_cut_and_any_memory(
        docs in prop::collection::vec(any_doc(), 0..60),
        entries in prop::collection::vec(any_doc(), 0..4),
        sizes in prop::collection::vec(0..20_usize, 0..5),
        memory in prop::sample::select(vec![0_u64, 700, 3_000, PLENTY]),
    ) {
        let index = MemoryIndex(
            (0..).map(|n| EntryRef { job: n / 2, entry: n % 2 * 5 }).zip(entries).collect()
        );
        let whole = Job::write(&docs, &[], &params());
        let resolution = whole.resolve(&params(), PLENTY, Some(&index));
        let decisions = whole.places(&resolution);

        let cut = Job::write(&docs, &sizes, &params());
        let other = cut.resolve(&params(), memory, Some(&index));
        prop_assert_eq!(&cut.places(&other), &decisions);
        prop_assert_eq!((other.compared, other.matched, other.clusters), (resolution.compared, resolution.matched, resolution.clusters));

        let clusters = components(&docs, &index);
        let dropped: BTreeMap<usize, &Placed> = decisions.iter().map(|d| (d.0, d)).collect();
        prop_assert_eq!(resolution.clusters as usize, clusters.len());
        let mut gone = 0;
        for cluster in clusters {
            let entry = cluster.iter().find(|n| **n >= docs.len());
            let kept = match entry {
                Some(n) => Err(*index.0.keys().nth(n - docs.len()).unwrap()),
                None => Ok(*cluster.first().unwrap()),
            };
            for member in cluster.iter().filter(|n| **n < docs.len() && Ok(**n) != kept) {
                prop_assert_eq!(dropped[member].2, kept);
                gone += 1;
            }
        }
        prop_assert_eq!(gone, dropped.len());
    }
}
