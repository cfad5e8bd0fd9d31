//! An index as its callers see it, against a model in memory; and after crashes and damage.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tamis_common::ids::ShardId;
use tamis_common::{Class, Error};

use super::*;

const K: usize = 8;
const BANDS: u32 = 3;

fn params() -> DedupParams {
    DedupParams { threshold: 0.75, shingle: 5, k: K as u32, bands: BANDS, rows: 2, verify: true }
}

/// Few distinct ones, spread over the range.
fn hash_of(value: u8) -> u128 {
    let low = u128::from(value % 2);
    u128::from(u64::from(value / 2 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | low
}

fn key_of(value: u8) -> u64 {
    u64::from(value).wrapping_mul(0xd134_2543_de82_ef95)
}

#[derive(Clone, Debug, PartialEq)]
struct Document {
    hash: u8,
    keys: Option<[u8; BANDS as usize]>,
    source: String,
    id: String,
}

impl Document {
    fn signature(&self) -> Option<Vec<u8>> {
        self.keys.map(|keys| (0..K).map(|i| keys[i % keys.len()].wrapping_add(i as u8)).collect())
    }
}

impl EntrySource for Vec<Document> {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        self.iter().try_for_each(|doc| {
            let signature = doc.signature();
            let hash = hash_of(doc.hash);
            each(NewEntry { hash, signature: signature.as_deref(), source: &doc.source, id: &doc.id })
        })
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        let keys = self.iter().map(|doc| doc.keys.map(|keys| key_of(keys[band as usize])));
        rows.extend(keys.enumerate().filter_map(|(i, key)| Some((key?, i as u32))));
        rows.sort_unstable();
        Ok(())
    }
}

fn document() -> impl Strategy<Value = Document> {
    let keys = prop::option::weighted(0.8, any::<[u8; BANDS as usize]>());
    (0_u8..60, keys, "[a-c]", ".{0,12}").prop_map(|(hash, keys, source, id)| Document {
        hash,
        keys: keys.map(|keys| keys.map(|key| key % 24)),
        source,
        id,
    })
}

fn documents(count: usize) -> Vec<Document> {
    let document = |i: usize| Document {
        hash: (i % 50) as u8,
        keys: (!i.is_multiple_of(7)).then(|| [1, 2, 3].map(|prime| (i * prime % 24) as u8)),
        source: "web".into(),
        id: format!("doc {i}"),
    };
    (0..count).map(document).collect()
}

fn job(number: usize, documents: &[Document]) -> IndexJob {
    IndexJob {
        job: JobId(format!("job-{number}")),
        name: format!("name {number}"),
        documents: documents.len() as u64,
        published_at_ms: 1_000 + number as u64,
    }
}

/// Publishes jobs 0, 1, ... with some documents each.
fn publish_all(index: &dyn DedupIndex, sizes: impl IntoIterator<Item = usize>) {
    for (number, size) in sizes.into_iter().enumerate() {
        let documents = documents(size);
        index.publish(&job(number, &documents), &documents).unwrap();
    }
}

/// What look-ups give for every possible hash and key, in the order given.
#[derive(Debug, PartialEq)]
struct Answers {
    hits: Vec<Vec<(DocRef, EntryRef)>>,
    signatures: Vec<(EntryRef, Vec<u8>)>,
    infos: Vec<EntryInfo>,
}

fn answers(index: &dyn DedupIndex) -> Answers {
    let doc = |i: u32| DocRef::new(ShardId(3), i);
    let mut hashes: Vec<(u128, DocRef)> = (0..70).map(|v| (hash_of(v as u8), doc(v))).collect();
    // Two documents with one hash.
    hashes.push((hash_of(0), doc(500)));
    hashes.sort_unstable();
    let mut rows: Vec<BandRow> = (0..30).map(|v| BandRow { key: key_of(v as u8), doc: doc(v) }).collect();
    rows.push(BandRow { key: key_of(7), doc: doc(900) });
    rows.sort_unstable();

    let mut hits = vec![Vec::new(); 1 + BANDS as usize];
    index.lookup_hashes(&hashes, &mut |doc, entry| hits[0].push((doc, entry))).unwrap();
    for band in 0..BANDS {
        let out = &mut hits[1 + band as usize];
        index.lookup_band(band, &rows, &mut |doc, entry| out.push((doc, entry))).unwrap();
    }
    let sorted = |lists: &[Vec<(DocRef, EntryRef)>]| {
        let mut entries: Vec<EntryRef> = lists.iter().flatten().map(|(_, entry)| *entry).collect();
        entries.sort_unstable();
        entries.dedup();
        entries
    };
    let mut signatures = Vec::new();
    index
        .signatures(&sorted(&hits[1..]), &mut |entry, signature| {
            signatures.push((entry, signature.to_vec()));
            Ok(())
        })
        .unwrap();
    let infos = index.infos(&sorted(&hits)).unwrap();
    for list in &mut hits {
        list.sort_unstable();
    }
    Answers { hits, signatures, infos }
}

/// What an index with these live jobs, by ordinal, must answer.
fn expected(jobs: &BTreeMap<u32, (JobId, Vec<Document>)>) -> Answers {
    let doc = |i: u32| DocRef::new(ShardId(3), i);
    let mut answers =
        Answers { hits: vec![Vec::new(); 1 + BANDS as usize], signatures: Vec::new(), infos: Vec::new() };
    for (ordinal, (id, documents)) in jobs {
        for (i, document) in documents.iter().enumerate() {
            let entry = EntryRef { job: *ordinal, entry: i as u32 };
            let (source, name) = (document.source.clone(), document.id.clone());
            answers.infos.push(EntryInfo { job: id.clone(), source, id: name });
            answers.signatures.extend(document.signature().map(|s| (entry, s)));
            answers.hits[0].push((doc(document.hash.into()), entry));
            if document.hash == 0 {
                answers.hits[0].push((doc(500), entry));
            }
            for (band, key) in document.keys.into_iter().flatten().enumerate() {
                answers.hits[1 + band].push((doc(key.into()), entry));
                if key == 7 {
                    answers.hits[1 + band].push((doc(900), entry));
                }
            }
        }
    }
    for list in &mut answers.hits {
        list.sort_unstable();
    }
    answers
}

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<Document>),
    Again(usize),
    Forget(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(document(), 0..40).prop_map(Step::Publish),
        1 => any::<usize>().prop_map(Step::Again),
        2 => any::<usize>().prop_map(Step::Forget),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn an_index_answers_as_a_model_in_memory_does(steps in prop::collection::vec(step(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let mut indexes = Indexes::open(folder.path()).unwrap();
        let mut index = indexes.open_index("main", &params()).unwrap();
        let mut published: Vec<Vec<Document>> = Vec::new();
        let mut model: BTreeMap<u32, (JobId, Vec<Document>)> = BTreeMap::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Publish(documents) => {
                    let record = job(published.len(), &documents);
                    index.publish(&record, &documents).unwrap();
                    model.insert(next, (record.job, documents.clone()));
                    published.push(documents);
                    next += 1;
                }
                Step::Again(which) if !published.is_empty() => {
                    let which = which % published.len();
                    let record = job(which, &published[which]);
                    index.publish(&record, &published[which]).unwrap();
                    if model.values().all(|(id, _)| *id != record.job) {
                        model.insert(next, (record.job, published[which].clone()));
                        next += 1;
                    }
                }
                Step::Forget(which) if !published.is_empty() => {
                    let id = job(which % published.len(), &[]).job;
                    index.forget(&id).unwrap();
                    model.retain(|_, (job, _)| *job != id);
                }
                Step::Again(_) | Step::Forget(_) => index.forget(&JobId::from("unknown")).unwrap(),
                Step::Reopen => {
                    drop(index);
                    drop(indexes);
                    indexes = Indexes::open(folder.path()).unwrap();
                    index = indexes.get("main").unwrap();
                }
            }
            prop_assert_eq!(answers(&*index), expected(&model));
        }
        indexes.verify("main").unwrap();
        let stats = index.stats().unwrap();
        prop_assert_eq!(stats.documents, model.values().map(|(_, d)| d.len() as u64).sum::<u64>());
        let ids: Vec<&JobId> = stats.jobs.iter().map(|job| &job.job).collect();
        prop_assert_eq!(ids, model.values().map(|(id, _)| id).collect::<Vec<_>>());
        prop_assert!(stats.runs <= 3, "{} small runs", stats.runs);

        // The digest is that of an index which never saw what was forgotten.
        let other = tempfile::tempdir().unwrap();
        let fresh = Indexes::open(other.path()).unwrap().open_index("other", &params()).unwrap();
        for (id, documents) in model.values() {
            fresh.publish(&IndexJob { job: id.clone(), ..job(0, documents) }, documents).unwrap();
        }
        prop_assert_eq!(fresh.stats().unwrap().state_digest, stats.state_digest);
    }
}

/// Hits of one band in the order in which they are called.
fn band_hits(index: &dyn DedupIndex) -> Vec<(DocRef, EntryRef)> {
    let mut rows: Vec<BandRow> =
        (0..30).map(|v| BandRow { key: key_of(v), doc: DocRef::new(ShardId(0), v.into()) }).collect();
    rows.sort_unstable();
    let mut hits = Vec::new();
    index.lookup_band(0, &rows, &mut |doc, entry| hits.push((doc, entry))).unwrap();
    hits
}

#[test]
fn hits_come_in_an_order_that_does_not_tell_how_runs_were_merged() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let [apart, merged] = ["apart", "merged"].map(|name| indexes.open_index(name, &params()).unwrap());
    publish_all(&*apart, [30, 30, 30]);
    publish_all(&*merged, [30, 30, 30, 30]);
    let fourth = job(3, &[]).job;
    assert_eq!((apart.stats().unwrap().runs, merged.stats().unwrap().runs), (3, 1));
    merged.forget(&fourth).unwrap();
    assert!(!band_hits(&*apart).is_empty());
    assert_eq!(band_hits(&*apart), band_hits(&*merged));
    assert_eq!(apart.stats().unwrap().state_digest, merged.stats().unwrap().state_digest);
}

#[test]
fn an_index_with_other_parameters_is_refused_with_both_shown() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    indexes.open_index("main", &params()).unwrap();
    let softer = DedupParams { threshold: 0.6, verify: false, ..params() };
    indexes.open_index("main", &softer).unwrap();
    drop(indexes);
    let indexes = Indexes::open(folder.path()).unwrap();
    for other in [
        DedupParams { shingle: 4, ..params() },
        DedupParams { k: 16, ..params() },
        DedupParams { bands: 4, ..params() },
        DedupParams { rows: 3, ..params() },
    ] {
        let error = indexes.open_index("main", &other).err().unwrap();
        assert_eq!(error.class(), Class::Spec);
        assert!(error.message().contains("shingle = 5, k = 8, bands = 3, rows = 2"), "{error}");
        assert!(error.message().contains(&format!("rows = {}", other.rows)), "{error}");
    }
    assert_eq!(indexes.list().len(), 1);
    for name in ["", "a/b", "../x", "é"] {
        assert_eq!(indexes.open_index(name, &params()).err().unwrap().class(), Class::Spec);
    }
    assert!(indexes.get("other").is_none());
    assert_eq!(indexes.verify("other").unwrap_err().class(), Class::NotFound);
}

#[test]
fn named_indexes_know_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let [a, b] = ["a", "b"].map(|name| indexes.open_index(name, &params()).unwrap());
    publish_all(&*a, [10]);
    assert!(band_hits(&*b).is_empty());
    publish_all(&*b, [20, 5]);
    drop((a, b, indexes));
    let documents: Vec<u64> =
        Indexes::open(folder.path()).unwrap().list().into_iter().map(|stats| stats.documents).collect();
    assert_eq!(documents, [10, 25]);
}

#[test]
fn forgetting_gives_back_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    publish_all(&*index, [100, 100, 100, 100, 0]);
    let before = index.stats().unwrap().bytes;
    index.forget(&job(0, &[]).job).unwrap();
    index.forget(&job(1, &[]).job).unwrap();
    assert!(index.stats().unwrap().bytes < before * 6 / 10);
    for number in 2..5 {
        index.forget(&job(number, &[]).job).unwrap();
    }
    let stats = index.stats().unwrap();
    assert_eq!((stats.documents, stats.bytes, stats.runs, stats.jobs.len()), (0, 0, 0, 0));
    assert_eq!(run_files(folder.path()), Vec::<PathBuf>::new());
    // A forgotten job may come back, as a new one.
    publish_all(&*index, [10]);
    assert!(band_hits(&*index).iter().all(|(_, entry)| entry.job == 5));
}

#[test]
fn a_job_that_is_not_as_promised_is_refused_and_leaves_nothing_visible() {
    struct Foreign;
    impl EntrySource for Foreign {
        fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
            each(NewEntry { hash: 1, signature: None, source: "s", id: "i" })
        }
        fn band(&self, _: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
            rows.push((1, 7));
            Ok(())
        }
    }
    struct Failing;
    impl EntrySource for Failing {
        fn documents(&self, _: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
            Err(Error::storage("the store is gone"))
        }
        fn band(&self, _: u32, _: &mut Vec<(u64, u32)>) -> Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    let record = job(0, &documents(1));
    let error = index.publish(&IndexJob { documents: 2, ..record.clone() }, &documents(1)).unwrap_err();
    assert!(error.message().contains("2 documents enters 1"), "{error}");
    let error = index.publish(&record, &Foreign).unwrap_err();
    assert!(error.message().contains("document 7 of 1"), "{error}");
    let error = index.publish(&record, &Failing).unwrap_err();
    assert_eq!(error.message(), "the store is gone");
    let error =
        index.publish(&IndexJob { name: "n".repeat(5_000), ..record.clone() }, &documents(1)).unwrap_err();
    assert_eq!(error.class(), Class::Spec);
    assert!(index.stats().unwrap().jobs.is_empty());
    index.publish(&record, &documents(1)).unwrap();
    assert_eq!(index.stats().unwrap().documents, 1);
}

#[test]
fn wrong_calls_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    publish_all(&*index, [10]);
    let row = |key| BandRow { key, doc: DocRef::new(ShardId(0), 0) };
    assert_eq!(index.lookup_band(BANDS, &[], &mut |_, _| ()).unwrap_err().class(), Class::Internal);
    assert_eq!(index.lookup_band(0, &[row(2), row(1)], &mut |_, _| ()).unwrap_err().class(), Class::Internal);
    let unsigned = EntryRef { job: 0, entry: 0 };
    assert_eq!(index.signatures(&[unsigned], &mut |_, _| Ok(())).unwrap_err().class(), Class::Internal);
    index.forget(&job(0, &[]).job).unwrap();
    assert_eq!(index.infos(&[unsigned]).unwrap_err().class(), Class::Conflict);
}

fn run_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir.join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    files
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Copies the index folder whenever a publish asks for documents or bands, as a kill at that moment would leave it.
struct Observed<'a> {
    documents: Vec<Document>,
    dir: &'a Path,
    copies: &'a Path,
}

impl Observed<'_> {
    fn copy(&self) {
        let number = fs::read_dir(self.copies).unwrap().count();
        copy_folder(self.dir, &self.copies.join(number.to_string()));
    }
}

impl EntrySource for Observed<'_> {
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()> {
        self.copy();
        self.documents.documents(each)?;
        self.copy();
        Ok(())
    }

    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()> {
        self.copy();
        self.documents.band(band, rows)
    }
}

#[test]
fn a_kill_while_a_job_is_written_leaves_the_index_as_it_was() {
    let (folder, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    publish_all(&*index, [20, 30]);
    let before = (index.stats().unwrap(), answers(&*index), run_files(folder.path()).len());
    let observed = Observed { documents: documents(40), dir: folder.path(), copies: copies.path() };
    let record = job(2, &observed.documents);
    index.publish(&record, &observed).unwrap();
    let after = answers(&*index);
    let mut leftovers = 0;
    for copy in fs::read_dir(copies.path()).unwrap() {
        let copy = copy.unwrap().path();
        leftovers += run_files(&copy).len() - before.2;
        let indexes = Indexes::open(&copy).unwrap();
        let index = indexes.get("main").unwrap();
        assert_eq!((index.stats().unwrap(), answers(&*index), run_files(&copy).len()), before);
        index.publish(&record, &observed.documents).unwrap();
        assert_eq!(answers(&*index), after);
    }
    assert!(leftovers > 4, "the copies held {leftovers} unfinished files");
}

#[test]
fn a_kill_before_the_commit_leaves_files_that_the_next_start_removes() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    publish_all(&*index, [20]);
    let before = (answers(&*index), run_files(folder.path()));
    let prepared = indexes.local("main").unwrap().prepare(&job(1, &documents(9)), &documents(9)).unwrap();
    assert!(prepared.files.is_some());
    assert_eq!(run_files(folder.path()).len(), before.1.len() + 2);
    fs::write(folder.path().join("runs/notes.txt"), "not ours").unwrap();
    drop((index, indexes));

    let indexes = Indexes::open(folder.path()).unwrap();
    fs::remove_file(folder.path().join("runs/notes.txt")).unwrap();
    let index = indexes.get("main").unwrap();
    assert_eq!((answers(&*index), run_files(folder.path())), before);
    publish_all(&*index, [20, 9]);
    assert_eq!(index.stats().unwrap().documents, 29);
}

#[test]
fn a_kill_after_the_commit_leaves_dead_files_that_the_next_start_removes() {
    let (folder, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.open_index("main", &params()).unwrap();
    publish_all(&*index, [20, 30, 40]);
    copy_folder(&folder.path().join("runs"), kept.path());
    publish_all(&*index, [20, 30, 40, 50]);
    index.forget(&job(1, &[]).job).unwrap();
    let after = (index.stats().unwrap(), answers(&*index), run_files(folder.path()));
    drop((index, indexes));
    copy_folder(kept.path(), &folder.path().join("runs"));
    assert!(run_files(folder.path()).len() > after.2.len());

    let indexes = Indexes::open(folder.path()).unwrap();
    let index = indexes.get("main").unwrap();
    assert_eq!((index.stats().unwrap(), answers(&*index), run_files(folder.path())), after);
}

/// The error of opening and verifying the index in `dir`, if there is one.
fn open_and_verify(dir: &Path) -> Result<(IndexStats, Answers)> {
    let indexes = Indexes::open(dir)?;
    indexes.verify("main")?;
    let index = indexes.get("main").unwrap();
    Ok((index.stats()?, answers(&*index)))
}

fn assert_names_rebuild(error: &Error) {
    assert_eq!(error.class(), Class::Storage, "{error}");
    assert!(error.hint().unwrap().contains("tamis index rebuild"), "{error}");
}

#[test]
fn flipped_bytes_in_any_file_are_noticed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    publish_all(&*indexes.open_index("main", &params()).unwrap(), [200, 100]);
    drop(indexes);
    for file in run_files(folder.path()) {
        let sound = fs::read(&file).unwrap();
        for at in (0..sound.len()).step_by(sound.len() / 23) {
            let mut bytes = sound.clone();
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            let error = open_and_verify(folder.path()).unwrap_err();
            assert_names_rebuild(&error);
            assert!(error.message().contains(file.to_str().unwrap()), "{error}");
        }
        fs::write(&file, &sound).unwrap();
    }
    open_and_verify(folder.path()).unwrap();
}

#[test]
fn a_missing_file_or_catalogue_is_an_error_and_nothing_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    publish_all(&*indexes.open_index("main", &params()).unwrap(), [20, 10]);
    drop(indexes);
    for file in run_files(folder.path()) {
        let sound = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let left = run_files(folder.path());
        let error = Indexes::open(folder.path()).err().unwrap();
        assert_names_rebuild(&error);
        assert!(error.message().contains("missing"), "{error}");
        assert_eq!(run_files(folder.path()), left);
        fs::write(&file, &sound).unwrap();
    }
    let files = run_files(folder.path());
    fs::remove_dir_all(folder.path().join("catalogue")).unwrap();
    let error = Indexes::open(folder.path()).err().unwrap();
    assert_names_rebuild(&error);
    assert_eq!(run_files(folder.path()), files);
}

#[test]
fn a_damaged_catalogue_is_an_error_or_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = Indexes::open(folder.path()).unwrap();
    publish_all(&*indexes.open_index("main", &params()).unwrap(), [20, 10]);
    drop(indexes);
    let sound = open_and_verify(folder.path()).unwrap();
    let db = fs::read(folder.path().join("catalogue/db")).unwrap();
    let used = db.iter().rposition(|byte| *byte != 0).unwrap();
    for at in (0..used).step_by((used / 60).max(1)) {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(folder.path(), copy.path());
        let mut bytes = db.clone();
        bytes[at] ^= 0x41;
        fs::write(copy.path().join("catalogue/db"), bytes).unwrap();
        match open_and_verify(copy.path()) {
            Ok(found) => assert_eq!(found, sound, "byte {at}"),
            Err(error) => assert_names_rebuild(&error),
        }
    }
}

#[test]
fn opening_waits_for_the_one_who_has_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let first = Indexes::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Indexes::open(folder.path()).map(|_| ()));
        drop(first);
        second.join().unwrap().unwrap();
    });
}
