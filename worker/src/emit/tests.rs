#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::Ordering;

use serde_json::Value;
use tamis_common::Class;
use tamis_common::artefact::{
    DropCause, DropsReader, DropsWriter, MEASURES, Partner, Stage, SurvivorsWriter, VERDICTS, Verdict,
    VerdictsWriter,
};
use tamis_common::ids::ShardId;
use tamis_common::shard::{Compression, Format, Part};
use tamis_common::spec::{TextFormat, TokenFormat};

use super::*;
use crate::tokenize::Tokenizer;
use crate::tokenize::tests::{plain, small_tokenizer_json};
use crate::write::tests::{Fixture, read_indexed_dataset};

fn spec(text: TextFormat, tokens: TokenFormat) -> JobSpec {
    let toml = "name = \"test\"\n[[source]]\nname = \"reports\"\ninputs = [\"/data/reports\"]\n[output]\nuri = \"file:///out\"\n";
    let mut spec = JobSpec::parse(toml, "job.toml").unwrap();
    (spec.output.text, spec.output.tokens) = (text, tokens);
    spec
}

fn shard() -> Shard {
    Shard {
        id: ShardId(42),
        source: 0,
        uri: Uri::parse("/data/reports/a.jsonl").unwrap(),
        size: 1_000,
        version: "1".to_owned(),
        format: Format::Jsonl,
        compression: Compression::None,
        part: Part::Whole,
        bytes: 1_000,
    }
}

fn tokenizer() -> Tokenizer {
    Tokenizer::load(small_tokenizer_json().to_string().as_bytes(), "small.json").unwrap()
}

/// Records of a shard as scan leaves them: survivors with their texts, drops, and what resolve said.
struct Scanned {
    fixture: Fixture,
    scan: Uri,
    verdicts: Uri,
}

fn scanned(survivors: &[(u32, &str, &str)], dropped: &[u32], verdicts: &[(u32, DropCause)]) -> Scanned {
    let fixture = Fixture::new();
    let scan = fixture.work.join("scan");
    let mut writer = SurvivorsWriter::create(&fixture.storage, &scan.join(SURVIVORS)).unwrap();
    for &(record, text, extra) in survivors {
        let id = format!("doc-{record}");
        writer.push(&Survivor { record, offset: u64::from(record) * 10, id: &id, text, extra }).unwrap();
    }
    writer.finish().unwrap();

    let mut writer = DropsWriter::create(&fixture.storage, &scan.join(DROPS)).unwrap();
    for &record in dropped {
        writer
            .push(&Drop {
                record,
                source: "reports".to_owned(),
                uri: "file:///data/reports/a.jsonl".to_owned(),
                offset: u64::from(record) * 10,
                id: None,
                cause: DropCause::new(Stage::Parse, "malformed_json").with_detail("column 3"),
            })
            .unwrap();
    }
    writer.finish().unwrap();

    let verdicts_uri = fixture.work.join(VERDICTS);
    let mut writer = VerdictsWriter::create(&fixture.storage, &verdicts_uri).unwrap();
    for (record, cause) in verdicts {
        writer.push(&Verdict { record: *record, cause: cause.clone() }).unwrap();
    }
    writer.finish().unwrap();
    Scanned { fixture, scan, verdicts: verdicts_uri }
}

impl Scanned {
    fn emit(&self, folder: &str, spec: &JobSpec, tokenizer: Option<&Tokenizer>) -> Result<TaskManifest> {
        self.emit_with(folder, spec, tokenizer, &Progress::default())
    }

    fn emit_with(
        &self,
        folder: &str,
        spec: &JobSpec,
        tokenizer: Option<&Tokenizer>,
        progress: &Progress,
    ) -> Result<TaskManifest> {
        emit(&EmitContext {
            storage: &self.fixture.storage,
            spec,
            shard: &shard(),
            scan: &self.scan,
            verdicts: &self.verdicts,
            work: &self.fixture.work.join(folder),
            tokenizer: tokenizer.map(plain),
            budget: None,
            lexicon: None,
            progress,
        })
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let content = zstd::decode_all(self.fixture.bytes(name).as_slice()).unwrap();
        let content = String::from_utf8(content).unwrap();
        content.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn drops(&self, name: &str) -> Vec<Drop> {
        let object = self.fixture.storage.open(&self.fixture.work.join(name)).unwrap();
        let mut reader = DropsReader::open(object).unwrap();
        let mut drops = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            drops.extend(batch);
        }
        drops
    }
}

fn near() -> DropCause {
    let kept = Partner { job: None, source: "reports".to_owned(), id: "doc-1".to_owned() };
    let mut cause = DropCause::new(Stage::Near, "similar").with_value(0.9, 0.75);
    (cause.kept, cause.via, cause.similarity) = (Some(kept.clone()), Some(kept), Some(0.9));
    cause
}

fn a_shard() -> Scanned {
    scanned(
        &[
            (1, "hello world", r#""n":1"#),
            (3, "hello worlds", ""),
            (4, "中文 hello", r#""tags":["x"]"#),
            (7, "mixed out", ""),
            (8, "last", ""),
        ],
        &[0, 2, 5, 9],
        &[(3, near()), (7, DropCause::new(Stage::Mix, "budget"))],
    )
}

/// The files that are published.
fn names(manifest: &TaskManifest) -> Vec<(&str, u64)> {
    let published = manifest.files.iter().filter(|file| !file.name.starts_with(MEASURES));
    published.map(|file| (file.name.as_str(), file.records)).collect()
}

#[test]
fn survivors_without_a_verdict_become_text_and_tokens_in_order() {
    let scanned = a_shard();
    let tokenizer = tokenizer();
    let spec = spec(TextFormat::JsonlZst, TokenFormat::Megatron);
    let manifest = scanned.emit("a", &spec, Some(&tokenizer)).unwrap();
    assert_eq!(
        names(&manifest),
        [
            ("drops/part-00042.parquet", 6),
            ("text/part-00042.jsonl.zst", 3),
            ("tokens/part-00042.bin", 3),
            ("tokens/part-00042.idx", 3),
        ]
    );

    let lines = scanned.lines("a/text/part-00042.jsonl.zst");
    assert_eq!(lines[0], serde_json::json!({"id": "doc-1", "text": "hello world", "n": 1}));
    assert_eq!(lines[1]["tags"][0], "x");
    assert_eq!(lines[2]["text"], "last");

    let bytes = |extension| scanned.fixture.bytes(&format!("a/tokens/part-00042.{extension}"));
    let (code, documents) = read_indexed_dataset(&bytes("bin"), &bytes("idx"));
    assert_eq!(code, 8);
    assert_eq!(documents.len(), lines.len());
    let mut expected = Vec::new();
    for (ids, line) in documents.iter().zip(&lines) {
        plain(&tokenizer).encode_reference(line["text"].as_str().unwrap(), &mut expected).unwrap();
        assert_eq!(ids, &expected);
    }

    let stats = manifest.emit.unwrap();
    let tokens: usize = documents.iter().map(Vec::len).sum();
    assert_eq!(stats.tokens, Some(tokens as u64));
    assert_eq!(stats.engine.as_deref(), Some("fastokens"));
    assert_eq!(stats.token_lengths.0.iter().sum::<u64>(), 3);
    assert_eq!((stats.emitted.docs, stats.emitted.chars, stats.emitted.bytes), (3, 23, 27));
}

#[test]
fn drops_of_scan_and_verdicts_stand_in_record_order_and_are_counted() {
    let scanned = a_shard();
    let manifest = scanned.emit("a", &spec(TextFormat::JsonlZst, TokenFormat::None), None).unwrap();
    let drops = scanned.drops("a/drops/part-00042.parquet");
    let records: Vec<_> = drops.iter().map(|drop| (drop.record, drop.cause.stage)).collect();
    let (parse, near_stage, mix) = (Stage::Parse, Stage::Near, Stage::Mix);
    assert_eq!(records, [(0, parse), (2, parse), (3, near_stage), (5, parse), (7, mix), (9, parse)]);
    assert_eq!(
        drops[2],
        Drop {
            record: 3,
            source: "reports".to_owned(),
            uri: "file:///data/reports/a.jsonl".to_owned(),
            offset: 30,
            id: Some("doc-3".to_owned()),
            cause: near(),
        }
    );
    let stats = manifest.emit.unwrap();
    assert_eq!(stats.dropped[&Stage::Near].chars, 12);
    assert_eq!(stats.dropped[&Stage::Mix].docs, 1);
    assert!(!stats.dropped.contains_key(&Stage::Parse), "scan has counted its own drops");
    let by_rule: Vec<_> = stats.drops.into_iter().collect();
    assert_eq!(by_rule, [("mix/budget".to_owned(), 1), ("near/similar".to_owned(), 1)]);
}

#[test]
fn without_a_tokenizer_no_tokens_are_written_or_counted() {
    let scanned = a_shard();
    let manifest = scanned.emit("a", &spec(TextFormat::Parquet, TokenFormat::Megatron), None).unwrap();
    assert_eq!(names(&manifest), [("drops/part-00042.parquet", 6), ("text/part-00042.parquet", 3)]);
    let stats = manifest.emit.unwrap();
    assert_eq!((stats.tokens, stats.engine), (None, None));
}

#[test]
fn tokens_may_be_counted_and_not_written() {
    let scanned = a_shard();
    let tokenizer = tokenizer();
    let manifest = scanned.emit("a", &spec(TextFormat::None, TokenFormat::None), Some(&tokenizer)).unwrap();
    assert_eq!(names(&manifest), [("drops/part-00042.parquet", 6)]);
    let expected: usize =
        ["hello world", "中文 hello", "last"].iter().map(|text| plain(&tokenizer).count(text).unwrap()).sum();
    assert_eq!(manifest.emit.unwrap().tokens, Some(expected as u64));
}

#[test]
fn a_shard_that_keeps_nothing_writes_its_files() {
    let scanned = scanned(&[(0, "a", "")], &[], &[(0, DropCause::new(Stage::Exact, "same_text"))]);
    let tokenizer = tokenizer();
    let spec = spec(TextFormat::JsonlZst, TokenFormat::Megatron);
    let manifest = scanned.emit("a", &spec, Some(&tokenizer)).unwrap();
    assert_eq!(
        names(&manifest),
        [
            ("drops/part-00042.parquet", 1),
            ("text/part-00042.jsonl.zst", 0),
            ("tokens/part-00042.bin", 0),
            ("tokens/part-00042.idx", 0),
        ]
    );
    assert_eq!(manifest.emit.unwrap().tokens, Some(0));
}

#[test]
fn a_second_attempt_gives_the_same_bytes() {
    let scanned = a_shard();
    let tokenizer = tokenizer();
    for text in [TextFormat::JsonlZst, TextFormat::Parquet] {
        let spec = spec(text, TokenFormat::Megatron);
        let first = scanned.emit("a", &spec, Some(&tokenizer)).unwrap();
        let second = scanned.emit("b", &spec, Some(&tokenizer)).unwrap();
        assert_eq!(first, second);
        for file in &first.files {
            assert_eq!(
                scanned.fixture.bytes(&format!("a/{}", file.name)),
                scanned.fixture.bytes(&format!("b/{}", file.name))
            );
        }
    }
}

#[test]
fn a_verdict_without_a_survivor_is_a_defect() {
    for missing in [2, 99] {
        let scanned = scanned(&[(1, "a", ""), (3, "b", "")], &[], &[(missing, near())]);
        let error = scanned.emit("a", &spec(TextFormat::None, TokenFormat::None), None).unwrap_err();
        assert_eq!(error.class(), Class::Internal);
        assert!(error.message().contains(&format!("record {missing} ")), "{error}");
    }
}

#[test]
fn a_record_that_scan_dropped_and_kept_is_a_defect() {
    let scanned = scanned(&[(1, "a", "")], &[1], &[(1, near())]);
    let error = scanned.emit("a", &spec(TextFormat::None, TokenFormat::None), None).unwrap_err();
    assert_eq!(error.class(), Class::Internal);
}

#[test]
fn progress_is_told_and_a_cancelled_task_stops() {
    let scanned = a_shard();
    let spec = spec(TextFormat::JsonlZst, TokenFormat::None);
    let progress = Progress::default();
    scanned.emit_with("a", &spec, None, &progress).unwrap();
    assert_eq!(progress.records_done.load(Ordering::Relaxed), 5);
    assert_eq!(progress.bytes_done.load(Ordering::Relaxed), 48);
    progress.cancelled.store(true, Ordering::Relaxed);
    let error = scanned.emit_with("b", &spec, None, &progress).unwrap_err();
    assert_eq!(error.class(), Class::Cancelled);
}

#[test]
fn ids_that_differ_from_the_reference_are_named() {
    assert!(agree(&[1, 2], &[1, 2]).is_ok());
    let error = agree(&[1, 2], &[1, 3, 4]).unwrap_err();
    assert!(error.message().contains("from token 1 on: Some(2) and Some(3)"), "{error}");
    assert!(agree(&[1], &[1, 2]).is_err());
}

mod sums {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Fate {
        DroppedByScan,
        DroppedByVerdict,
        Kept,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_record_ends_in_exactly_one_place(
            fates in prop::collection::vec(
                prop_oneof![Just(Fate::DroppedByScan), Just(Fate::DroppedByVerdict), Just(Fate::Kept)],
                0..60,
            ),
        ) {
            let (mut survivors, mut dropped, mut verdicts, mut kept) = (vec![], vec![], vec![], vec![]);
            for (record, fate) in (0..).zip(fates) {
                match fate {
                    Fate::DroppedByScan => dropped.push(record),
                    Fate::DroppedByVerdict => {
                        survivors.push((record, "text", ""));
                        verdicts.push((record, near()));
                    }
                    Fate::Kept => {
                        survivors.push((record, "text", ""));
                        kept.push(format!("doc-{record}"));
                    }
                }
            }
            let scanned = scanned(&survivors, &dropped, &verdicts);
            scanned.emit("a", &spec(TextFormat::JsonlZst, TokenFormat::None), None).unwrap();
            let mut expected: Vec<u32> = dropped;
            expected.extend(verdicts.iter().map(|(record, _)| *record));
            expected.sort_unstable();
            let drops = scanned.drops("a/drops/part-00042.parquet");
            let in_drops: Vec<u32> = drops.iter().map(|drop| drop.record).collect();
            prop_assert_eq!(in_drops, expected);
            let lines = scanned.lines("a/text/part-00042.jsonl.zst");
            let in_text: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
            prop_assert_eq!(in_text, kept);
        }
    }
}
