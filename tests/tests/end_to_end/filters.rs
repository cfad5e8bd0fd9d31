//! Cleaners and filters of a job, a trial of them, and the list of all.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tamis_tests::output::Output;
use tamis_tests::process::{tamis_fails, tamis_ok};

const ENGLISH: &str = "the profit of the company was higher than that of the year before, and the board proposed a \
    dividend with effect from May. ";
const CHINESE: &str = "公司的净利润在二零二四年同比增长，董事会提出了每股分红的方案。";

/// A domain and a general source, where every third domain document is too short.
fn sources(folder: &Path) {
    fs::create_dir(folder.join("in")).unwrap();
    let mut lines = [String::new(), String::new()];
    for i in 0..60 {
        let text = match i % 3 {
            0 => format!("{i} {}", ENGLISH.repeat(4)),
            1 => format!("{i} {}", CHINESE.repeat(4)),
            _ => format!("{i} a short one"),
        };
        lines[0] += &format!("{}\n", json!({ "id": format!("d{i}"), "text": text }));
        let text = format!("general {i} {}", ENGLISH.repeat(4));
        lines[1] += &format!("{}\n", json!({ "id": format!("g{i}"), "text": text }));
    }
    fs::write(folder.join("in/domain.jsonl"), &lines[0]).unwrap();
    fs::write(folder.join("in/general.jsonl"), &lines[1]).unwrap();
}

fn job(folder: &Path, sections: &str) {
    let spec = format!(
        "name = \"filtered\"\n\
         [[source]]\nname = \"domain\"\nrole = \"domain\"\ninputs = [\"in/domain.jsonl\"]\n\
         [[source]]\nname = \"general\"\nrole = \"general\"\ninputs = [\"in/general.jsonl\"]\n\
         {sections}\n[dedup]\nexact = false\nnear = false\n[output]\nuri = \"out\"\n"
    );
    fs::write(folder.join("job.toml"), spec).unwrap();
}

#[test]
fn a_report_tells_each_rule_by_source_with_values_samples_and_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    job(folder.path(), "[filter.gopher_quality]\n");
    let said = tamis_ok(folder.path(), &["run", "job.toml"]);
    let output = Output::new(folder.path().join("out"));
    output.check_sums();
    output.checked_manifest();
    assert_eq!(output.records().len(), 100);

    let report = output.json("report.json");
    let rule = &report["sources"][0]["rules"]["gopher_quality.min_words"];
    assert_eq!(rule["dropped"]["docs"], 20);
    assert_eq!((&rule["seen"], &rule["share"]), (&json!(60), &json!(20.0 / 60.0)));
    let bars = rule["values"].as_array().unwrap();
    let docs: u64 = bars.iter().map(|bar| bar["docs"].as_u64().unwrap()).sum();
    assert_eq!(docs, 60, "every document came to the first rule");
    // A short one has four words.
    assert_eq!(bars[0], json!({ "from": 4.0, "below": 5.0, "docs": 20 }));
    assert_eq!(report["sources"][1]["rules"]["gopher_quality.min_words"]["dropped"]["docs"], 0);
    let samples = report["samples"]["filter/gopher_quality.min_words"].as_array().unwrap();
    assert_eq!(samples.len(), 10);
    assert!(samples.iter().all(|s| s["text"].as_str().unwrap().ends_with("a short one")), "{samples:?}");
    assert_eq!(report["uneven"][0]["rule"], "gopher_quality.min_words");
    assert!(said.contains("`gopher_quality.min_words` drops 33.3 % of the domain documents"), "{said}");
}

#[test]
fn a_trial_says_what_a_job_would_do() {
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    job(folder.path(), "[filter.gopher_quality]\n[filter.length]\nmin_chars = 10\n");
    let said =
        tamis_ok(folder.path(), &["try", "job.toml", "--docs", "1000", "--html", "try.html", "--json"]);
    let trial: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&trial["records"], &trial["kept"]["docs"]), (&json!(120), &json!(100)));
    let filters = trial["filters"].as_array().unwrap();
    let names: Vec<&str> = filters.iter().map(|filter| filter["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["gopher_quality", "length"], "the order of the spec");
    let rule = &filters[0]["rules"][0];
    assert_eq!(
        (&rule["name"], &rule["dropped"], &rule["by_source"]["domain"]),
        (&json!("min_words"), &json!(20), &json!(20))
    );
    assert_eq!(
        (rule["failing"].as_array().unwrap().len(), rule["passing"].as_array().unwrap().len()),
        (3, 3)
    );

    let page = fs::read_to_string(folder.path().join("try.html")).unwrap();
    assert!(page.contains("<b>min_words</b>") && page.contains("dropped of domain 20"), "{page}");
    let text = tamis_ok(folder.path(), &["try", "job.toml"]);
    assert!(text.contains("gopher_quality  dropped 20 of 120 (16.7 %)"), "{text}");
}

#[test]
fn texts_of_strangers_are_shown_and_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</code></table><h1>owned</h1>",
        "\u{202e}evil\u{202c} \u{1b}[31mred\u{7}\0",
    ];
    let lines = hostile.map(|text| format!("{}\n", json!({ "id": text, "text": text }))).concat();
    // Halves of surrogate pairs are no text; the record is refused, the job goes on.
    fs::write(folder.path().join("in/domain.jsonl"), lines + "{\"id\":\"lone\",\"text\":\"a \\ud800 b\"}\n")
        .unwrap();
    fs::write(folder.path().join("in/general.jsonl"), "{\"id\":\"nul\",\"text\":\"\\u0000\"}\n").unwrap();
    job(folder.path(), "[filter.gopher_quality]\n");
    let said = tamis_ok(folder.path(), &["try", "job.toml", "--html", "try.html"]);
    let page = fs::read_to_string(folder.path().join("try.html")).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    for part in ["<script", "<img", "<h1>owned", "\u{202e}", "\u{1b}", "\0"] {
        assert!(!page.contains(part), "{part:?} is in {page}");
    }
    assert!(!said.contains(['\u{1b}', '\u{202e}', '\0']), "{said:?}");
    assert!(said.starts_with("6 documents read, 1 without a text"), "{said}");
}

#[test]
fn a_trial_takes_the_sample_from_every_source() {
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    job(folder.path(), "[filter.length]\nmin_chars = 10\n");
    let said = tamis_ok(folder.path(), &["try", "job.toml", "--docs", "20", "--json"]);
    let trial: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(trial["records"], 20);
}

#[test]
fn a_trial_of_nothing_says_what_to_add() {
    let folder = tempfile::tempdir().unwrap();
    sources(folder.path());
    job(folder.path(), "");
    let (code, said) = tamis_fails(folder.path(), &["try", "job.toml"]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("names no cleaner and no filter") && said.contains("preset = \"recommended\""),
        "{said}"
    );
}

#[test]
fn filters_are_listed_with_rules_defaults_and_sources() {
    let folder = tempfile::tempdir().unwrap();
    let said = tamis_ok(folder.path(), &["filters"]);
    for part in ["[filter.gopher_quality]", "min_words", "arXiv:2112.11446", "preset = \"recommended\""] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    let one = tamis_ok(folder.path(), &["filters", "gopher_quality", "--json"]);
    let family: Value = serde_json::from_str(one.trim()).unwrap();
    assert_eq!(family["rules"][0]["default"], 50.0);
    let (code, said) = tamis_fails(folder.path(), &["filters", "gofer"]);
    assert_eq!(code, 2, "{said}");
}
