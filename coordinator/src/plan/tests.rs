#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use super::*;

struct Corpus {
    folder: TempDir,
    storage: Storage,
    _runtime: tokio::runtime::Runtime,
}

impl Corpus {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        Self { folder: tempfile::tempdir().unwrap(), storage, _runtime: runtime }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn spec(&self, sources: &[(&str, &[&str])], run: &str) -> JobSpec {
        let mut text = String::from("name = \"test\"\n");
        for (name, inputs) in sources {
            text.push_str(&format!("[[source]]\nname = \"{name}\"\ninputs = {inputs:?}\n"));
        }
        text.push_str(&format!("[output]\nuri = \"out\"\n[run]\nshard_bytes = \"64KiB\"\n{run}\n"));
        let mut spec = JobSpec::parse(&text, "job.toml").unwrap();
        spec.absolutize(self.folder.path());
        spec
    }

    fn plan(&self, sources: &[(&str, &[&str])]) -> Result<Plan> {
        plan(&self.storage, &self.spec(sources, ""))
    }
}

fn parquet_file(path: &Path, groups: usize) {
    let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema.clone(), None).unwrap();
    for group in 0..groups {
        let texts = (0..2_000u64).map(|i| {
            let hash = xxhash_rust::xxh3::xxh3_64(&(i + 2_000 * group as u64).to_le_bytes());
            format!("{hash:016x}{:016x}", hash.rotate_left(7))
        });
        let texts = StringArray::from_iter_values(texts);
        writer.write(&RecordBatch::try_new(schema.clone(), vec![Arc::new(texts)]).unwrap()).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn inputs_are_ordered_by_source_then_uri_then_offset_and_numbered() {
    let corpus = Corpus::new();
    let lines = "{\"text\":\"some text\"}\n".repeat(10_000);
    corpus.write("b/z.jsonl", lines.as_bytes());
    corpus.write("b/a.jsonl", b"{}\n");
    corpus.write("a/x.txt", b"text");
    let plan = corpus.plan(&[("first", &["b/z.jsonl", "b/a.jsonl"]), ("second", &["a"])]).unwrap();
    let names: Vec<_> = plan.inputs.iter().map(|input| (input.source, input.uri.file_name())).collect();
    assert_eq!(names, [(0, "a.jsonl"), (0, "z.jsonl"), (1, "x.txt")]);
    let parts: Vec<_> = plan.shards.iter().map(|shard| (shard.uri.file_name(), shard.part)).collect();
    assert_eq!(parts[0], ("a.jsonl", Part::Whole));
    assert_eq!(parts[1], ("z.jsonl", Part::Bytes { start: 0, end: 52_500 }));
    assert_eq!(parts[4], ("z.jsonl", Part::Bytes { start: 157_500, end: 210_000 }));
    assert_eq!(parts[5], ("x.txt", Part::Whole));
    assert!(plan.shards.iter().enumerate().all(|(i, shard)| shard.id == ShardId(i as u32)));
    assert_eq!(plan.bytes, plan.shards.iter().map(|shard| shard.bytes).sum::<u64>());
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

#[test]
fn only_what_has_lines_to_be_found_is_cut_by_bytes() {
    let corpus = Corpus::new();
    let lines = "{\"text\":\"some text\"}\n".repeat(10_000);
    corpus.write("a.jsonl.zst", &zstd::encode_all(lines.as_bytes(), -7).unwrap().repeat(300));
    corpus.write("b.csv", "id,text\n1,\"a\nb\"\n".repeat(10_000).as_bytes());
    corpus.write("c.txt", "line\n".repeat(40_000).as_bytes());
    let mut spec = corpus.spec(&[("all", &["*"])], "");
    let parts = |spec: &JobSpec| -> Vec<usize> {
        let plan = plan(&corpus.storage, spec).unwrap();
        let count = |input: &Input| plan.shards.iter().filter(|shard| shard.uri == input.uri).count();
        plan.inputs.iter().map(count).collect()
    };
    assert_eq!(parts(&spec), [1, 1, 1]);
    spec.sources[0].txt_unit = TxtUnit::Line;
    assert_eq!(parts(&spec), [1, 1, 4]);
    spec.sources[0].encoding = "gb18030".to_owned();
    assert_eq!(parts(&spec), [1, 1, 4]);
    spec.sources[0].encoding = "utf-16le".to_owned();
    assert_eq!(parts(&spec), [1, 1, 1]);
}

#[test]
fn parquet_is_cut_by_row_groups_up_to_the_size_of_a_shard() {
    let corpus = Corpus::new();
    parquet_file(&corpus.folder.path().join("a.parquet"), 5);
    parquet_file(&corpus.folder.path().join("b.parquet"), 0);
    let mut spec = corpus.spec(&[("all", &["*.parquet"])], "");
    let parts = |spec: &JobSpec| -> Vec<Part> {
        let plan = plan(&corpus.storage, spec).unwrap();
        assert_eq!(plan.bytes, plan.shards.iter().map(|shard| shard.bytes).sum::<u64>());
        plan.shards.iter().map(|shard| shard.part).collect()
    };
    let one_each: Vec<Part> = (0..5).map(|i| Part::RowGroups { start: i, end: i + 1 }).collect();
    assert_eq!(parts(&spec), [&one_each[..], &[Part::Whole]].concat());
    spec.run.shard_bytes = 200_000;
    let pairs = [(0, 2), (2, 4), (4, 5)].map(|(start, end)| Part::RowGroups { start, end });
    assert_eq!(parts(&spec), [&pairs[..], &[Part::Whole]].concat());
    spec.run.shard_bytes = 128 << 20;
    assert_eq!(parts(&spec), [Part::Whole; 2]);
}

#[test]
fn a_corrupt_parquet_is_named_or_left_to_its_reader() {
    let corpus = Corpus::new();
    parquet_file(&corpus.folder.path().join("a.parquet"), 2);
    let bytes = fs::read(corpus.folder.path().join("a.parquet")).unwrap();
    corpus.write("a.parquet", &bytes[..bytes.len() - 9]);
    corpus.write("b.parquet", b"");
    let error = corpus.plan(&[("all", &["*.parquet"])]).unwrap_err();
    assert_eq!(error.class(), Class::Input);
    for part in
        ["2 problems", "a.parquet` is no readable Parquet file", "b.parquet` is no readable Parquet file"]
    {
        assert!(error.message().contains(part), "{error}");
    }
    let skipping = corpus.spec(&[("all", &["*.parquet"])], "on_corrupt = \"skip\"");
    let plan = plan(&corpus.storage, &skipping).unwrap();
    assert!(plan.shards.iter().all(|shard| shard.part == Part::Whole && shard.format == Format::Parquet));
    assert_eq!(plan.shards.len(), 2);
}

#[test]
fn an_empty_file_is_a_shard_without_bytes() {
    let corpus = Corpus::new();
    corpus.write("a.jsonl", b"");
    let plan = corpus.plan(&[("all", &["a.jsonl"])]).unwrap();
    assert_eq!((plan.shards.len(), plan.shards[0].part, plan.bytes), (1, Part::Whole, 0));
}

#[test]
fn patterns_that_match_nothing_and_files_named_twice_are_all_reported() {
    let corpus = Corpus::new();
    corpus.write("a.jsonl", b"{}\n");
    let sources: &[(&str, &[&str])] =
        &[("one", &["*.jsonl", "none-*", "a.jsonl"]), ("two", &["./a.jsonl", "gone.csv"])];
    let error = corpus.plan(sources).unwrap_err();
    let message = error.message();
    for part in [
        "4 problems with the inputs",
        "source `one`: `file://",
        "none-*` matches nothing",
        "gone.csv",
        "a.jsonl` is named twice: by `",
        "*.jsonl` of the source `one` and by `",
        "/a.jsonl` of the source `two`",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    let error = corpus.plan(&[("one", &["none-*"])]).unwrap_err();
    assert_eq!(error.class(), Class::NotFound);
}

#[test]
fn the_same_inputs_give_the_same_plan() {
    let corpus = Corpus::new();
    for i in 0..40 {
        corpus.write(&format!("{i}.jsonl"), "{\"text\":\"x\"}\n".repeat(i * 1_000).as_bytes());
    }
    let first = corpus.plan(&[("all", &["*"])]).unwrap();
    assert!(first.shards.len() > 40);
    assert_eq!(corpus.plan(&[("all", &["*"])]).unwrap(), first);
}

#[test]
fn a_job_that_no_disk_can_hold_is_refused() {
    let corpus = Corpus::new();
    corpus.write("a.jsonl", b"{}\n");
    let spec = corpus.spec(&[("all", &["*.jsonl"])], "");
    let mut plan = plan(&corpus.storage, &spec).unwrap();
    let folder = Uri::from_path(corpus.folder.path()).unwrap();
    let small = estimate(&plan, &spec);
    check_space(&corpus.storage, &small, &folder.join("work"), &folder.join("out")).unwrap();
    plan.shards[0].bytes = 1 << 60;
    let huge = estimate(&plan, &spec);
    assert!(huge.work_bytes > 1 << 58 && huge.output_bytes > 1 << 57);
    let error = check_space(&corpus.storage, &huge, &folder.join("work"), &folder.join("out")).unwrap_err();
    assert_eq!(error.class(), Class::Resource);
    let bucket = Uri::parse("s3://bucket/x").unwrap();
    check_space(&corpus.storage, &huge, &bucket, &bucket).unwrap();
}
