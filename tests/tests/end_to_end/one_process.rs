//! `tamis run`: a job from its inputs to its output in one process.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tamis_tests::corpus::{self, Document};
use tamis_tests::output::Output;
use tamis_tests::process::{json_values, tamis_ok};
use tamis_tests::{repository, small_tokenizer, spec};

fn run(folder: &Path, job: &str, args: &[&str]) -> Value {
    let all: Vec<&str> = ["--json", "run", job].into_iter().chain(args.iter().copied()).collect();
    json_values(&tamis_ok(folder, &all)).pop().unwrap()
}

fn prepared(documents: &[Document]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    corpus::write_jsonl(&folder.path().join("in"), documents, 3);
    folder
}

#[test]
fn the_output_is_the_same_for_any_number_of_workers_and_holds_what_it_should() {
    let documents = corpus::documents(3_000, 1);
    let folder = prepared(&documents);
    let path = folder.path();
    let small_shards = "[run]\nshard_bytes = \"256KiB\"";
    for (name, workers) in [("one", "1"), ("four", "4")] {
        fs::write(path.join(format!("{name}.toml")), spec("in", name, small_shards)).unwrap();
        run(path, &format!("{name}.toml"), &["--workers", workers, "--data-dir", &format!("data-{name}")]);
    }
    let (one, four) = (Output::new(path.join("one")), Output::new(path.join("four")));
    assert_eq!(one.checked_manifest(), four.checked_manifest());
    assert!(one.files("text", ".jsonl.zst").len() > 5, "few shards show little");

    one.check_sums();
    let records = one.records();
    let kept: HashSet<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    let expected: HashSet<&str> =
        documents.iter().map(|d| d.id.as_str()).filter(|id| id.starts_with('u')).collect();
    assert_eq!(kept, expected);
    for record in &records {
        let document = documents.iter().find(|d| d.id == record["id"]).unwrap();
        assert_eq!(record["text"], document.text);
        assert!(record["part"].is_number(), "other fields pass through");
    }
    for drop in one.drops() {
        let id = drop.id.unwrap();
        let rule = if id.starts_with('e') { "exact/match_text" } else { "near/similarity" };
        assert_eq!(drop.rule, rule, "{id}");
        let number: usize = id[1..].parse().unwrap();
        assert_eq!(drop.kept_id.unwrap(), format!("u{}", number - number % 10 + 7), "{id}");
    }
}

#[test]
fn token_files_hold_the_ids_of_the_reference_tokenizer() {
    let folder = prepared(&corpus::documents(400, 2));
    fs::write(folder.path().join("job.toml"), spec("in", "out", "")).unwrap();
    let report = run(folder.path(), "job.toml", &[]);
    let output = Output::new(folder.path().join("out"));
    let reference = tokenizers::Tokenizer::from_file(small_tokenizer()).unwrap();
    let (records, tokens) = (output.records(), output.tokens());
    assert_eq!(records.len(), tokens.len());
    for (record, ids) in records.iter().zip(&tokens) {
        let encoding = reference.encode(record["text"].as_str().unwrap(), false).unwrap();
        assert_eq!(encoding.get_ids(), ids, "{}", record["id"]);
    }
    let total: usize = tokens.iter().map(Vec::len).sum();
    assert_eq!(report["tokens"]["total"], total);
    assert_eq!(output.json("report.json"), report);
}

#[test]
fn a_second_run_against_the_index_drops_all_and_names_job_and_document() {
    let documents = corpus::documents(1_000, 3);
    let folder = prepared(&documents);
    let path = folder.path();
    let index = "[dedup]\nindex = \"books\"";
    for name in ["first", "second"] {
        fs::write(path.join(format!("{name}.toml")), spec("in", name, index)).unwrap();
        run(path, &format!("{name}.toml"), &[]);
    }
    let (first, second) = (Output::new(path.join("first")), Output::new(path.join("second")));
    first.check_sums();
    second.check_sums();
    assert_eq!(first.records().len(), corpus::unique(1_000));
    assert_eq!(second.records().len(), 0);
    assert_eq!(second.tokens().len(), 0);
    let job = first.json("run.json")["job_id"].as_str().unwrap().to_owned();
    let drops = second.drops();
    assert_eq!(drops.len(), documents.len());
    for drop in drops {
        assert!(drop.rule.starts_with("index/"), "{drop:?}");
        assert_eq!(drop.kept_job.as_ref(), Some(&job), "{drop:?}");
        let number: usize = drop.id.as_ref().unwrap()[1..].parse().unwrap();
        let kept = if number % 10 < 8 { number } else { number - number % 10 + 7 };
        assert_eq!(drop.kept_id, Some(format!("u{kept}")), "{drop:?}");
    }
}

#[test]
fn parquet_output_holds_what_json_lines_hold() {
    let folder = prepared(&corpus::documents(300, 4));
    let path = folder.path();
    fs::write(path.join("lines.toml"), spec("in", "lines", "")).unwrap();
    fs::write(path.join("table.toml"), spec("in", "table", "text = \"parquet\"")).unwrap();
    run(path, "lines.toml", &[]);
    run(path, "table.toml", &[]);
    // What is written as Parquet is read again as an input.
    fs::write(path.join("again.toml"), spec("table/text", "again", "")).unwrap();
    run(path, "again.toml", &[]);
    let (lines, again) = (Output::new(path.join("lines")), Output::new(path.join("again")));
    assert_eq!(lines.records().len(), corpus::unique(300));
    for (line, row) in lines.records().iter().zip(again.records()) {
        assert!(line["id"] == row["id"] && line["text"] == row["text"], "{}", line["id"]);
        let extra: Value = serde_json::from_str(row["extra"].as_str().unwrap()).unwrap();
        assert_eq!(extra, serde_json::json!({ "part": line["part"] }), "{}", line["id"]);
    }
    assert_eq!(again.records().len(), lines.records().len());
}

#[test]
fn the_example_runs_as_the_readme_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let example = repository().join("examples/finance-zh");
    for entry in ["job.toml", "tokenizer.json"] {
        fs::copy(example.join(entry), folder.path().join(entry)).unwrap();
    }
    std::os::unix::fs::symlink(example.join("data"), folder.path().join("data")).unwrap();
    let shown = tamis_ok(folder.path(), &["run", "job.toml"]);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "wider than 80 columns:\n{shown}");
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(shown.trim_end()), "the README does not show:\n{shown}");
    let output = Output::new(folder.path().join("out"));
    output.checked_manifest();
    output.check_sums();
    let report = output.json("report.json");
    let rules: Vec<&Value> = report["drops"].as_array().unwrap().iter().map(|drop| &drop["stage"]).collect();
    for stage in ["parse", "filter", "exact", "near", "mix"] {
        assert!(rules.contains(&&Value::from(stage)), "the example shows a drop of {stage}: {rules:?}");
    }
}

#[test]
fn a_document_of_a_hundred_megabytes_and_its_near_copy_go_through() {
    const BYTES: usize = 100 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // Words that repeat only far apart, of both scripts.
    let mut text = String::with_capacity(BYTES + 64);
    for n in 0_u32.. {
        if text.len() >= BYTES {
            break;
        }
        let han = char::from_u32(0x4e00 + n.wrapping_mul(2_654_435_761) % 20_000).unwrap();
        text.push_str(&format!("w{:x}{han} ", n.wrapping_mul(2_246_822_519) >> 8));
    }
    let near = format!("{text}and a little more at its end");
    let lines = format!(
        "{}\n{}\n",
        serde_json::json!({ "id": "large", "text": text }),
        serde_json::json!({ "id": "near", "text": near })
    );
    fs::write(path.join("large.jsonl"), lines).unwrap();
    fs::write(
        path.join("job.toml"),
        "name = \"large\"\n[[source]]\nname = \"s\"\ninputs = [\"large.jsonl\"]\n[output]\nuri = \"out\"\n",
    )
    .unwrap();
    run(path, "job.toml", &[]);
    let output = Output::new(path.join("out"));
    let records = output.records();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0]["id"].as_str(), records[0]["text"].as_str()),
        (Some("large"), Some(text.as_str()))
    );
    assert_eq!(output.drops()[0].rule, "near/similarity");
}
