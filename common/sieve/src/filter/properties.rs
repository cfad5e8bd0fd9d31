//! What holds of every filter: work is linear in the text, whatever the text.

use super::{Filters, KINDS};
use crate::fasttext::tests::small_model;
use crate::resources::Resources;
use crate::rules::{ChineseWords, Kind, Settings, Value};
use crate::text::{Language, TextRules};
use crate::work::steps_of;

/// Pieces of which nasty texts are made.
const PIECES: [&str; 62] = [
    "a",
    "a ",
    "A.",
    ".",
    "..",
    "...",
    ". ",
    "…",
    "'",
    "'s",
    "’s ",
    "n't",
    "-",
    "a-",
    "- a\n",
    "•\n",
    "#",
    "=",
    "(",
    "a,",
    "a.B",
    "://",
    "www.",
    "@",
    "[",
    "[1",
    "[1]",
    "[]",
    "[edit",
    "{",
    "k",
    "\u{212a}",
    "lorem ipsum ",
    "javascript.\n",
    "use cookies\n",
    "a a a.\n",
    "中",
    "中文",
    "中 ",
    "的",
    "没有",
    "。",
    "，\n",
    "ア",
    "ก",
    "ب",
    "한",
    "é",
    "\u{301}",
    "\u{200b}",
    "\u{202e}",
    "\0",
    "😀",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\u{2028}",
    "\u{1c} ",
    "\t",
    "1",
    "1.1 ",
];

/// Texts of so many pieces: each piece again and again, and pieces of which none comes twice.
fn texts(pieces: usize) -> impl Iterator<Item = String> {
    let repeated = PIECES.iter().map(move |piece| piece.repeat(pieces));
    let numbered = ["w#", "w# w# ", "line # it is.\n", "para #\n\n", "的#，", "[#]"]
        .map(move |piece| (0..pieces).map(|number| piece.replace('#', &number.to_string())).collect());
    let han = |number: usize| char::from_u32(0x4e00 + (number * 7919 % 20_000) as u32).unwrap();
    repeated.chain(numbered).chain([(0..pieces).map(han).collect()])
}

fn files() -> Resources {
    let mut files = Resources::default();
    let list = format!("a\na a\n1\n中\n中中\n{}\n{}\n", "a ".repeat(20), "中".repeat(40));
    files.insert("list", list.into_bytes());
    files.insert("domains", b"a.a.a\nexample.com\n".to_vec());
    files.insert("model", small_model());
    files
}

/// Every filter with lists, by its defaults, with all rules asked, and with a model if it may have one.
fn all_settings(words: ChineseWords) -> Vec<Settings> {
    let mut all = Vec::new();
    for kind in KINDS {
        let mut settings = Settings::defaults(kind.family, words);
        let mut with_model = None;
        for option in kind.family.options {
            let model = Value::Text("model".into());
            let value = match option.kind {
                Kind::File => model,
                Kind::Files if kind.family.name == "urls" => Value::Texts(vec!["domains".into()]),
                Kind::Files => Value::Texts(vec!["list".into()]),
                Kind::Texts if kind.family.name == "urls" => Value::Texts(vec!["a".into(), "www".into()]),
                Kind::OptionalFile => {
                    with_model = Some(settings.clone().with_value(option.name, model));
                    continue;
                }
                _ => continue,
            };
            settings = settings.with_value(option.name, value);
        }
        all.extend(with_model);
        all.push(settings.clone().that_drop_nothing());
        all.push(settings);
    }
    all
}

#[test]
fn twice_the_text_is_at_most_twice_the_work() {
    let files = files();
    for (language, words) in [
        (Language::General, ChineseWords::Characters),
        (Language::Chinese, ChineseWords::Characters),
        (Language::Chinese, ChineseWords::Jieba),
    ] {
        for settings in all_settings(words) {
            let filters =
                Filters::build(std::slice::from_ref(&settings), TextRules { language, words }, &files)
                    .unwrap();
            let work = |text: &str| {
                steps_of(|| {
                    filters.judge_page(text, Some(text), &mut |_| {});
                })
            };
            for (half, whole) in texts(1_500).zip(texts(3_000)) {
                let (less, more) = (work(&half), work(&whole));
                let (name, start) = (settings.family().name, whole.chars().take(20).collect::<String>());
                // Tables grow by doubling, so that a little more text may be a little more than its share.
                assert!(more <= 3 * less + 4_096, "{name} takes {less}, then {more} steps for {start:?}");
                assert!(more <= 400 * whole.len() + 16_384, "{name} takes {more} steps for {start:?}");
            }
        }
    }
}

#[test]
fn every_filter_counts_its_steps() {
    let files = files();
    let text = "the net profit of it is a good one. ".repeat(100);
    for settings in all_settings(ChineseWords::Characters) {
        // A filter without a rule that is on looks at nothing.
        if !settings.family().rules.iter().any(|rule| rule.defaults.general != 0.0) {
            continue;
        }
        let filters = Filters::build(std::slice::from_ref(&settings), TextRules::default(), &files).unwrap();
        let steps = steps_of(|| {
            filters.judge_page(&text, Some(&text), &mut |_| {});
        });
        // Of a long text the identifier of languages looks at 2 KiB.
        assert!(steps >= text.len() / 2, "{} counts {steps} steps", settings.family().name);
    }
}
