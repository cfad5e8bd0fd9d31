//! Language identification, lists and decontamination in MB a CPU-second: `cargo bench -p tamis-sieve --bench language`.
//!
//! On made-up prose, or on the field `text` of each `part-*.jsonl` in the folder that `TAMIS_BENCH_CORPUS` names; with the
//! model of fastText in `TAMIS_BENCH_MODEL` that too.

mod measure;

use std::collections::BTreeMap;
use std::hint::black_box;

use tamis_sieve::filter::{Filters, Outcome, kind};
use tamis_sieve::resources::Resources;
use tamis_sieve::rules::{ChineseWords, Settings, Value};
use tamis_sieve::text::{Language, Text, TextRules};

fn main() {
    let texts = measure::corpus().unwrap_or_else(made_up);
    let is_chinese = |text: &String| {
        let rules = TextRules { language: Language::Auto, ..TextRules::default() };
        Text::new(text, rules).form() == tamis_sieve::rules::Form::Chinese
    };
    let (chinese, english): (Vec<String>, Vec<String>) = texts.into_iter().partition(is_chinese);
    let mut resources = Resources::default();
    let settings = filters(&english, &chinese, &mut resources);
    for (name, settings) in settings {
        let filters =
            Filters::build(&[settings], TextRules::default(), &resources).expect("the filter is built");
        for (language, texts) in [("en", &english), ("zh", &chinese)] {
            let all: Vec<&str> = texts.iter().map(String::as_str).collect();
            let speed = measure::speed(&all, |text| {
                black_box(filters.judge_page(text, Some("https://www.example.com/a/page"), &mut |_| {}));
            });
            println!("{name:28} {language} {speed:7.1} MB/CPU-s, {}", dropped(&filters, texts));
        }
    }
}

/// How many texts go, by rule.
fn dropped(filters: &Filters, texts: &[String]) -> String {
    let mut rules = BTreeMap::<String, usize>::new();
    for text in texts {
        if let Outcome::Dropped(dropped) = filters.judge(text, &mut |_| {}) {
            *rules.entry(dropped.rule).or_default() += 1;
        }
    }
    format!("of {} dropped: {rules:?}", texts.len())
}

/// Each filter with lists of a sensible size.
fn filters(
    english: &[String],
    chinese: &[String],
    resources: &mut Resources,
) -> Vec<(&'static str, Settings)> {
    let defaults = |name| Settings::defaults(kind(name).expect("it exists").family, ChineseWords::Characters);
    let texts = |value: &str| Value::Texts(vec![value.to_owned()]);
    // Terms and questions are cut from texts, so that some are found.
    let mut terms: Vec<String> =
        english.iter().filter_map(|t| t.split_whitespace().nth(7)).map(String::from).collect();
    terms.extend(
        chinese.iter().map(|text| text.chars().skip(20).take(4).filter(|c| !c.is_whitespace()).collect()),
    );
    terms.sort();
    terms.dedup();
    terms.truncate(2000);
    resources.insert("terms.txt", terms.join("\n").into_bytes());
    let questions =
        english.iter().chain(chinese).step_by(7).map(|text| text.chars().take(400).collect::<String>());
    let questions: Vec<String> = questions.map(|text| text.replace('\n', " ")).collect();
    resources.insert("questions.txt", questions.join("\n").into_bytes());
    resources.insert(
        "domains.txt",
        (0..100_000).map(|n| format!("bad{n}.com\n")).collect::<String>().into_bytes(),
    );
    let mut filters = vec![
        (
            "language_id",
            defaults("language_id").with_value("languages", Value::Texts(vec!["en".into(), "zh".into()])),
        ),
        ("urls, 100000 domains", defaults("urls").with_value("domains", texts("domains.txt"))),
        ("bad_words, 2000", defaults("bad_words").with_value("files", texts("terms.txt"))),
        ("lexicon, 2000 terms", defaults("lexicon").with_value("files", texts("terms.txt"))),
        ("decontaminate", defaults("decontaminate").with_value("files", texts("questions.txt"))),
        ("characters", defaults("characters")),
    ];
    if let Ok(path) = std::env::var("TAMIS_BENCH_MODEL") {
        resources.insert("model", std::fs::read(path).expect("the model is read"));
        let model = Value::Text("model".to_owned());
        filters.push(("language, with a model", defaults("language_id").with_value("model", model)));
    }
    filters
}

/// About 4 MB, in which words repeat as rarely as in prose.
fn made_up() -> Vec<String> {
    let random = |n: u64| {
        let x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^ (x >> 27)
    };
    let words =
        "the of and to in is that for was on as with be by report company net profit dividend board year";
    let words: Vec<&str> = words.split(' ').collect();
    let english = (0..1000_u64).map(|text| {
        let word = |at: u64| words[(random((text << 20) | at) % words.len() as u64) as usize];
        (0..400)
            .map(|at| if at % 12 == 11 { format!("{}. ", word(at)) } else { format!("{} ", word(at)) })
            .collect()
    });
    let chinese = (0..1000_u64).map(|text| {
        let character = |at: u64| match at % 16 {
            15 => '，',
            _ => char::from_u32(0x4e00 + (random((text << 20) | at) % 3000) as u32).unwrap_or('一'),
        };
        (0..600).map(character).collect()
    });
    english.chain(chinese).collect()
}
