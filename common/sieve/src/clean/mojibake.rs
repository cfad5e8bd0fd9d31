//! Repair of UTF-8 that was read as windows-1252 or Latin-1, once or more often.
//!
//! Such text shows as `Ã©` for `é` and `â€™` for `’`: a letter that is the first byte of a character, then one to three
//! characters that are its other bytes. Good text holds such sequences too: French ends a quotation with `é »`, whose
//! characters are the bytes of a Han character. So a run of sequences is repaired only if one of them cannot be good
//! text, by the letter before it or by a character that no text has behind a letter.

use super::scan::{Rewrite, char_at, char_before, find};
use super::{Changes, Cleaner, CleanerKind};
use crate::resources::Resources;
use crate::rules::{Family, Kind, Opt, Settings};
use crate::work::steps;

const FAMILY: Family = Family {
    name: "mojibake",
    about: "UTF-8 that was read as windows-1252 or Latin-1 is read again; `锟斤拷` in a row is removed",
    source: "the idea of ftfy 6 (R. Speer), with rules of its own",
    rules: &[],
    options: &[Opt {
        name: "replacement_characters",
        kind: Kind::Choice(&["keep", "remove"]),
        about: "U+FFFD: what could not be decoded",
    }],
};

pub(super) const KIND: CleanerKind = CleanerKind {
    family: &FAMILY,
    build: |settings: &Settings, _: &Resources| {
        Ok(Box::new(Mojibake { removes_replacements: settings.text("replacement_characters") == "remove" }))
    },
};

/// Each repair halves what it repairs; more layers than this no system makes.
const MAX_LAYERS: usize = 8;

/// Sequences in a row that need no further sign.
const SURE_RUN: usize = 3;

/// U+FFFD in UTF-8, twice, read as GBK.
const LOST: &str = "锟斤拷";

/// `[clean.mojibake]`
struct Mojibake {
    removes_replacements: bool,
}

impl Cleaner for Mojibake {
    fn clean(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let mut repaired: Option<String> = None;
        for _ in 0..MAX_LAYERS {
            match self.repair(repaired.as_deref().unwrap_or(text), changes) {
                Some(better) => repaired = Some(better),
                None => break,
            }
        }
        repaired
    }
}

impl Mojibake {
    /// What stands for a run, if it is broken.
    fn repaired(&self, run: Run) -> Option<String> {
        if !run.is_broken {
            return None;
        }
        // Controls of C1 are in no text, but in what was broken twice: then they go with the next layer.
        if let Some(deep) = run.deep {
            let better = self.clean(&deep, &mut Changes::new());
            if let Some(better) = better.filter(|better| !better.contains(is_control)) {
                return Some(better);
            }
        }
        (!run.decoded.is_empty() && run.changes).then_some(run.decoded)
    }

    /// One layer.
    fn repair(&self, text: &str, changes: &mut Changes) -> Option<String> {
        let mut rewrite = Rewrite::new(text);
        let mut at = 0;
        while let Some(hit) = find(text.as_bytes(), at, is_candidate) {
            let (end, with, kind) = match text.as_bytes()[hit] {
                0xc3 => {
                    let run = Run::of(text, hit);
                    (run.end, self.repaired(run), "mojibake")
                }
                0xe9 => {
                    let end = hit + LOST.len() * lost(&text[hit..]);
                    let is_garbage = end > hit + LOST.len();
                    (end.max(hit + 3), is_garbage.then(String::new), "lost")
                }
                _ => (hit + 3, self.removes_replacements.then(String::new), "replacement_character"),
            };
            steps(end - hit);
            if let Some(with) = with {
                rewrite.replace(hit, end, &with);
                *changes.entry(kind).or_default() += 1;
            }
            at = end;
        }
        rewrite.finish()
    }
}

/// A letter of Latin-1 that may be a first byte with a character that may be a second; the start of what is lost.
fn is_candidate(a: u8, b: u8, c: u8) -> bool {
    // The second characters are of U+0080 to U+00BF, or of windows-1252 and so of U+0152 to U+0192, U+02C6 to U+02DC
    // or U+2013 to U+2122.
    let second = (c == 0xc2) | (c == 0xc5) | (c == 0xc6) | (c == 0xcb) | (c == 0xe2);
    (a == 0xc3) & (b >= 0x82) & (b <= 0xb4) & second
        | (a == 0xe9) & (b == 0x94) & (c == 0x9f)
        | (a == 0xef) & (b == 0xbf) & (c == 0xbd)
}

/// How often what is lost stands here in a row.
fn lost(text: &str) -> usize {
    text.as_bytes().chunks_exact(LOST.len()).take_while(|chunk| *chunk == LOST.as_bytes()).count()
}

/// Sequences one behind the other.
struct Run {
    end: usize,
    decoded: String,
    /// The same with controls of C1, where `decoded` leaves what would be one.
    deep: Option<String>,
    is_broken: bool,
    /// Whether `decoded` differs from the text.
    changes: bool,
}

impl Run {
    fn of(text: &str, start: usize) -> Self {
        let mut run =
            Self { end: start, decoded: String::new(), deep: None, is_broken: false, changes: false };
        let mut count = 0;
        while let Some(sequence) = Sequence::at(text, run.end) {
            // Within a run the letter before says nothing.
            let before = if count == 0 { char_before(text, start) } else { '\0' };
            let c = sequence.decoded;
            if is_control(c) && run.deep.is_none() {
                run.deep = Some(run.decoded.clone());
            }
            if let Some(deep) = &mut run.deep {
                deep.push(c);
            }
            match is_control(c) {
                true => run.decoded.push_str(&text[run.end..sequence.end]),
                false => {
                    run.decoded.push(c);
                    run.changes = true;
                    run.is_broken |= sequence.is_broken(before, char_at(text, sequence.end));
                }
            }
            run.end = sequence.end;
            count += 1;
        }
        run.is_broken |= count >= SURE_RUN;
        if count == 0 {
            run.end += char_at(text, start).len_utf8();
        }
        run
    }
}

/// A character as the characters that its bytes were taken for.
struct Sequence {
    end: usize,
    decoded: char,
    first: u8,
    /// The one behind the first, and its byte.
    second: (char, u8),
}

impl Sequence {
    fn at(text: &str, start: usize) -> Option<Self> {
        let mut chars = text[start..].chars();
        let mut bytes = [0; 4];
        let lead = chars.next()?;
        bytes[0] = u8::try_from(u32::from(lead)).ok()?;
        let len = match bytes[0] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return None,
        };
        let mut second = ('\0', 0);
        let mut end = start + lead.len_utf8();
        for at in 1..len {
            let c = chars.next()?;
            bytes[at] = byte_of(c)?;
            if at == 1 {
                second = (c, bytes[1]);
            }
            end += c.len_utf8();
        }
        let decoded = std::str::from_utf8(&bytes[..len]).ok()?.chars().next()?;
        // No text has code points that are no characters: it was not this.
        let is_odd = matches!(u32::from(decoded), 0xfdd0..=0xfdef | 0xe000..=0xf8ff)
            || u32::from(decoded) & 0xfffe == 0xfffe;
        (!is_odd).then_some(Self { end, decoded, first: bytes[0], second })
    }

    /// Whether good text cannot hold it between these characters.
    fn is_broken(&self, before: char, after: char) -> bool {
        let (second, byte) = self.second;
        let follows_capital = before.is_uppercase();
        match self.first {
            _ if matches!(self.decoded, '\u{feff}' | '\u{fffd}') => true,
            // Â: signs of Latin-1.
            0xc2 => !follows_capital || is_odd(second) || matches!(second, '©' | '®'),
            // Ã: small letters, then capitals, whose second characters are the quotes and dashes of words that end in Ã.
            0xc3 if is_odd(second) || second == '€' => true,
            0xc3 if byte >= 0xa0 => !follows_capital || after.is_lowercase() && second != '\u{a0}',
            0xc3 => !follows_capital && after.is_alphabetic(),
            // Ä, Å: letters of Central Europe. A capital behind a small letter is no good text, but a unit may be.
            0xc4 | 0xc5 => {
                let is_spacing = matches!(second, '\u{a0}' | '«' | '»' | '°' | '²' | '³' | 'º');
                before.is_lowercase() && !is_spacing
                    || !follows_capital && is_odd(second) && after.is_lowercase()
            }
            0xc6..=0xdf => false,
            // ™, €, arrows, checks, quotes and dashes.
            0xe2 => byte == 0x80 || matches!(second, '‚' | '„' | '†') || is_odd(second),
            0xe3 if byte == 0x80 => true,
            // Czech writes `áš…`, but nobody `ðŸ`.
            _ => is_odd(second) && (!second.is_alphabetic() || second == 'Ÿ'),
        }
    }
}

fn is_control(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}')
}

/// Whether no good text has the character right behind a letter.
fn is_odd(c: char) -> bool {
    match c {
        '\u{80}'..='\u{9f}' => true,
        // Quotes, dashes, dots, spaces, footnotes, marks of trade, an accent that stands for an apostrophe.
        '€' | '‚' | '„' | '…' | '†' | '‡' | '‹' | '›' | '‘' | '’' | '“' | '”' | '•' | '–' | '—' | '™' => {
            false
        }
        '\u{a0}' | '«' | '»' | '\u{ad}' | '©' | '®' | '°' | '²' | '³' | '¹' | 'ª' | 'º' | '·' | '´' | '¿'
        | '¡' | '§' => false,
        _ => true,
    }
}

/// The byte that windows-1252, or Latin-1 where it leaves a gap, reads as this character; only of those behind a first.
fn byte_of(c: char) -> Option<u8> {
    Some(match c {
        '\u{80}'..='\u{bf}' => c as u8,
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8a,
        '‹' => 0x8b,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9a,
        '›' => 0x9b,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{clean, clean_with, counts, settings};
    use super::super::windows_1252;
    use super::byte_of;
    use crate::rules::Value;

    /// UTF-8 read as windows-1252.
    fn broken(text: &str) -> String {
        text.bytes().map(|byte| windows_1252(byte).unwrap_or(char::from(byte))).collect()
    }

    /// UTF-8 read as Latin-1.
    fn broken_as_latin_1(text: &str) -> String {
        text.bytes().map(char::from).collect()
    }

    /// Real sentences with what is easily taken for broken text.
    const GOOD: [&str; 22] = [
        "« L’été dernier », dit-il, « j’ai été très aimé » et pourtant… Voilà\u{a0}! C’est là\u{a0}: à\u{a0}½ prix.",
        "Le CAFÉ\u{a0}» de la « SOCIÉTÉ\u{a0}» a fermé à 20\u{a0}h\u{a0}; l’« Ô\u{a0}» et « À\u{a0}» restent.",
        "Der Verlag sagte „Größe“ – und „STRASSE“, „GROẞ“, „Ä“ … Straß’, Spaß”, Maß–Einheit; §§ 3 ß…",
        "Não há razão… A MAÇÃ” e a IRMÃ\u{bb} são “irmãs”. AMANHÃ… SÃO PAULO, MAÇÃ\u{bb} e LÃ—PURA MAÇÃ\u{a0}que.",
        "El niño preguntó: ¿Qué pasó? ¡Olé! «Mañana», dijo José…",
        "中文文本，包含标点符号。“引号”和‘单引号’——破折号……以及全角：ＡＢＣ。",
        "Õ Ö × Ü; 3×² = 9; a×²; 10 Å² und 5 Å³; 2 Å–3 Å; Ø° 5",
        "Ångström® und Øre™; FAÇADE® déjà™ naïve© (Pelé)®",
        "Þetta er „íslenska“… og það” – ð… ÞAÐ\u{201c}",
        "Türkçe: hâlâ… “hâlâ” hâlâ’da; lâ»",
        "Việt Nam: CÂ… “MÔ hình” À, Â, Ă",
        "În România, „Â” și „Î” sunt litere; COBORÎ…",
        "Å… på “Å” ligger å’n; BLÅ” GRÅ–BLÅ",
        "Ty to máš… „znáš“, víš–li; říkáš»; Dvořák’s “Čeština”… Łódź „Ó”",
        "CAFÉ” CAFÉ… CAFÉ’S CAFÉ— “É” É– Ü“ Ö”",
        "L’ÉTÉ\u{a0}», « ÉTÉ », ÉTÉ°, ÉTÉ\u{b2}, ÉTÉ\u{b9}",
        "é\u{a0}» ê\u{a0}» è…” é—” ä–„ ö’” ã…» ç»…",
        "Ελληνικά «κείμενα» … Русский текст «ёлка» — да",
        "日本語の「テキスト」、ハングル 한국어 … العربية «نص»",
        "f(x) = ½x² ± ¼; 100 µm ¶ 5 §2 ¬p ¦ ¤",
        "😀 ðat… è finita »…",
        "É\u{a0}! Ê\u{a0}? À\u{a0}« Â ce moment »",
    ];

    #[test]
    fn broken_text_is_repaired() {
        for (text, repaired) in [
            ("cafÃ© dâ€™Ã©tÃ© â€“ voilÃ\u{a0} lâ€™Å“uvre", "café d’été – voilà l’œuvre"),
            ("Ã–sterreich grÃ¼ÃŸt Ãœber", "Österreich grüßt Über"),
            ("â€œquotedâ€\u{9d} â€¦ â‚¬ 5 â„¢ â†’ âœ“ Â© 2020 Â®", "“quoted” … € 5 ™ → ✓ © 2020 ®"),
            ("mÃ£e, nÃ£o, coraÃ§Ã£o, MAÃ‡ÃƒO", "mãe, não, coração, MAÇÃO"),
            ("zaÅ¼Ã³Å‚Ä‡ gÄ™Å›lÄ…", "zażółć gęślą"),
            ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
            ("ðŸ˜€ smile", "😀 smile"),
            ("SÃ£o TÃ©l CÃ´te Ã€ la", "São Tél Côte À la"),
        ] {
            assert_eq!(clean("mojibake", text), repaired);
        }
        assert_eq!(clean("mojibake", &broken("中文，标点。")), "中文，标点。");
        assert_eq!(clean("mojibake", &broken_as_latin_1("中文，标点。é’")), "中文，标点。é’");
        assert_eq!(counts("mojibake", "cafÃ© Â©"), [("mojibake", 2)]);
    }

    #[test]
    fn text_broken_twice_is_repaired() {
        assert_eq!(clean("mojibake", "itÃ¢â‚¬â„¢s Ã‚Â© cafÃƒÂ©"), "it’s © café");
        assert_eq!(clean("mojibake", "HereÃ¢Â\u{80}Â\u{99}s"), "Here’s");
        assert_eq!(clean("mojibake", &broken_as_latin_1(&broken_as_latin_1("中文‘引用’"))), "中文‘引用’");
        assert_eq!(clean("mojibake", "“Â” Â\u{80}Â\u{81}"), "“Â” Â\u{80}Â\u{81}");
        let twice = broken(&broken(&broken("déjà vu – c’est ça, «\u{a0}été\u{a0}»")));
        assert_eq!(clean("mojibake", &twice), "déjà vu – c’est ça, «\u{a0}été\u{a0}»");
    }

    #[test]
    fn good_text_stays() {
        for text in GOOD {
            assert_eq!(clean("mojibake", text), text);
        }
    }

    #[test]
    fn what_is_lost_for_good_is_removed_where_it_is_plain_garbage() {
        assert_eq!(clean("mojibake", "数据锟斤拷锟斤拷锟斤拷丢失"), "数据丢失");
        assert_eq!(clean("mojibake", "“锟斤拷”是乱码，锟是姓"), "“锟斤拷”是乱码，锟是姓");
        assert_eq!(clean("mojibake", "a\u{fffd}b"), "a\u{fffd}b");
        let remove = settings("mojibake").with_value("replacement_characters", Value::Text("remove".into()));
        assert_eq!(clean_with(&remove, "a\u{fffd}b"), "ab");
    }

    #[test]
    fn bytes_and_characters_are_inverse() {
        for byte in 0x80..=0xbf {
            assert_eq!(windows_1252(byte).map_or(Some(byte), byte_of), Some(byte));
        }
    }

    proptest! {
        #[test]
        fn good_sentences_stay_however_they_are_cut_and_joined(
            parts in proptest::collection::vec((0..GOOD.len(), 0usize..9, 1usize..9), 1..6),
        ) {
            let mut text = String::new();
            for (sentence, skip, take) in parts {
                for word in GOOD[sentence].split(' ').skip(skip).take(take) {
                    text.push_str(word);
                    text.push(' ');
                }
            }
            prop_assert_eq!(clean("mojibake", &text), text);
        }

        #[test]
        fn broken_small_letters_between_ascii_are_repaired(text in "([a-z]{1,6}[àâäçéèêëîïôöùûüñãõáíóú’“–…€] ){1,20}") {
            prop_assert_eq!(clean("mojibake", &broken(&text)), text.clone());
            prop_assert_eq!(clean("mojibake", &broken_as_latin_1(&text)), text);
        }

        #[test]
        fn broken_chinese_is_repaired(text in "[\u{4e00}-\u{9fff}，。“”]{3,40}") {
            prop_assert_eq!(clean("mojibake", &broken(&text)), text);
        }
    }
}
