//! The quick part of the fuzz target: every cleaner and filter over nasty texts.

#[path = "../fuzz/everything.rs"]
mod everything;

use everything::Everything;
use proptest::prelude::*;
use tamis_sieve::rules::ChineseWords;
use tamis_sieve::text::{Language, TextRules};

/// Texts that broke other filters, or could break these.
fn nasty() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\n",
        "\n\n\n",
        "\r",
        "\0",
        "\u{feff}",
        "a",
        "中",
        "😀",
        "\u{301}",
        "-",
        "•",
        "…",
        "...",
        "#",
        "{",
        "&",
        "<",
        "@",
        "&#0;",
        "&#x110000;",
        "&#xd800;",
        "&amp;amp;amp;",
        "<!--",
        "<script>",
        "</",
        "http://",
        "://",
        "[]",
        "[[1]]",
        "lorem ipsum",
        "\u{202e}abc\u{202c}",
        "שלום \u{200f}עולם",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\\ud800 \\udfff",
        "\u{fffd}\u{fffd}",
        "Ã©Ã¨",
        "锟斤拷锟斤拷",
        "1.1.1.1.1.1",
        "::::::",
        "13812345678",
        "4111 1111 1111 1111",
        "11010519491231002X",
        "a@b.c@d.e",
    ]
    .map(str::to_owned)
    .into();
    for part in [
        "a", "a ", "中", "\n", "<", "&", "@", "1", "1 ", "1-", ".", "#", "\"", "'", "\0", "\u{301}",
        "\u{200b}", "Ã", "ï¿½", "x@", "<p>", "{", "[1]", "\r\n", "😀", "(", "://",
    ] {
        texts.push(part.repeat(20_000));
    }
    texts
}

#[test]
fn nothing_panics_on_nasty_texts() {
    for all in Everything::in_each_form() {
        nasty().iter().for_each(|text| all.run(text));
    }
}

/// One document of one line of 100 MB: of words, of one word, and of characters.
#[test]
fn a_line_of_100_megabytes_passes_all_cleaners_and_filters() {
    for (part, language) in [
        ("the net profit of it, a good one; ", Language::General),
        ("a", Language::General),
        ("中文的利润，", Language::Chinese),
    ] {
        let rules = TextRules { language, words: ChineseWords::Characters };
        Everything::of(rules).run_in_a_row(&part.repeat(100_000_000 / part.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics_on_any_text(parts in prop::collection::vec(prop::sample::select(nasty_parts()), 0..20), text in any::<String>()) {
        let text = format!("{}{text}", parts.concat());
        for all in Everything::in_each_form() {
            all.run(&text);
        }
    }
}

fn nasty_parts() -> Vec<String> {
    nasty().into_iter().filter(|text| text.len() < 100).collect()
}
