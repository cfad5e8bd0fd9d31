#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::Ordering;

use tamis_common::Class;
use tamis_common::artefact::{BandsReader, DocumentColumns, DocumentsReader, DropsReader, SurvivorsReader};
use tamis_common::ids::ShardId;
use tamis_common::shard::{Compression, Format, Part};
use tamis_common::sieve::resources::Resources;
use tamis_common::spec::OnCorrupt;

use super::*;
use crate::tokenize::Tokenizer;
use crate::tokenize::tests::{plain, small_tokenizer_json};

fn spec() -> JobSpec {
    let toml =
        "name='t'\n[[source]]\nname='s'\ninputs=['/x']\n[filter.length]\nmin_chars=3\n[output]\nuri='/o'\n";
    JobSpec::parse(toml, "job.toml").unwrap()
}

/// A folder with one input in it.
struct Folder {
    storage: Storage,
    uri: Uri,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        let uri = Uri::from_path(folder.path()).unwrap();
        Self { storage, uri, folder, _runtime: runtime }
    }

    /// Writes a file and pins it.
    fn shard(&self, content: &[u8], format: Format) -> Shard {
        let path = self.folder.path().join("input");
        std::fs::write(&path, content).unwrap();
        let uri = Uri::from_path(&path).unwrap();
        let meta = self.storage.head(&uri).unwrap();
        Shard {
            id: ShardId(3),
            source: 0,
            uri,
            size: meta.size,
            version: meta.version,
            format,
            compression: match content {
                [0x1f, 0x8b, ..] => Compression::Gzip,
                _ => Compression::None,
            },
            part: Part::Whole,
            bytes: meta.size,
        }
    }
}

/// A folder with an input, and what scanning it gave.
struct Scanned {
    folder: Folder,
    work: Uri,
    progress: Progress,
    result: Result<TaskManifest>,
}

impl Scanned {
    fn new(content: &[u8], format: Format, spec: &JobSpec) -> Self {
        Self::with(content, format, spec, Progress::default(), None)
    }

    fn with(
        content: &[u8],
        format: Format,
        spec: &JobSpec,
        progress: Progress,
        tokenizer: Option<&Tokenizer>,
    ) -> Self {
        let folder = Folder::new();
        let work = folder.uri.join("work");
        let shard = &folder.shard(content, format);
        let storage = &folder.storage;
        let sieve = &Sieve::build(spec, &Resources::default()).unwrap();
        let tokenizer = tokenizer.map(plain);
        let progress_of = &progress;
        let result =
            scan(&ScanContext { storage, spec, shard, work: &work, sieve, tokenizer, progress: progress_of });
        Self { folder, work, progress, result }
    }

    fn stats(&self) -> &ScanStats {
        self.result.as_ref().unwrap().scan.as_ref().unwrap()
    }

    fn open(&self, name: &str) -> tamis_common::storage::ObjectReader {
        self.folder.storage.open(&self.work.join(name)).unwrap()
    }

    fn drops(&self) -> Vec<Drop> {
        let mut drops = DropsReader::open(self.open(DROPS)).unwrap();
        std::iter::from_fn(|| drops.next_batch().unwrap()).flatten().collect()
    }

    fn documents(&self) -> Vec<DocumentRow> {
        let mut rows = Vec::new();
        let documents = DocumentsReader::open(self.open(DOCUMENTS), DocumentColumns::All).unwrap();
        documents
            .for_each(|row| {
                rows.push(row.clone());
                Ok(())
            })
            .unwrap();
        rows
    }
}

/// Long enough for a signature.
fn long(i: usize) -> String {
    (0..40).map(|word| format!("w{} ", (word * 31 + i * 977) % 1_000)).collect()
}

#[test]
fn every_record_ends_among_survivors_or_drops() {
    let content = format!(
        "{{\"id\":\"a\",\"text\":\"{}\",\"n\":1}}\n{{broken\n{{\"id\":7,\"text\":\"ab\"}}\n{{\"text\":\"你好吗\"}}\n",
        long(0)
    );
    let scanned = Scanned::new(content.as_bytes(), Format::Jsonl, &spec());
    let stats = scanned.stats();
    assert_eq!((stats.records, stats.raw_bytes), (4, content.len() as u64));
    assert_eq!((stats.parsed.docs, stats.cleaned.docs, stats.filtered.docs), (3, 3, 2));
    assert_eq!(stats.parsed.chars, stats.filtered.chars + 2);
    let counts: Vec<_> = stats.drops.iter().map(|(key, count)| (key.as_str(), *count)).collect();
    assert_eq!(counts, [("filter/length.min_chars", 1), ("parse/malformed_json", 1)]);

    let drops = scanned.drops();
    assert_eq!((drops[0].record, drops[0].id.as_deref()), (1, None));
    assert_eq!((drops[1].record, drops[1].id.as_deref(), drops[1].source.as_str()), (2, Some("7"), "s"));
    assert_eq!((drops[1].cause.value, drops[1].cause.threshold), (Some(2.0), Some(3.0)));

    let mut survivors = SurvivorsReader::open(scanned.open(SURVIVORS)).unwrap();
    let batch = survivors.next_batch().unwrap().unwrap();
    let kept: Vec<_> = batch.iter().map(|s| (s.record, s.id.to_owned(), s.text.len(), s.extra)).collect();
    let last = content.rfind("{\"text\"").unwrap() as u64;
    let uri = scanned.folder.uri.join("input");
    assert_eq!(kept, [(0, "a".into(), long(0).len(), "\"n\":1"), (3, format!("{uri}#{last}"), 9, "")]);

    let documents = scanned.documents();
    assert_eq!(documents.iter().map(|row| row.record).collect::<Vec<_>>(), [0, 3]);
    assert_eq!((documents[1].chars, documents[1].bytes, documents[1].offset), (3, 9, last));
    assert_eq!(documents[1].id, format!("{uri}#{last}"));
    assert!(documents[0].signature.is_some() && documents[1].signature.is_none());
    assert_eq!(scanned.progress.records_done.load(Ordering::Relaxed), 4);
    assert_eq!(scanned.progress.bytes_done.load(Ordering::Relaxed), content.len() as u64);
}

#[test]
fn bands_are_sorted_and_the_manifest_names_every_file() {
    let spec = spec();
    let content: String = (0..600).map(|i| format!("{{\"text\":\"{}\"}}\n", long(i))).collect();
    let scanned = Scanned::new(content.as_bytes(), Format::Jsonl, &spec);
    let bands = spec.dedup.params.bands;
    for band in 0..bands {
        let mut rows = Vec::new();
        BandsReader::read_band(scanned.open(BANDS), band, &mut rows).unwrap();
        assert_eq!(rows.len(), 600);
        assert!(rows.is_sorted());
    }
    let manifest = scanned.result.as_ref().unwrap();
    let records: Vec<_> = manifest.files.iter().map(|file| (file.name.as_str(), file.records)).collect();
    assert_eq!(
        records,
        [(BANDS, 600 * u64::from(bands)), (DOCUMENTS, 600), (DROPS, 0), (SAMPLES, 0), (SURVIVORS, 600)]
    );
    for file in &manifest.files {
        assert_eq!(scanned.open(&file.name).size(), file.written.size);
    }
    assert_eq!(scanned.progress.records_done.load(Ordering::Relaxed), 600);
    assert_eq!(scanned.progress.bytes_done.load(Ordering::Relaxed), content.len() as u64);
}

#[test]
fn without_near_duplicates_nothing_is_signed_and_the_hash_is_the_same() {
    let content = format!("{{\"text\":\"{}\"}}\n", long(1));
    let near = Scanned::new(content.as_bytes(), Format::Jsonl, &spec()).documents();
    let mut spec = spec();
    spec.dedup.near = false;
    let scanned = Scanned::new(content.as_bytes(), Format::Jsonl, &spec);
    let exact = scanned.documents();
    assert_eq!((exact[0].signature.as_ref(), exact[0].hash), (None, near[0].hash));
    let mut rows = Vec::new();
    BandsReader::read_band(scanned.open(BANDS), 0, &mut rows).unwrap();
    assert_eq!(rows, []);
}

#[test]
fn two_scans_write_the_same_bytes() {
    let content: String = (0..50).map(|i| format!("{{\"id\":{i},\"text\":\"{}\"}}\n{{\n", long(i))).collect();
    let digests = || {
        let scanned = Scanned::new(content.as_bytes(), Format::Jsonl, &spec());
        let files = scanned.result.as_ref().unwrap().files.clone();
        // Drops name the input, which stands in another folder each time.
        files.into_iter().filter(|file| file.name != DROPS).collect::<Vec<_>>()
    };
    assert_eq!(digests(), digests());
}

#[test]
fn a_stable_sample_is_tokenized() {
    let tokenizer = Tokenizer::load(small_tokenizer_json().to_string().as_bytes(), "small").unwrap();
    let content: String = (0..2_000).map(|i| format!("{{\"text\":\"{}\"}}\n", long(i))).collect();
    let sample = || {
        let scanned =
            Scanned::with(content.as_bytes(), Format::Jsonl, &spec(), Progress::default(), Some(&tokenizer));
        (scanned.stats().sampled, scanned.stats().sampled_tokens)
    };
    let (sampled, tokens) = sample();
    assert!((60..=200).contains(&sampled.docs), "of a small shard a sixteenth: {sampled:?}");
    assert!(tokens > 0 && tokens <= sampled.bytes);
    assert_eq!(sample(), (sampled, tokens));
}

#[test]
fn a_cancelled_scan_stops_and_leaves_no_files() {
    let content: String = (0..1_000).map(|_| "{\"text\":\"some text\"}\n").collect();
    let progress = Progress::default();
    progress.cancelled.store(true, Ordering::Relaxed);
    let scanned = Scanned::with(content.as_bytes(), Format::Jsonl, &spec(), progress, None);
    assert_eq!(scanned.result.as_ref().unwrap_err().class(), Class::Cancelled);
    assert_eq!(scanned.progress.records_done.load(Ordering::Relaxed), 0);
    assert!(scanned.folder.storage.expand(scanned.work.as_str()).is_err());
}

#[test]
fn a_truncated_input_fails_the_scan_or_is_reported_by_it() {
    let mut spec = spec();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, b"{\"text\":\"whole line\"}\n{\"text\":\"cut").unwrap();
    let mut packed = encoder.finish().unwrap();
    packed.truncate(packed.len() - 8);
    let failed = Scanned::new(&packed, Format::Jsonl, &spec);
    assert_eq!(failed.result.unwrap_err().class(), Class::Input);
    spec.run.on_corrupt = OnCorrupt::Skip;
    let skipped = Scanned::new(&packed, Format::Jsonl, &spec);
    assert_eq!((skipped.stats().records, skipped.stats().filtered.docs), (2, 1));
    assert_eq!(skipped.stats().drops["parse/truncated"], 1);
    assert!(skipped.stats().corrupt[0].contains("input"));
}

#[test]
fn an_empty_input_gives_empty_artefacts() {
    let scanned = Scanned::new(b"", Format::Jsonl, &spec());
    assert_eq!((scanned.stats().records, scanned.drops().len(), scanned.documents().len()), (0, 0, 0));
}
