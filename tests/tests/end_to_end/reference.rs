//! The corpus with known duplicates of `tests/bench/`, 20,000 documents, with the tokenizer of Qwen3.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, Process, tamis_ok};
use tamis_tests::{fixture, repository};

fn spec(output: &str) -> String {
    let corpus = fixture("TAMIS_TEST_CORPUS").join("part-*.jsonl");
    let tokenizer = fixture("TAMIS_TEST_TOKENIZER");
    format!(
        "name = \"reference\"\n[tokenizer]\npath = {tokenizer:?}\n[[source]]\nname = \"web\"\n\
         inputs = [{corpus:?}]\n[output]\nuri = {output:?}\n"
    )
}

/// What the scorer says of the texts that stayed.
fn score(text: &Path) -> Value {
    let scored = Command::new(fixture("TAMIS_TEST_PYTHON"))
        .arg(repository().join("tests/bench/score.py"))
        .arg(fixture("TAMIS_TEST_CORPUS"))
        .arg(text)
        .arg("--json")
        .output()
        .unwrap();
    assert!(scored.status.success(), "{}", String::from_utf8_lossy(&scored.stderr));
    serde_json::from_slice(&scored.stdout).unwrap()
}

#[test]
#[ignore = "needs TAMIS_TEST_CORPUS, TAMIS_TEST_TOKENIZER and TAMIS_TEST_PYTHON, which `.ci/fetch` prepares"]
fn duplicates_go_and_all_else_stays_however_the_job_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for name in ["one", "four", "cluster"] {
        fs::write(path.join(format!("{name}.toml")), spec(name)).unwrap();
    }
    tamis_ok(path, &["run", "one.toml", "--workers", "1"]);
    let one = Output::new(path.join("one"));
    one.check_sums();
    let score = score(&path.join("one/text"));
    println!("{score}");
    assert_eq!(score["exact_removed"], 1.0, "{score}");
    assert_eq!(score["variants_removed"], 1.0, "{score}");
    assert_eq!(score["clusters_lost"], 0, "{score}");
    assert_eq!(score["emitted_twice"], 0, "{score}");
    assert!(score["unique_removed"].as_u64().unwrap() <= 2, "{score}");
    for language in ["en", "zh"] {
        for level in ["0.95", "0.9"] {
            let recall = score["recall"][language][level].as_f64().unwrap();
            assert!(recall >= 0.99, "recall at {level} in {language} is {recall}: {score}");
        }
    }

    tamis_ok(path, &["run", "four.toml", "--workers", "4"]);
    assert_eq!(Output::new(path.join("four")).checked_manifest(), one.checked_manifest());
    let coordinator = CoordinatorProcess::start(path);
    let _workers: Vec<Process> = (0..3).map(|_| coordinator.worker()).collect();
    let job = coordinator.submit("cluster.toml");
    coordinator.until_published(&job);
    assert_eq!(Output::new(path.join("cluster")).checked_manifest(), one.checked_manifest());

    let reference = tokenizers::Tokenizer::from_file(fixture("TAMIS_TEST_TOKENIZER")).unwrap();
    let (records, tokens) = (one.records(), one.tokens());
    assert_eq!(records.len(), tokens.len());
    for (record, ids) in records.iter().zip(&tokens) {
        let encoding = reference.encode(record["text"].as_str().unwrap(), false).unwrap();
        assert_eq!(encoding.get_ids(), ids, "{}", record["id"]);
    }
}

#[test]
#[ignore = "needs TAMIS_TEST_CORPUS and TAMIS_TEST_PYTHON, which `.ci/fetch` prepares"]
fn without_verification_14_bands_of_8_rows_remove_what_their_published_curve_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let corpus = fixture("TAMIS_TEST_CORPUS").join("part-*.jsonl");
    let text = format!(
        "name = \"curve\"\n[[source]]\nname = \"web\"\ninputs = [{corpus:?}]\n\
         [dedup]\nverify = false\nbands = 14\nrows = 8\n[output]\nuri = \"out\"\n"
    );
    fs::write(path.join("job.toml"), text).unwrap();
    tamis_ok(path, &["run", "job.toml"]);
    let score = score(&path.join("out/text"));
    println!("{score}");
    for (level, similarity) in [("0.9", 0.9), ("0.8", 0.8), ("0.7", 0.7), ("0.6", 0.6), ("0.5", 0.5_f64)] {
        let curve = 1.0 - (1.0 - similarity.powi(8)).powi(14);
        let removed = ["en", "zh"].map(|language| score["recall"][language][level].as_f64().unwrap());
        let mean = (removed[0] + removed[1]) / 2.0;
        // The true similarities lie within 0.02 of the level, and the curve is steep.
        assert!((mean - curve).abs() < 0.08, "{mean} at {level}, not {curve}: {score}");
        for removed in removed {
            // Some 250 documents a level and language: four standard errors where the curve is steepest, and the same.
            assert!((removed - curve).abs() < 0.13, "{removed} at {level}, not {curve}: {score}");
        }
    }
}
