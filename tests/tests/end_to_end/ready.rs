//! Mixture, token formats and the readiness report: what a training run is given.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tamis_tests::corpus::{self, Document};
use tamis_tests::output::Output;
use tamis_tests::process::{json_values, tamis_fails, tamis_ok};
use tamis_tests::{fixture, repository, small_tokenizer};

/// A folder with a domain source of two files and a general source of three.
fn prepared(domain: usize, general: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, documents: &[Document], files| {
        corpus::write_jsonl(&folder.path().join(name), documents, files);
    };
    write("domain", &corpus::documents(domain, 11), 2);
    write("general", &corpus::documents(general, 12), 3);
    folder
}

/// Writes the spec of a job of that name; `sections` stand before `[output]`, `output` within it.
fn job(folder: &Path, name: &str, sections: &str, output: &str) {
    let tokenizer = small_tokenizer();
    let text = format!(
        "name = \"ready\"\n[[source]]\nname = \"books\"\ninputs = [\"domain\"]\n\
         [[source]]\nname = \"web\"\nrole = \"general\"\ninputs = [\"general\"]\n\
         [tokenizer]\npath = {tokenizer:?}\n{sections}\n[run]\nshard_bytes = \"128KiB\"\n\
         [output]\nuri = \"{name}\"\n{output}\n"
    );
    fs::write(folder.join(format!("{name}.toml")), text).unwrap();
}

fn run(folder: &Path, name: &str, args: &[&str]) -> Output {
    let (spec, data) = (format!("{name}.toml"), format!("data-{name}"));
    let all = [&["run", spec.as_str(), "--data-dir", data.as_str()], args].concat();
    tamis_ok(folder, &all);
    Output::new(folder.join(name))
}

/// Ids stand in both sources; texts do not.
fn texts(output: &Output) -> BTreeSet<String> {
    output.records().iter().map(|record| record["text"].as_str().unwrap().to_owned()).collect()
}

fn gate(report: &Value, id: &str) -> Value {
    let gates = report["readiness"]["gates"].as_array().unwrap();
    gates.iter().find(|gate| gate["id"] == id).unwrap_or_else(|| panic!("{id}: {gates:?}")).clone()
}

#[test]
fn the_asked_ratio_is_met_by_exact_tokens_however_many_workers_there_are() {
    let folder = prepared(150, 3_000);
    for (name, workers) in [("one", "1"), ("four", "4")] {
        job(folder.path(), name, "[mix]\ndomain_to_general = \"1:5\"\n[report]\nmin_tokens = 1000", "");
        run(folder.path(), name, &["--workers", workers]);
    }
    let (one, four) = (Output::new(folder.path().join("one")), Output::new(folder.path().join("four")));
    assert_eq!(one.checked_manifest(), four.checked_manifest());
    one.check_sums();
    let report = one.json("report.json");
    let mix = &report["mix"];
    assert!(mix["error"].as_f64().unwrap() < 0.01, "{mix}");
    assert_eq!(mix["sources"][0]["target"], Value::Null, "domain text is taken whole: {mix}");
    let written: usize = one.tokens().iter().map(Vec::len).sum();
    assert_eq!(mix["achieved"][0].as_u64().unwrap() + mix["achieved"][1].as_u64().unwrap(), written as u64);
    for id in ["tokens", "mixture", "epoch", "near_duplicates"] {
        assert_eq!(gate(&report, id)["state"], "pass", "{report}");
    }
    assert_eq!(report["readiness"]["ready"], true);
    assert!(one.drops().iter().any(|drop| drop.rule == "mix/budget"));
    let training = one.json("training.json");
    assert_eq!((&training["tokens"], &training["epochs"]), (&json!(written), &json!(1)));
    assert_eq!(training["sequences"], written / 4_096);
}

#[test]
fn what_general_text_lacks_is_said_in_tokens_and_the_verdict_is_not_ready() {
    let folder = prepared(1_600, 1_600);
    job(folder.path(), "short", "[mix]\ndomain_to_general = \"1:5\"", "");
    let said = tamis_ok(folder.path(), &["run", "short.toml"]);
    let report = Output::new(folder.path().join("short")).json("report.json");
    let mix = &report["mix"];
    let (domain, general) = (mix["achieved"][0].as_u64().unwrap(), mix["achieved"][1].as_u64().unwrap());
    assert_eq!(mix["missing"], json!([0, 5 * domain - general]));
    assert_eq!(gate(&report, "mixture")["state"], "fail");
    assert_eq!(report["readiness"]["ready"], false);
    let sentence = report["readiness"]["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("Not ready to train: the set has "), "{sentence}");
    assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").ends_with(sentence), "{said}");

    job(folder.path(), "held", "[mix]\ndomain_to_general = \"1:5\"\non_shortfall = \"hold_ratio\"", "");
    let held = run(folder.path(), "held", &[]);
    held.check_sums();
    let mix = &held.json("report.json")["mix"];
    assert!(mix["error"].as_f64().unwrap() < 0.01, "{mix}");
    assert_eq!(mix["achieved"][1], general, "all general text is taken");
}

#[test]
fn a_larger_budget_keeps_the_documents_of_a_smaller_one() {
    let folder = prepared(400, 1_500);
    let mut kept: Vec<BTreeSet<String>> = Vec::new();
    for (name, most) in [("small", 100_000), ("large", 250_000)] {
        job(folder.path(), name, &format!("[mix]\ndomain_to_general = \"1:5\"\nmax_tokens = {most}"), "");
        let output = run(folder.path(), name, &[]);
        output.check_sums();
        let total = output.json("report.json")["tokens"]["total"].as_u64().unwrap();
        // A shard is cut before the document that would not fit.
        assert!(total <= most && total as f64 > 0.85 * most as f64, "{total} of {most}");
        kept.push(texts(&output));
    }
    assert!(kept[0].is_subset(&kept[1]) && kept[0].len() < kept[1].len());
}

#[test]
fn weights_and_bounds_of_sources_hold() {
    let folder = prepared(400, 800);
    job(folder.path(), "weighted", "[mix]\nweights = { books = 2, web = 1 }", "");
    let mix = &run(folder.path(), "weighted", &[]).json("report.json")["mix"];
    let written = |source: usize| mix["sources"][source]["written"].as_f64().unwrap();
    assert!((written(0) / written(1) / 2.0 - 1.0).abs() < 0.02, "{mix}");

    let bounded = "[mix]\nseed = 7";
    job(folder.path(), "bounded", bounded, "");
    let spec = fs::read_to_string(folder.path().join("bounded.toml")).unwrap();
    let spec = spec.replace("role = \"general\"", "role = \"general\"\nmax_tokens = 90000");
    fs::write(folder.path().join("bounded.toml"), spec).unwrap();
    let mix = &run(folder.path(), "bounded", &[]).json("report.json")["mix"];
    let web = mix["sources"][1]["written"].as_u64().unwrap();
    assert!(web <= 90_000 && web > 80_000, "{mix}");
}

#[test]
fn an_index_takes_what_the_mixture_took_and_is_made_anew_the_same() {
    let folder = prepared(100, 1_500);
    job(folder.path(), "first", "[mix]\ndomain_to_general = \"1:2\"\n[dedup]\nindex = \"books\"", "");
    let args = ["run", "first.toml", "--data-dir", "data"];
    tamis_ok(folder.path(), &args);
    let first = Output::new(folder.path().join("first"));
    let taken = texts(&first);
    let rebuild = || {
        let said = tamis_ok(folder.path(), &["--json", "index", "rebuild", "--data-dir", "data"]);
        json_values(&said).pop().unwrap()
    };
    let (rebuilt, twice) = (rebuild(), rebuild());
    assert_eq!(rebuilt, twice);
    assert_eq!(rebuilt["documents"], taken.len(), "{rebuilt}");

    job(folder.path(), "second", "[dedup]\nindex = \"books\"", "");
    tamis_ok(folder.path(), &["run", "second.toml", "--data-dir", "data"]);
    let new = texts(&Output::new(folder.path().join("second")));
    assert!(new.is_disjoint(&taken));
    // What the mixture left out comes now.
    assert_eq!(new.len() + taken.len(), corpus::unique(100) + corpus::unique(1_500));
}

#[test]
fn all_token_formats_hold_the_same_ids_and_end_documents_as_asked() {
    let folder = prepared(60, 60);
    let eos = "[tokenizer]\neos = \"<|endoftext|>\"";
    for format in ["megatron", "npy", "parquet"] {
        job(folder.path(), format, "", &format!("tokens = \"{format}\""));
        let path = folder.path().join(format!("{format}.toml"));
        let spec = fs::read_to_string(&path).unwrap().replace("[tokenizer]", eos);
        fs::write(path, spec).unwrap();
        run(folder.path(), format, &[]).checked_manifest();
    }
    let output = |name: &str| Output::new(folder.path().join(name));
    let expected = output("megatron").tokens();
    let end = *expected[0].last().unwrap();
    assert!(expected.iter().all(|ids| ids.last() == Some(&end)));
    assert_eq!(output("npy").npy_tokens(), expected);
    let rows = output("parquet").parquet_tokens();
    let records = output("parquet").records();
    assert_eq!(rows.len(), records.len());
    for ((row, record), ids) in rows.iter().zip(&records).zip(&expected) {
        assert_eq!((record["id"].as_str().unwrap(), ids), (row.0.as_str(), &row.1));
    }

    job(folder.path(), "wrong", "", "");
    let path = folder.path().join("wrong.toml");
    let spec = fs::read_to_string(&path).unwrap().replace("[tokenizer]", "[tokenizer]\neos = \"</none>\"");
    fs::write(path, spec).unwrap();
    let (code, said) = tamis_fails(folder.path(), &["run", "wrong.toml"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("`tokenizer.eos` must be a token of the tokenizer"), "{said}");
}

#[test]
fn the_lexicon_is_looked_for_in_each_source() {
    let folder = prepared(60, 60);
    fs::write(folder.path().join("terms.txt"), "# terms\nzzyzx\nkalomi\nnowhere to be found\n").unwrap();
    job(folder.path(), "terms", "[report]\nlexicon = [\"terms.txt\"]\nmin_lexicon_coverage = 0.9", "");
    let report = run(folder.path(), "terms", &[]).json("report.json");
    let lexicon = &report["measures"]["lexicon"];
    assert_eq!(lexicon["terms"], 3);
    let never = lexicon["never_seen"].as_array().unwrap();
    assert!(never.contains(&json!("nowhere to be found")), "{lexicon}");
    assert_eq!(gate(&report, "professionalism")["state"], "fail");
}

#[test]
#[ignore = "needs TAMIS_TEST_PYTHON, which `.ci/fetch` prepares"]
fn readers_that_trainers_use_agree_with_the_report() {
    let folder = prepared(300, 900);
    for format in ["megatron", "npy", "parquet"] {
        job(folder.path(), format, "[mix]\ndomain_to_general = \"1:2\"", &format!("tokens = \"{format}\""));
        run(folder.path(), format, &[]);
    }
    let checked = Command::new(fixture("TAMIS_TEST_PYTHON"))
        .arg(repository().join("tests/readers/check_output.py"))
        .args(["megatron", "npy", "parquet"].map(|format| folder.path().join(format)))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    println!("{said}");
}
