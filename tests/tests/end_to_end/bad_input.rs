//! What is wrong gets a clear error, or a counted drop; nothing is lost in silence.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, tamis_fails, tamis_ok};
use tamis_tests::{spec, until};

/// A folder with `in/a.jsonl` of these bytes and a job over it.
fn job_over(bytes: &[u8]) -> tempfile::TempDir {
    job_over_file("a.jsonl", bytes, "[run]\nmax_bad_share = 0.5\n")
}

fn job_over_file(name: &str, bytes: &[u8], more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in").join(name), bytes).unwrap();
    fs::write(folder.path().join("job.toml"), spec("in", "out", more)).unwrap();
    folder
}

fn refused(folder: &Path, code: i32, parts: &[&str]) {
    let (found, said) = tamis_fails(folder, &["run", "job.toml"]);
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert_eq!(found, code, "{said}");
}

/// Runs the job, in which one of two records is dropped.
fn dropped(folder: &Path, rule: &str) {
    tamis_ok(folder, &["run", "job.toml"]);
    let output = Output::new(folder.join("out"));
    output.check_sums();
    let rules: Vec<String> = output.drops().into_iter().map(|drop| drop.rule).collect();
    assert_eq!(rules, [rule]);
    assert_eq!(output.records().len(), 1);
}

const GOOD: &str = "{\"id\":\"a\",\"text\":\"a good record\"}\n";

#[test]
fn a_spec_with_three_mistakes_is_told_all_three() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name = \"x\"\n[[source]]\nname = \"web\"\nrole = \"generl\"\ninputs = [\"in\"]\n\
                [dedup]\ntreshold = 0.75\n[output]\nuri = \"out\"\nlevel = 40\n";
    fs::write(folder.path().join("job.toml"), text).unwrap();
    refused(
        folder.path(),
        2,
        &[
            "3 problems in the job spec `job.toml`",
            "line 4: `source[0].role` must be one of domain, general, got `generl`; did you mean `general`?",
            "line 7: `dedup.treshold` is unknown; did you mean `threshold`?",
            "line 10: `output.level` must be 1 to 19, got `40`",
        ],
    );
}

#[test]
fn a_malformed_line_is_a_drop() {
    dropped(job_over(format!("{GOOD}{{\"id\": \"b\", \"text\n").as_bytes()).path(), "parse/malformed_json");
}

#[test]
fn a_line_that_is_not_utf8_is_a_drop() {
    let mut bytes = GOOD.as_bytes().to_vec();
    bytes.extend(b"{\"id\":\"b\",\"text\":\"\xff\xfe\"}\n");
    dropped(job_over(&bytes).path(), "parse/not_utf8");
}

#[test]
fn a_record_without_the_text_field_is_a_drop() {
    dropped(job_over(format!("{GOOD}{{\"id\":\"b\"}}\n").as_bytes()).path(), "parse/text_missing");
}

#[test]
fn a_null_text_is_a_drop() {
    dropped(job_over(format!("{GOOD}{{\"id\":\"b\",\"text\":null}}\n").as_bytes()).path(), "parse/text_null");
}

#[test]
fn an_empty_file_gives_nothing_and_breaks_nothing() {
    let folder = job_over(GOOD.as_bytes());
    fs::write(folder.path().join("in/empty.jsonl"), b"").unwrap();
    tamis_ok(folder.path(), &["run", "job.toml"]);
    let output = Output::new(folder.path().join("out"));
    output.checked_manifest();
    output.check_sums();
    assert_eq!(output.records().len(), 1);
}

#[test]
fn a_truncated_gzip_fails_the_job_or_is_skipped_and_reported() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for i in 0..5_000 {
        writeln!(encoder, "{{\"id\":\"{i}\",\"text\":\"record {i} of many, {}\"}}", i * 7919).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    let cut = &bytes[..bytes.len() / 2];
    let folder = job_over_file("a.jsonl.gz", cut, "");
    refused(folder.path(), 1, &["in/a.jsonl.gz", "truncated"]);

    let folder = job_over_file("a.jsonl.gz", cut, "[run]\non_corrupt = \"skip\"");
    tamis_ok(folder.path(), &["run", "job.toml"]);
    let output = Output::new(folder.path().join("out"));
    output.check_sums();
    let kept = output.records().len();
    assert!(kept > 1_000, "what stands before the cut is kept: {kept}");
    let corrupt = output.json("report.json")["corrupt"].to_string();
    assert!(corrupt.contains("in/a.jsonl.gz"), "{corrupt}");
}

#[test]
fn a_corrupt_parquet_fails_the_job() {
    let folder = job_over_file("a.parquet", b"PAR1 this is no table PAR1", "");
    refused(folder.path(), 1, &["in/a.parquet"]);
}

#[test]
fn inputs_that_are_not_there_are_named() {
    let folder = job_over(GOOD.as_bytes());
    fs::write(folder.path().join("job.toml"), spec("in/*.parquet", "out", "")).unwrap();
    refused(folder.path(), 1, &["in/*.parquet", "matches nothing"]);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_refused_at_once() {
    let folder = job_over(GOOD.as_bytes());
    // A file where the folder should be: root, too, cannot write there.
    fs::write(folder.path().join("blocked"), b"").unwrap();
    fs::write(folder.path().join("job.toml"), spec("in", "blocked/out", "")).unwrap();
    let (code, said) = tamis_fails(folder.path(), &["run", "job.toml"]);
    assert!(said.contains("blocked/out") && code != 0, "{said}");
}

#[test]
fn an_output_folder_that_is_not_empty_is_refused_unless_it_is_to_be_replaced() {
    let folder = job_over(GOOD.as_bytes());
    tamis_ok(folder.path(), &["run", "job.toml"]);
    let before = Output::new(folder.path().join("out")).checked_manifest();
    refused(folder.path(), 2, &["/out` is not empty", "--replace"]);
    tamis_ok(folder.path(), &["run", "job.toml", "--replace"]);
    assert_eq!(Output::new(folder.path().join("out")).checked_manifest(), before);
}

#[test]
fn a_tokenizer_file_that_is_none_is_refused_before_any_work() {
    let folder = job_over(GOOD.as_bytes());
    fs::write(folder.path().join("tokenizer.json"), "{\"a\": 1}").unwrap();
    let text = fs::read_to_string(folder.path().join("job.toml")).unwrap();
    let path = tamis_tests::small_tokenizer();
    let text = text.replace(&format!("{path:?}"), "\"tokenizer.json\"");
    fs::write(folder.path().join("job.toml"), text).unwrap();
    let (_, said) = tamis_fails(folder.path(), &["run", "job.toml"]);
    assert!(said.contains("tokenizer.json` is no tokenizer.json"), "{said}");
}

#[test]
fn a_port_in_use_and_a_coordinator_that_is_not_there_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = tamis_fails(folder.path(), &["coordinator", "--listen", &address]);
    assert!(said.contains(&format!("cannot listen on {address}: the port is in use")), "{said}");
    assert_eq!(code, 2);

    drop(taken);
    let url = format!("http://{address}");
    let (code, said) = tamis_fails(folder.path(), &["--coordinator", &url, "jobs"]);
    assert!(said.contains(&format!("no coordinator answers at `{url}`")), "{said}");
    assert_eq!(code, 1);
}

#[test]
fn an_input_that_changes_vanishes_or_grows_under_its_job_fails_it_and_is_named() {
    let folder = job_over(GOOD.as_bytes());
    let path = folder.path();
    let input = path.join("in/a.jsonl");
    let coordinator = CoordinatorProcess::start(path);
    let evil = GOOD.replace("good", "evil");
    let twice = GOOD.repeat(2);
    for (changed, told) in [
        (Some(&evil), "changed under the job"),
        (Some(&twice), "changed under the job"),
        (None, "in/a.jsonl"),
    ] {
        fs::write(&input, GOOD).unwrap();
        let job = coordinator.submit("job.toml");
        let state = |wanted: &str| {
            until("the job comes there", || {
                let status = coordinator.call(&["status", &job]).remove(0);
                (status["state"] == wanted).then_some(status)
            })
        };
        state("scanning");
        match changed {
            Some(text) => fs::write(&input, text).unwrap(),
            None => fs::remove_file(&input).unwrap(),
        }
        let _worker = coordinator.worker();
        let error = state("failed")["error"].to_string();
        assert!(error.contains("in/a.jsonl") && error.contains(told), "{error}");
    }
}
