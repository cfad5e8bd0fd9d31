use proptest::prelude::*;

use super::super::testing::{failed_with, published};
use super::units::{each_unit, lower};
use super::*;
use crate::rules::Value;

const QUESTION: &str = "A train leaves the station at noon and travels at sixty miles an hour towards the sea; when \
    does it arrive?";
const CHINESE_QUESTION: &str =
    "某公司去年净利润为三千万元，今年同比增长百分之二十，请问该公司今年的净利润是多少万元？";

fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(|value| (*value).to_owned()).collect())
}

fn benchmark() -> (Settings, Resources) {
    let mut resources = Resources::default();
    let lines = format!("short question\n\n{QUESTION}\n{CHINESE_QUESTION}\n");
    resources.insert("s3://bench/test.txt", lines.into_bytes());
    (published("decontaminate").with_value("files", texts(&["s3://bench/test.txt"])), resources)
}

fn failed(text: &str) -> Option<Failed> {
    let (settings, resources) = benchmark();
    failed_with(&settings, &resources, text)
}

#[test]
fn a_text_with_thirteen_words_of_a_question_goes_and_the_hit_is_shown() {
    let text =
        "Exercise 7. the STATION, at noon -- and travels at\nsixty miles an hour towards the sea! Solve it.";
    let failed = failed(text).unwrap();
    assert_eq!(
        failed.detail.as_deref(),
        Some(
            "\"the STATION, at noon -- and travels at sixty miles an hour towards the\" of s3://bench/test.txt line 3"
        )
    );
    assert_eq!((failed.rule, failed.value, failed.threshold), (0, 1.0, 1.0));
}

#[test]
fn fewer_words_are_no_overlap() {
    assert_eq!(failed("the station at noon and travels at sixty miles an hour towards"), None);
    assert_eq!(failed("short question"), None);
    assert_eq!(failed(""), None);
}

#[test]
fn thirty_characters_of_chinese_are_an_overlap() {
    let failed_ =
        failed("题目：去年净利润为三千万元 今年同比增长百分之二十。请问该公司今年的净利润（单选）").unwrap();
    let detail = failed_.detail.unwrap();
    assert!(
        detail.starts_with("\"去年净利润为三千万元 今年同比增长") && detail.ends_with("line 4"),
        "{detail}"
    );
    assert_eq!(failed("去年净利润为三千万元，今年同比增长百分之二十，请问该公司"), None);
}

#[test]
fn overlaps_do_not_overlap_and_may_be_a_share() {
    let (settings, resources) = benchmark();
    let twice = format!("{QUESTION} {QUESTION}");
    assert_eq!(failed_with(&settings, &resources, &twice).unwrap().value, 2.0);
    let settings =
        settings.with_threshold("drop_from_overlaps", 0.0).with_threshold("max_overlap_ratio", 0.5);
    assert_eq!(failed_with(&settings, &resources, QUESTION).map(|failed| failed.value), Some(13.0 / 21.0));
    let among_others = format!("{QUESTION} {}", "and some other words ".repeat(10));
    assert_eq!(failed_with(&settings, &resources, &among_others), None);
}

#[test]
fn records_give_the_texts_of_their_fields() {
    let mut resources = Resources::default();
    let record = serde_json::json!({
        "question": {"stem": QUESTION, "choices": [CHINESE_QUESTION]}, "source": "the same words over and over again \
            until there are at least thirteen of them in this field",
    });
    resources.insert("b.jsonl", format!("\n{record}\n").into_bytes());
    let all = published("decontaminate").with_value("files", texts(&["b.jsonl"]));
    let some = all.clone().with_value("fields", texts(&["question"]));
    let source = record["source"].as_str().unwrap();
    for (settings, text, is_dropped) in [
        (&all, QUESTION, true),
        (&all, CHINESE_QUESTION, true),
        (&all, source, true),
        (&some, QUESTION, true),
        (&some, CHINESE_QUESTION, true),
        (&some, source, false),
    ] {
        let failed = failed_with(settings, &resources, text);
        assert_eq!(failed.is_some(), is_dropped, "{text}");
        assert!(failed.is_none_or(|failed| failed.detail.unwrap().ends_with("of b.jsonl line 2")));
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let refused = |file: &str, content: &str, fields: &[&str]| {
        let mut resources = Resources::default();
        resources.insert(file, content.as_bytes());
        let settings = published("decontaminate").with_value("files", texts(&[file]));
        (KIND.build)(&settings.with_value("fields", texts(fields)), &resources).err().unwrap().0
    };
    assert_eq!(refused("b.txt", "\n", &[]), "`b.txt` is empty");
    assert_eq!(refused("b.txt", "short", &[]), "`files` hold no text of 13 words or 30 characters");
    assert_eq!(refused("b.jsonl", "{\"a\": 1}", &["b", "c"]), "`b.jsonl` has none of the fields b, c");
    assert!(refused("b.jsonl", "{}\n{", &[]).starts_with("`b.jsonl` holds no record in line 2: EOF"));
}

/// The n-grams of a text as they are defined, without hashes.
fn grams(text: &str, n: usize, of_characters: bool) -> Vec<Vec<String>> {
    let mut units = Vec::new();
    each_unit(text, |unit| {
        units.push((lower(&text[unit.start..unit.end]).collect::<String>(), unit.is_character));
    });
    units
        .windows(n)
        .filter(|gram| (2 * gram.iter().filter(|(_, is)| *is).count() >= n) == of_characters)
        .map(|gram| gram.iter().map(|(unit, _)| unit.clone()).collect())
        .collect()
}

proptest! {
    #[test]
    fn a_text_overlaps_if_and_only_if_it_shares_an_n_gram(
        question in "[abA 中文,]{0,40}",
        text in "[abB 中文。]{0,40}",
    ) {
        let mut index = Index::new(3, 4);
        let file = index.add_file("f");
        index.add(file, 1, &question);
        index.finish();
        let shares = |n, of_characters| {
            let known = grams(&question, n, of_characters);
            grams(&text, n, of_characters).iter().any(|gram| known.contains(gram))
        };
        prop_assert_eq!(index.overlaps(&text).overlaps > 0, shares(3, false) || shares(4, true));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        failed(&text);
        let mut index = Index::new(1, 1);
        let file = index.add_file("f");
        index.add(file, 1, &text);
        index.finish();
        let found = index.overlaps(&text);
        prop_assert_eq!(found.overlapping, found.units);
    }
}
