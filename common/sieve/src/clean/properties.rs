//! What holds of every cleaner and of the preset: cleaning twice is cleaning once, and work is linear in the text.

use std::borrow::Cow;

use proptest::prelude::*;

use super::testing::{run, settings};
use super::{Cleaners, KINDS, presets};
use crate::resources::Resources;
use crate::rules::{Settings, Value};
use crate::work::steps_of;

/// Every cleaner by its defaults, and with each option that takes another way.
fn all_settings() -> Vec<Settings> {
    let with = |name: &str, option: &str, value: Value| settings(name).with_value(option, value);
    let choice = |name: &str, option: &str, value: &str| with(name, option, Value::Text(value.into()));
    let mut all: Vec<_> = KINDS.iter().map(|kind| settings(kind.family.name)).collect();
    all.extend(
        ["entities", "tags", "comments", "scripts"].map(|option| with("html", option, Value::Flag(false))),
    );
    all.push(choice("mojibake", "replacement_characters", "remove"));
    all.push(choice("unicode", "form", "nfkc"));
    all.push(choice("whitespace", "indentation", "remove"));
    all.push(with("personal", "old_identity", Value::Flag(true)));
    all.push(choice("personal", "email_text", "email@masked.org"));
    all
}

fn recommended() -> Cleaners {
    let preset = presets::preset("recommended").unwrap();
    Cleaners::build(&preset.settings(), &Resources::default()).unwrap()
}

/// Pieces that cleaners look for, to be put together at random.
const PIECES: [&str; 75] = [
    "a",
    "b",
    "Z",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "  ",
    "\n\n\n",
    "\u{a0}",
    "　",
    "\u{85}",
    "\u{2028}",
    "\0",
    "\u{1b}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{ad}",
    "\u{feff}",
    "\u{61c}",
    "م",
    "क\u{94d}",
    "👩",
    "\u{301}",
    "e\u{301}",
    "\u{323}",
    "\u{1100}",
    "\u{1161}",
    "\u{37e}",
    "ﬁ",
    "Ã",
    "©",
    "Â",
    "â",
    "€",
    "™",
    "â€™",
    "Ãƒ",
    "‚",
    "Å",
    "é",
    "»",
    "ä¸",
    "\u{80}",
    "Ã¢Â\u{80}Â\u{99}",
    "\u{1b}[1m",
    "L",
    "\u{9f}",
    "锟斤拷",
    "\u{fffd}",
    "&",
    "amp",
    ";",
    "&lt;",
    "&#60;",
    "&#59;",
    "&nbsp;",
    "<",
    ">",
    "/",
    "b>",
    "<p>",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "<a href=x",
    "= ",
    "\"",
    "13812345678",
    "+",
    "中",
    "1",
];

const NUMBERS: [&str; 44] = [
    "13812345678",
    "138",
    "1234",
    "5678",
    "-",
    " ",
    ".",
    "/",
    ",",
    "(",
    ")",
    "+",
    "+86",
    "86",
    "0086",
    "010",
    "0571",
    "87654321",
    "8765",
    "4321",
    "415",
    "555",
    "2671",
    "11010519491231002X",
    "110105491231002",
    "4111111111111111",
    "4111",
    "1111",
    "8.8.4.40",
    "8",
    "2001:470:0:1::2",
    ":",
    "@",
    "a@b.org",
    "b.org",
    "x",
    "电话",
    "v",
    "元",
    "转",
    "（",
    "）",
    "+44 20 7946 0958",
    "6222021234567890128",
];

fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(of), 0..24).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![4 => pieces(&PIECES), 4 => pieces(&NUMBERS), 1 => "\\PC{0,60}", 1 => any::<String>()]
}

proptest! {
    #[test]
    fn a_cleaned_text_stays_as_it_is(text in texts()) {
        for settings in all_settings() {
            let (once, _) = run(&settings, &text);
            let (twice, changes) = run(&settings, &once);
            prop_assert_eq!(&twice, &once, "{}", settings.family().name);
            let counted = changes.keys().filter(|kind| **kind != "replacement_character").count();
            prop_assert_eq!(counted, 0, "{} counts what it leaves", settings.family().name);
        }
    }

    #[test]
    fn a_text_that_passed_the_preset_stays_as_it_is(text in texts()) {
        let cleaners = recommended();
        let once = cleaners.clean(Cow::Borrowed(&text), &mut |_, _| {}).into_owned();
        let mut changed = Vec::new();
        let twice = cleaners.clean(Cow::Borrowed(&once), &mut |family, _| changed.push(family.name));
        prop_assert_eq!(&*twice, &once);
        prop_assert_eq!(changed, Vec::<&str>::new());
    }
}

#[test]
fn every_cleaner_is_told_once_with_all_that_it_changed() {
    let mut changed = Vec::new();
    let text = "cafÃ© &am\u{200b}p; x  y";
    let cleaned = recommended().clean(Cow::Borrowed(text), &mut |family, changes| {
        changed.push((family.name, changes.values().sum::<u64>()));
    });
    assert_eq!(cleaned, "café & x y");
    assert_eq!(changed, [("html", 1), ("mojibake", 1), ("control", 1), ("whitespace", 1)]);
}

#[test]
fn a_clean_text_is_not_copied() {
    let text = "Clean text.\n\n干净的文本。";
    assert!(matches!(recommended().clean(Cow::Borrowed(text), &mut |_, _| {}), Cow::Borrowed(_)));
}

#[test]
fn twice_the_text_is_twice_the_work() {
    const NASTY: [&str; 44] = [
        "<",
        ">",
        "&",
        ";",
        "@",
        "7",
        "1 ",
        "1.",
        "+1 ",
        "12 ",
        "138-",
        "\u{301}",
        "Ã",
        "Ãƒ",
        "â€",
        "é»",
        " ",
        "\n",
        "\t ",
        "\r",
        "\0",
        "\u{200d}",
        "<!--",
        "-->",
        "<!-->",
        "<b>",
        "<b ",
        "<p x=\"",
        "<script>",
        "<script></",
        "</",
        "&amp",
        "&amp;",
        "&#38;",
        "a@",
        "@a.",
        "2001:",
        "锟斤拷",
        "\u{fffd}",
        "(",
        "<p x=y ",
        "1234 5678 ",
        "+4420 ",
        "a",
    ];
    for settings in all_settings() {
        for piece in NASTY {
            let work = |times: usize| {
                let text = piece.repeat(times);
                steps_of(|| {
                    run(&settings, &text);
                })
            };
            let (half, whole) = (work(4_000), work(8_000));
            let name = settings.family().name;
            assert!(
                whole <= 2 * half + half / 8 + 1024,
                "{name} takes {half}, then {whole} steps for {piece:?}"
            );
            assert!(whole <= 8_000 * piece.len() * 160 + 1024, "{name} takes {whole} steps for {piece:?}");
        }
    }
}

#[test]
fn a_megabyte_of_anything_passes_the_preset() {
    let cleaners = recommended();
    for piece in ["<", "&", "@", "7", "\u{301}", "Ã"] {
        let text = piece.repeat((1 << 20) / piece.len());
        let cleaned = cleaners.clean(Cow::Borrowed(&text), &mut |_, _| {});
        assert!(cleaned.len() <= text.len());
    }
}
