//! Links of Markdown files to files and headings of the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

/// Links that lead nowhere, as `FILE:LINE: TARGET: what is missing`. Links to other hosts are not followed.
pub fn broken_links(files: &[PathBuf]) -> Vec<String> {
    let mut anchors: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let mut broken = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for (line, target) in links(&text) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match path {
                "" => file.clone(),
                _ => file.parent().unwrap_or(Path::new("")).join(path),
            };
            let missing = if !path.exists() {
                "no such file"
            } else if anchor.is_empty() || path.extension().is_none_or(|extension| extension != "md") {
                continue;
            } else {
                let known = anchors.entry(path.clone()).or_insert_with(|| anchors_of(&path));
                if known.contains(anchor) {
                    continue;
                }
                "no such heading"
            };
            let file = file.strip_prefix(repository()).unwrap_or(file).display();
            broken.push(format!("{file}:{line}: {target}: {missing}"));
        }
    }
    broken
}

/// Lines outside of fenced blocks, from 1, with code spans emptied.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        let targets = targets.map(|(target, _)| target.trim());
        let is_here = |target: &&str| !target.contains("://") && !target.starts_with("mailto:");
        found.extend(targets.filter(is_here).map(|target| (number, target.to_owned())));
    }
    found
}

/// The names that headings get on a page of GitHub.
fn anchors_of(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(&text) {
        let Some(heading) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')) else { continue };
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let slug: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|name| !anchors.contains(name));
        anchors.extend(free);
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_and_headings_that_are_not_there_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.md"), folder.path().join("two.md"));
        fs::write(&one, "[a](two.md#how-its-done) [b](two.md#none) `[c](none.md)`\n```\n[d](none.md)\n```\n[e](none.md)\n")
            .unwrap();
        fs::write(&two, "# How it's `done`\n[f](https://example.com/none.md) [g](one.md)\n").unwrap();
        let broken = broken_links(&[one.clone(), two]);
        let one = one.display();
        assert_eq!(
            broken,
            [format!("{one}:1: two.md#none: no such heading"), format!("{one}:5: none.md: no such file")]
        );
    }
}
