//! What is fuzzed beside cleaners and filters: whatever bytes come, nothing panics, hangs, or takes memory without bound.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message;
use tamis_common::artefact::{
    DocumentColumns, DocumentsReader, DropsReader, Samples, SurvivorsReader, TaskManifest, VerdictsReader,
};
use tamis_common::ids::ShardId;
use tamis_common::input::detect;
use tamis_common::read::read_shard;
use tamis_common::shard::{Format, Part, Shard};
use tamis_common::spec::{JobSpec, LimitsSpec, OnCorrupt, SourceSpec, TxtUnit};
use tamis_common::storage::{Storage, Uri};
use tamis_coordinator::access::Tokens;
use tamis_coordinator::index::probe::read_file;
use tamis_proto::v1;

/// A target: its name and what it does with bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: [Target; 6] = [
    ("spec", spec),
    ("input", input),
    ("artefact", artefact),
    ("message", message),
    ("index", index),
    ("tokens", tokens),
];

/// A job spec in TOML or JSON. What is read is written as canonical JSON, and read back the same.
pub(crate) fn spec(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = JobSpec::from_json(&text);
    if let Ok(spec) = JobSpec::parse(&text, "job.toml") {
        let json = spec.to_canonical_json();
        let again = JobSpec::from_json(&json).expect("what was written reads");
        assert_eq!(again.to_canonical_json(), json);
    }
}

/// An input of any format: the first byte says how it is taken, the rest is the file. Every record has its number.
pub(crate) fn input(bytes: &[u8]) {
    let Some((&how, bytes)) = bytes.split_first() else { return };
    let file = Scratch::of(bytes);
    let Ok(meta) = STORAGE.head(&file.uri) else { return };
    let units = [TxtUnit::File, TxtUnit::Line, TxtUnit::Block];
    let encodings = ["utf-8", "gb18030", "utf-16le", "windows-1252"];
    let source = SourceSpec {
        format: [None, Some(Format::Jsonl), Some(Format::Parquet), Some(Format::Csv), Some(Format::Txt)]
            [usize::from(how) % 5],
        txt_unit: units[usize::from(how / 5) % 3],
        encoding: encodings[usize::from(how / 15) % 4].to_owned(),
        ..SOURCE.clone()
    };
    let Ok(detected) = detect(&STORAGE, &meta, source.format) else { return };
    let shard = Shard {
        id: ShardId(0),
        source: 0,
        uri: file.uri.clone(),
        size: meta.size,
        version: meta.version,
        format: detected.format,
        compression: detected.compression,
        part: Part::Whole,
        bytes: meta.size,
    };
    let limits = LimitsSpec { record_bytes: 1 << 20, page_bytes: 1 << 20, ..LimitsSpec::default() };
    let mut next = 0;
    let _ = read_shard(&STORAGE, &shard, &source, OnCorrupt::Skip, &limits, &mut |record| {
        assert_eq!(record.record, next);
        next += 1;
        if let Ok(body) = &record.body {
            assert!(!body.text.trim().is_empty());
        }
        Ok(())
    });
}

/// A file of an artefact: the first byte says which.
pub(crate) fn artefact(bytes: &[u8]) {
    let Some((&which, bytes)) = bytes.split_first() else { return };
    let file = Scratch::of(bytes);
    let Ok(object) = STORAGE.open(&file.uri) else { return };
    match which % 6 {
        0 => {
            let Ok(mut reader) = SurvivorsReader::open(object) else { return };
            while let Ok(Some(_)) = reader.next_batch() {}
        }
        1 => {
            let Ok(mut reader) = DropsReader::open(object) else { return };
            while let Ok(Some(_)) = reader.next_batch() {}
        }
        2 => {
            let Ok(mut reader) = VerdictsReader::open(object) else { return };
            while let Ok(Some(_)) = reader.next_batch() {}
        }
        3 => {
            let Ok(reader) = DocumentsReader::open(object, DocumentColumns::All) else { return };
            let _ = reader.for_each(|_| Ok(()));
        }
        4 => drop(Samples::read(&STORAGE, &file.uri)),
        _ => drop(serde_json::from_slice::<TaskManifest>(bytes)),
    }
}

/// A message of a client or worker: the first byte says which. What decodes is encoded and decoded the same.
pub(crate) fn message(bytes: &[u8]) {
    fn again<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
        if let Ok(message) = M::decode(bytes) {
            let encoded = message.encode_to_vec();
            let read = M::decode(&encoded[..]).expect("what was written reads");
            assert_eq!(read.encode_to_vec(), encoded);
        }
    }
    let Some((&which, bytes)) = bytes.split_first() else { return };
    match which % 12 {
        0 => again::<v1::SubmitRequest>(bytes),
        1 => again::<v1::ListJobsRequest>(bytes),
        2 => again::<v1::ExplainRequest>(bytes),
        3 => again::<v1::RegisterRequest>(bytes),
        4 => again::<v1::AcquireTasksRequest>(bytes),
        5 => again::<v1::AcquireTasksResponse>(bytes),
        6 => again::<v1::HeartbeatRequest>(bytes),
        7 => again::<v1::CommitTaskRequest>(bytes),
        8 => again::<v1::FailTaskRequest>(bytes),
        9 => again::<v1::CheckRequest>(bytes),
        10 => again::<v1::JobStatus>(bytes),
        _ => again::<v1::ExportIndexRequest>(bytes),
    }
}

/// A file of an index with checksums that are right: the first byte gives the bands of a run, or 0 for columns; then come
/// chunks, each behind its length in two bytes, the footer last.
pub(crate) fn index(bytes: &[u8]) {
    let Some((&bands, mut rest)) = bytes.split_first() else { return };
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_le_bytes([length[0], length[1]])).min(after.len());
        chunks.push(&after[..length]);
        rest = &after[length..];
    }
    let folder = tempfile::tempdir_in(FOLDER.path()).expect("a folder");
    let _ = read_file(folder.path(), (bands > 0).then_some(u32::from(bands)), &chunks);
}

/// A file of tokens: who is not in it is not found.
pub(crate) fn tokens(bytes: &[u8]) {
    let file = Scratch::of(bytes);
    let path = file.uri.local_path().expect("a local file");
    let Ok(tokens) = Tokens::read(&path) else { return };
    assert!(tokens.find("tamis_nobody").is_none());
    let mut ids: Vec<&str> = tokens.iter().map(|token| token.id.as_str()).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|two| two[0] != two[1]), "an id stands there twice");
}

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime")
});
static STORAGE: LazyLock<Storage> = LazyLock::new(|| Storage::new(RUNTIME.handle().clone()));
static SOURCE: LazyLock<SourceSpec> = LazyLock::new(|| {
    let text = "name = \"fuzz\"\n[[source]]\nname = \"s\"\ninputs = [\"/in\"]\n[output]\nuri = \"/out\"\n";
    let spec = JobSpec::parse(text, "job.toml").expect("a spec");
    spec.sources.into_iter().next().expect("a source")
});
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// A file with these bytes, which goes with its owner.
struct Scratch {
    path: PathBuf,
    uri: Uri,
}

impl Scratch {
    fn of(bytes: &[u8]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = FOLDER.path().join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        std::fs::write(&path, bytes).expect("a file");
        let uri = Uri::from_path(&path).expect("an absolute path");
        Self { path, uri }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
