//! The global index in the hands of its operator: asked, forgotten, moved, damaged and made anew.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use tamis_tests::corpus;
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, json_values, tamis_fails, tamis_ok};
use tamis_tests::{spec, until};

const DOCUMENTS: usize = 1_000;

/// A folder with a corpus, and a job of a name that enters its documents into the index `books`.
fn prepared(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    corpus::write_jsonl(&folder.path().join("in"), &corpus::documents(DOCUMENTS, 3), 3);
    for name in names {
        let text = spec("in", name, "[dedup]\nindex = \"books\"");
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    folder
}

fn run(path: &Path, name: &str) -> Output {
    tamis_ok(path, &["run", &format!("{name}.toml"), "--data-dir", "data"]);
    Output::new(path.join(name))
}

fn job_of(output: &Output) -> String {
    output.json("run.json")["job_id"].as_str().unwrap().to_owned()
}

/// A call of `tamis index` in the coordinator's folder; the values that it printed.
fn index(coordinator: &CoordinatorProcess, args: &[&str]) -> Vec<Value> {
    coordinator.call(&[&["index"], args].concat())
}

#[test]
fn a_crawler_asks_before_it_stores_and_a_forgotten_job_may_come_again() {
    let folder = prepared(&["first", "second"]);
    let path = folder.path();
    let first = run(path, "first");
    let job = job_of(&first);
    let coordinator = CoordinatorProcess::start(path);

    // All of its documents, and one that nobody has seen.
    fs::write(
        path.join("new.jsonl"),
        "{\"id\":\"new\",\"text\":\"a text that stands nowhere else in the world\"}\nno json\n",
    )
    .unwrap();
    fs::copy(path.join("in/part-0.jsonl"), path.join("known.jsonl")).unwrap();
    let known = index(&coordinator, &["check", "books", "known.jsonl"]);
    assert_eq!(known.len(), DOCUMENTS.div_ceil(3));
    for result in &known {
        let id = result["id"].as_str().unwrap();
        let nearest = &result["matches"][0];
        assert_eq!(nearest["job_id"], job, "{result}");
        assert_eq!(nearest["equal"], !id.starts_with('n'), "{result}");
        let similarity = nearest["similarity"].as_f64().unwrap();
        assert!(
            if id.starts_with('n') { (0.75..1.0).contains(&similarity) } else { similarity == 1.0 },
            "{result}"
        );
    }
    let unknown = index(&coordinator, &["check", "books", "new.jsonl"]);
    assert_eq!(unknown, [serde_json::json!({ "id": "new", "matches": [] })]);
    // Nothing was entered.
    assert_eq!(index(&coordinator, &["stats", "books"])[0]["documents"], corpus::unique(DOCUMENTS));

    let forgotten = index(&coordinator, &["forget", "books", &job]);
    assert_eq!(forgotten[0]["documents"], corpus::unique(DOCUMENTS));
    assert_eq!(index(&coordinator, &["stats", "books"])[0]["documents"], 0);
    let args = ["--coordinator", coordinator.address.as_str(), "index", "forget", "books", &job];
    let (code, said) = tamis_fails(path, &args);
    assert!(code == 2 && said.contains("holds nothing of job"), "{said}");
    coordinator.stop();
    assert_eq!(run(path, "second").records().len(), corpus::unique(DOCUMENTS));
}

#[test]
fn a_damaged_index_is_refused_and_made_anew_without_what_was_forgotten() {
    let folder = prepared(&["first", "second", "third"]);
    let path = folder.path();
    let first = run(path, "first");
    let coordinator = CoordinatorProcess::start(path);
    let args = ["index", "rebuild", "--data-dir", "data"];
    let (_, said) = tamis_fails(path, &args);
    assert!(said.contains("in use by another process") || said.contains("in use"), "{said}");
    index(&coordinator, &["forget", "books", &job_of(&first)]);
    coordinator.stop();
    let second = run(path, "second");
    assert_eq!(second.records().len(), corpus::unique(DOCUMENTS));

    let coordinator = CoordinatorProcess::start(path);
    let sound = index(&coordinator, &["verify", "books"]).remove(0);
    coordinator.stop();
    for file in fs::read_dir(path.join("data/index/runs")).unwrap() {
        let file = file.unwrap().path();
        let mut bytes = fs::read(&file).unwrap();
        // In every part of the file but its ends.
        let part = bytes.len() / 50;
        bytes.iter_mut().step_by(part).skip(1).for_each(|byte| *byte ^= 0x20);
        fs::write(&file, bytes).unwrap();
    }
    let (code, said) = tamis_fails(path, &["run", "third.toml", "--data-dir", "data"]);
    assert!(code != 0 && said.contains("tamis index rebuild") && said.contains("is damaged"), "{said}");

    let rebuilt = json_values(&tamis_ok(path, &["--json", "index", "rebuild", "--data-dir", "data"]));
    assert_eq!(rebuilt[0]["documents"], corpus::unique(DOCUMENTS));
    assert_eq!(rebuilt[0]["state_digest"], sound["state_digest"]);
    let third = run(path, "third");
    assert!(third.records().is_empty());
    assert!(third.drops().iter().all(|drop| drop.kept_job == Some(job_of(&second))));
}

#[test]
fn a_coordinator_killed_in_each_step_of_publish_publishes_the_same_bytes_and_enters_the_job_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    const PARTS: usize = 24;
    corpus::write_jsonl(&path.join("in"), &corpus::documents(DOCUMENTS, 3), PARTS);
    for name in ["calm", "stormy"] {
        let text = spec("in", name, "[dedup]\nindex = \"books\"");
        fs::write(path.join(format!("{name}.toml")), text).unwrap();
    }
    tamis_ok(path, &["run", "calm.toml", "--data-dir", "data-calm"]);
    let calm = Output::new(path.join("calm")).checked_manifest();

    let mut coordinator = CoordinatorProcess::start(path);
    let _worker = coordinator.worker();
    let job = coordinator.submit("stormy.toml");
    let published = |folder: &str| fs::read_dir(path.join("stormy").join(folder)).map_or(0, Iterator::count);
    let is_there = |name: &str| path.join("stormy").join(name).exists();
    let index_files = || fs::read_dir(path.join("data/index/runs")).map_or(0, Iterator::count);
    let steps: [(&str, &dyn Fn() -> bool); 8] = [
        ("the first file is at its place", &|| published("text") > 0),
        ("half of the files are", &|| published("text") > PARTS / 2),
        ("all files are", &|| published("text") == PARTS),
        ("the report is written", &|| is_there("report.json")),
        ("the run is recorded", &|| is_there("run.json")),
        ("the manifest makes it whole", &|| is_there("manifest.json")),
        ("a file of the index is begun", &|| index_files() > 0),
        ("the files of the index are written", &|| index_files() > 1),
    ];
    for (step, is_reached) in steps {
        // Asked without a pause, so that the kill falls into the step.
        until(step, || (0..2_000).any(|_| is_reached()).then_some(()));
        coordinator = coordinator.kill_and_restart();
    }
    coordinator.until_published(&job);
    let stormy = Output::new(path.join("stormy"));
    assert_eq!(stormy.checked_manifest(), calm);
    stormy.check_sums();
    let stats = index(&coordinator, &["verify", "books"]).remove(0);
    assert_eq!(stats["documents"], corpus::unique(DOCUMENTS));
    let stats = index(&coordinator, &["stats", "books"]).remove(0);
    assert_eq!((stats["jobs"].as_array().unwrap().len(), &stats["jobs"][0]["job_id"]), (1, &job.into()));
    assert_eq!(index_files(), 2, "what killed attempts left is removed");
}

#[test]
fn an_index_moves_to_another_coordinator() {
    let folder = prepared(&["first"]);
    let path = folder.path();
    run(path, "first");
    let coordinator = CoordinatorProcess::start(path);
    let there = index(&coordinator, &["export", "books", "archive"]).remove(0);
    let (code, said) =
        tamis_fails(path, &["--coordinator", &coordinator.address, "index", "export", "books", "archive"]);
    assert!(code == 2 && said.contains("is not empty"), "{said}");
    let again = ["--coordinator", coordinator.address.as_str(), "index", "import", "archive"];
    let (code, said) = tamis_fails(path, &again);
    assert!(code == 2 && said.contains("already"), "{said}");
    coordinator.stop();

    let other = tempfile::tempdir().unwrap();
    fs::create_dir(other.path().join("data")).unwrap();
    let coordinator = CoordinatorProcess::start(other.path());
    let archive = path.join("archive").display().to_string();
    let here = index(&coordinator, &["import", &archive, "--name", "moved"]).remove(0);
    assert_eq!(here["name"], "moved");
    for key in ["documents", "state_digest", "jobs", "params"] {
        assert_eq!(here[key], there[key], "{key}");
    }
    let input = path.join("in/part-1.jsonl").display().to_string();
    let known = index(&coordinator, &["check", "moved", &input]);
    assert!(known.iter().all(|result| result["matches"][0]["job_id"].is_string()));
}

#[test]
fn a_reference_only_removes_a_set_apart_is_not_touched_and_the_longest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let words = |from: usize, count: usize| -> String {
        (from..from + count).map(|n| format!("word{n} ")).collect::<String>().trim().to_owned()
    };
    let write = |name: &str, documents: &[(&str, String)]| {
        let lines: String = documents
            .iter()
            .map(|(id, text)| format!("{}\n", serde_json::json!({ "id": id, "text": text })))
            .collect();
        fs::write(path.join(name), lines).unwrap();
    };
    let known = words(0, 60);
    write("bench.jsonl", &[("b-known", known.clone()), ("b-alone", words(1_000, 60))]);
    write(
        "apart.jsonl",
        &[("a-known", known.clone()), ("a-twice", words(2_000, 60)), ("a-again", words(2_000, 60))],
    );
    write(
        "web.jsonl",
        &[
            ("w-exact", known.to_uppercase()),
            ("w-near", format!("{known} one two")),
            ("w-apart", words(2_000, 60)),
            ("w-short", words(3_000, 60)),
            ("w-long", words(3_000, 63)),
            ("w-alone", words(4_000, 60)),
        ],
    );
    let source = |name: &str, more: &str| {
        format!("[[source]]\nname = \"{name}\"\ninputs = [\"{name}.jsonl\"]\n{more}\n")
    };
    // The reference comes last in the spec: it wins nevertheless.
    let text = format!(
        "name = \"parts\"\n{}{}{}[dedup]\nkeep = \"longest\"\n[output]\nuri = \"out\"\n",
        source("web", ""),
        source("apart", "dedup = \"none\""),
        source("bench", "dedup = \"check\"")
    );
    fs::write(path.join("job.toml"), text).unwrap();
    tamis_ok(path, &["run", "job.toml", "--data-dir", "data"]);
    let output = Output::new(path.join("out"));
    output.check_sums();
    let records = output.records();
    let kept: Vec<&str> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
    assert_eq!(kept, ["w-apart", "w-long", "w-alone", "a-known", "a-twice", "a-again"]);
    let mut dropped: Vec<_> = output
        .drops()
        .into_iter()
        .map(|drop| (drop.id.unwrap(), drop.rule, drop.kept_id.unwrap_or_default()))
        .collect();
    dropped.sort();
    let expected = [
        ("b-alone", "index/reference", ""),
        ("b-known", "index/reference", ""),
        ("w-exact", "exact/match_text", "b-known"),
        ("w-near", "near/similarity", "b-known"),
        ("w-short", "near/similarity", "w-long"),
    ];
    assert_eq!(dropped, expected.map(|(id, rule, kept)| (id.to_owned(), rule.to_owned(), kept.to_owned())));
}

#[test]
fn a_document_in_three_jobs_is_published_once_and_the_first_job_is_named() {
    let folder = prepared(&["first", "second", "third"]);
    let path = folder.path();
    let first = job_of(&run(path, "first"));
    for name in ["second", "third"] {
        let output = run(path, name);
        assert!(output.records().is_empty());
        assert!(output.drops().iter().all(|drop| drop.kept_job.as_ref() == Some(&first)));
    }
    let coordinator = CoordinatorProcess::start(path);
    let stats = index(&coordinator, &["stats", "books"]).remove(0);
    assert_eq!(stats["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(stats["documents"], corpus::unique(DOCUMENTS));
}
