//! The documentation: its commands are run, its references compared with the code, its links followed.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tamis_tests::docs::{self, Page};
use tamis_tests::process::{json_values, tamis_ok};
use tamis_tests::{fixture, repository};

/// Blocks that no test runs: what they do takes another machine, a network or many minutes. Add to it with a reason.
const NEVER_RUN: usize = 6;

fn is_updating() -> bool {
    std::env::var_os("TAMIS_UPDATE_DOCS").is_some()
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The pages below `docs/` that show commands.
fn pages() -> Vec<PathBuf> {
    let mut pages = docs::markdown_files();
    let folder = repository().join("docs");
    pages.retain(|page| {
        page.starts_with(&folder) && fs::read_to_string(page).unwrap().contains("\n```console\n")
    });
    assert!(pages.len() >= 11, "{pages:?}");
    pages
}

/// Runs all pages, or those of which `TAMIS_TEST_PAGE` is a part of the path.
fn run_pages() {
    let (mut failures, mut commands) = (Vec::new(), 0);
    let wanted = std::env::var("TAMIS_TEST_PAGE").unwrap_or_default();
    for page in pages().into_iter().filter(|page| page.to_str().unwrap().contains(&wanted)) {
        let outcome = docs::run(&page);
        outcome.not_run.iter().for_each(|block| println!("not run: {block}"));
        commands += outcome.commands;
        match is_updating() {
            true => fs::write(page, outcome.corrected).unwrap(),
            false => failures.extend(outcome.failures),
        }
    }
    println!("{commands} commands were run");
    assert!(commands > 0, "no page has `{wanted}` in its path");
    let failed = failures.len();
    let how = "run again with TAMIS_UPDATE_DOCS=1 and read what has changed";
    assert!(
        failures.is_empty(),
        "{failed} of {commands} commands of pages did something else; {how}\n\n{}",
        failures.join("\n")
    );
}

#[test]
fn every_page_does_what_it_shows() {
    run_pages();
}

#[test]
#[ignore = "needs TAMIS_TEST_PYTHON and TAMIS_TEST_S3_ENDPOINT, which `.ci/run` prepares"]
fn every_page_does_what_it_shows_with_its_fixtures() {
    let variables = pages().iter().flat_map(|page| variables_of(page)).collect::<BTreeSet<_>>();
    assert!(variables.contains("TAMIS_TEST_PYTHON") && variables.contains("TAMIS_TEST_S3_ENDPOINT"));
    variables.iter().for_each(|variable| drop(fixture(variable)));
    run_pages();
}

fn variables_of(page: &Path) -> Vec<String> {
    let blocks = Page::parse("", &fs::read_to_string(page).unwrap()).blocks;
    let exemptions = blocks.into_iter().filter_map(|block| block.exemption);
    exemptions.filter_map(|exemption| exemption.variable().map(str::to_owned)).collect()
}

#[test]
fn only_so_many_blocks_are_never_run() {
    let mut never = Vec::new();
    for page in pages() {
        for block in Page::parse("", &fs::read_to_string(&page).unwrap()).blocks {
            if let Some(exemption) = block.exemption.filter(|exemption| exemption.variable().is_none()) {
                never.push(format!("{}:{}: {}", page.display(), block.line, exemption.reason));
            }
        }
    }
    never.iter().for_each(|block| println!("{block}"));
    assert_eq!(never.len(), NEVER_RUN, "{never:#?}");
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let files = docs::markdown_files();
    assert!(files.len() > 20, "{files:?}");
    let broken = docs::broken_links(&files);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_reference_of_the_api_is_that_of_the_protocol() {
    const MARK: &str =
        "<!-- What follows is written by a test from the comments of the .proto files. -->\n\n";
    let mut files: Vec<PathBuf> = fs::read_dir(repository().join("proto/tamis/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    // In the order in which a reader meets them.
    let order = ["jobs", "workers", "index", "types"];
    files.sort_by_key(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (order.iter().position(|known| *known == name).unwrap_or(order.len()), name)
    });
    let files: Vec<(String, String)> =
        files.iter().map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect();
    let made = docs::reference(&files);
    let page = read("docs/reference/api.md");
    let (head, body) = page.split_once(MARK).expect("the page has the mark");
    if is_updating() {
        fs::write(repository().join("docs/reference/api.md"), format!("{head}{MARK}{made}")).unwrap();
        return;
    }
    assert!(
        body == made,
        "docs/reference/api.md is out of date: run with TAMIS_UPDATE_DOCS=1 and read what has changed"
    );
}

/// Keys by section, as `common/src/spec` reads them: `section.KIND("key", …)` in a function that is named by its section.
fn keys_that_are_read() -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in ["common/src/spec/read.rs", "common/src/spec/families.rs"] {
        let text = read(file);
        for function in text.split("fn ").skip(1) {
            let section = match function.split(['(', '<']).next().unwrap() {
                "cleaners" => "clean",
                "filters" => "filter",
                name => name,
            };
            // A call may go over several lines.
            let code: String = function.chars().filter(|c| !c.is_whitespace()).collect();
            for reading in code.split("section.").skip(1) {
                let Some((method, rest)) = reading.split_once("(\"") else { continue };
                let is_read =
                    method.chars().all(|c| c.is_ascii_lowercase() || c == '_') && method != "refuse";
                if let (true, Some((key, _))) = (is_read, rest.split_once('"')) {
                    keys.entry(section.to_owned()).or_default().insert(key.to_owned());
                }
            }
        }
    }
    keys
}

/// Keys by section, as the table of `docs/job-spec.md` has them.
fn keys_that_are_described() -> BTreeMap<String, BTreeSet<String>> {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    let page = read("docs/job-spec.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    for (cell, _) in rows {
        if let Some(name) = cell.strip_prefix("**`[").and_then(|rest| rest.split_once(']')) {
            section = name.0.trim_start_matches('[').to_owned();
            continue;
        }
        for code in cell.split('`').skip(1).step_by(2) {
            // The first key of a section without a row of its own stands behind its name.
            let key = match code.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
                Some((name, key)) => {
                    section = name.to_owned();
                    key
                }
                None => code,
            };
            keys.entry(section.clone()).or_default().insert(key.to_owned());
        }
    }
    keys
}

#[test]
fn every_key_of_a_spec_is_described_and_no_other() {
    let (read, mut described) = (keys_that_are_read(), keys_that_are_described());
    // Keys of the spec itself, which stand before all sections.
    let top = described.remove("").unwrap_or_default();
    assert!(top.contains("name"), "{top:?}");
    let mut sections = BTreeSet::new();
    for (section, keys) in &read {
        let Some(described) = described.get(section) else { continue };
        sections.insert(section.as_str());
        // `except` is read where both kinds of families are.
        let except = BTreeSet::from(["except".to_owned()]);
        let missing: Vec<_> = keys.difference(described).collect();
        let unknown: Vec<_> = described.difference(keys).filter(|key| !except.contains(*key)).collect();
        assert!(missing.is_empty(), "docs/job-spec.md does not describe {missing:?} of [{section}]");
        assert!(
            unknown.is_empty(),
            "docs/job-spec.md describes {unknown:?} of [{section}], which nothing reads"
        );
    }
    let all = ["clean", "dedup", "filter", "limits", "mix", "output", "report", "run", "source", "tokenizer"];
    assert_eq!(sections.into_iter().collect::<Vec<_>>(), all);
}

#[test]
fn every_rule_and_setting_of_filters_and_cleaners_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let (filters, cleaners) = (read("docs/filters.md"), read("docs/cleaners.md"));
    let mut missing = Vec::new();
    for family in json_values(&tamis_ok(folder.path(), &["filters", "--json"])) {
        let Some(name) = family["name"].as_str() else { continue };
        let (page, headings) = match family["section"].as_str() {
            Some("clean") => (&cleaners, [format!("\n## {name}\n"), format!("\n## `[clean.{name}]`\n")]),
            _ => (&filters, [format!("\n## `{name}`\n"), format!("\n## `[filter.{name}]`\n")]),
        };
        if !headings.iter().any(|heading| page.contains(heading)) {
            missing.push(name.to_owned());
        }
        for kind in ["rules", "options"] {
            for part in family[kind].as_array().unwrap() {
                let part = part["name"].as_str().unwrap();
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if !page.split(|c| !is_word(c)).any(|word| word == part) {
                    missing.push(format!("{name}.{part}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "docs/filters.md or docs/cleaners.md does not describe {missing:?}");
}
