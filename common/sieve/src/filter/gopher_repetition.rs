//! Gopher's rules of repetition.

use super::seen::{Counts, Duplicates, Repeats, Seen, hash_of_two};
use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::rules::{Defaults, Family, Rule, Side};
use crate::text::{Text, Words, split_on_newline_runs, trim};
use crate::work::steps;

const fn at_most(name: &'static str, defaults: Defaults, about: &'static str) -> Rule {
    Rule { name, side: Side::AtMost, defaults, about }
}

const TOP: &str = "characters of the most frequent n-gram, spaces between words included, over those of the text (n-grams of Chinese \
     characters have 1.85 n)";
const DUPLICATED: &str = "characters of n-grams that were there before, over those of the text (n-grams of Chinese \
                          characters have 1.85 n)";

const FAMILY: Family = Family {
    name: "gopher_repetition",
    about: "paragraphs, lines and n-grams that occur again",
    source: "Rae et al. 2021, arXiv:2112.11446, table A1, as in datatrove 0.10.1; Chinese: FineWeb-2 cmn_Hani, \
             for characters re-derived (docs/filters.md)",
    rules: &[
        Rule {
            name: "min_chars",
            side: Side::AtLeast,
            defaults: Defaults::all(1.0),
            about: "code points: an empty text has no shares",
        },
        at_most(
            "max_duplicate_paragraphs",
            Defaults::each(0.3, 0.0, 0.0),
            "share of paragraphs (between empty lines) that were there before",
        ),
        at_most(
            "max_duplicate_paragraph_chars",
            Defaults::each(0.2, 0.0, 0.0),
            "their characters over those of the text",
        ),
        at_most(
            "max_duplicate_lines",
            Defaults::each(0.3, 0.287, 0.287),
            "share of lines (between line feeds) that were there before",
        ),
        at_most(
            "max_duplicate_line_chars",
            Defaults::each(0.2, 0.0, 0.0),
            "their characters over those of the text",
        ),
        at_most("max_top_2_gram", Defaults::each(0.20, 0.256, 0.3584), TOP),
        at_most("max_top_3_gram", Defaults::each(0.18, 0.201, 0.2763), TOP),
        at_most("max_top_4_gram", Defaults::each(0.16, 0.171, 0.2021), TOP),
        at_most("max_duplicate_5_grams", Defaults::each(0.15, 0.198, 0.197), DUPLICATED),
        at_most("max_duplicate_6_grams", Defaults::each(0.14, 0.182, 0.167), DUPLICATED),
        at_most("max_duplicate_7_grams", Defaults::each(0.13, 0.167, 0.155), DUPLICATED),
        at_most("max_duplicate_8_grams", Defaults::each(0.12, 0.154, 0.1444), DUPLICATED),
        at_most("max_duplicate_9_grams", Defaults::each(0.11, 0.140, 0.1322), DUPLICATED),
        at_most("max_duplicate_10_grams", Defaults::each(0.10, 0.127, 0.1207), DUPLICATED),
    ],
    options: &[],
};

pub(super) const KIND: FilterKind =
    FilterKind { family: &FAMILY, build: |_, _| Ok(Box::new(GopherRepetition)) };

/// Sizes of n-grams of which the most frequent is measured, with their rules.
const TOP_RULES: [(usize, &str); 3] = [(2, "max_top_2_gram"), (3, "max_top_3_gram"), (4, "max_top_4_gram")];
/// Sizes of n-grams of which all that repeat are measured, with their rules.
const DUPLICATE_RULES: [(usize, &str); 6] = [
    (5, "max_duplicate_5_grams"),
    (6, "max_duplicate_6_grams"),
    (7, "max_duplicate_7_grams"),
    (8, "max_duplicate_8_grams"),
    (9, "max_duplicate_9_grams"),
    (10, "max_duplicate_10_grams"),
];

/// Characters of Chinese that tell as much as `n` words: this many agree best with words of jieba, for each `n`.
fn characters_of(n: usize) -> usize {
    (1.85 * n as f64).round() as usize
}

/// `[filter.gopher_repetition]`
struct GopherRepetition;

impl Filter for GopherRepetition {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let raw = text.raw();
        check.rule("min_chars", || text.chars() as f64)?;
        if raw.is_empty() {
            return Ok(Verdict::Keep);
        }
        let chars = text.chars() as f64;
        let mut seen = Seen::new(0, text.key());

        if check.is_on("max_duplicate_paragraphs") || check.is_on("max_duplicate_paragraph_chars") {
            let found = Duplicates::among(split_on_newline_runs(trim(raw), 2), &mut seen);
            check.rule("max_duplicate_paragraphs", || found.share())?;
            check.rule("max_duplicate_paragraph_chars", || found.chars as f64 / chars)?;
        }
        if check.is_on("max_duplicate_lines") || check.is_on("max_duplicate_line_chars") {
            let found = Duplicates::among(split_on_newline_runs(raw, 1), &mut seen);
            check.rule("max_duplicate_lines", || found.share())?;
            check.rule("max_duplicate_line_chars", || found.chars as f64 / chars)?;
        }

        if !TOP_RULES.iter().chain(&DUPLICATE_RULES).any(|(_, rule)| check.is_on(rule)) {
            return Ok(Verdict::Keep);
        }
        let size = |n: usize| if text.is_of_characters() { characters_of(n) } else { n };
        let joined = Joined::of(raw, text.words(), text.key());
        let mut repeats = Repeats::with_capacity(joined.words.len());
        let mut tops = TopGrams::pairs(&joined, &mut repeats);
        for (n, rule) in TOP_RULES {
            while tops.n < size(n) {
                tops.lengthen();
            }
            if tops.n <= joined.words.len() {
                check.rule(rule, || tops.chars_of_top() as f64 / chars)?;
            }
        }
        let mut repeated = RepeatedRuns::of(&joined, &mut repeats, &mut seen);
        for (n, rule) in DUPLICATE_RULES {
            check.rule(rule, || repeated.chars(size(n)) as f64 / chars)?;
        }
        Ok(Verdict::Keep)
    }
}

/// The words of a text without anything between them: a run of words is a slice, and two are equal if these are,
/// wherever words end in them.
struct Joined<'a> {
    words: &'a Words,
    /// Then [`PADDING`] bytes of no meaning, so that as many can be read wherever a word starts.
    bytes: Vec<u8>,
    /// By word, and one more for the end: its first byte.
    starts: Vec<u32>,
    /// By word.
    hashes: Vec<u64>,
    key: u64,
}

/// Bytes that are copied and hashed at once: few words have more.
const WIDE: usize = 16;

/// The widest window, and one byte.
const PADDING: usize = 32;

/// By their number, up to [`WIDE`]: the bits of the first bytes among two numbers of eight bytes.
const FIRST_BYTES: [[u64; 2]; WIDE + 1] = {
    let mut masks = [[0; 2]; WIDE + 1];
    let mut byte = 0;
    while byte < WIDE {
        masks[byte + 1] = masks[byte];
        masks[byte + 1][byte / 8] |= 0xff << (8 * (byte % 8));
        byte += 1;
    }
    masks
};

impl<'a> Joined<'a> {
    fn of(raw: &str, words: &'a Words, key: u64) -> Self {
        let raw = raw.as_bytes();
        let mut bytes = vec![0; raw.len() + PADDING];
        let mut starts = vec![0; words.len() + 1];
        let mut hashes = vec![0; words.len()];
        let mut end = 0;
        for ((word, start), hash) in words.iter().zip(&mut starts).zip(&mut hashes) {
            let (from, length) = (word.start as usize, (word.end - word.start) as usize);
            steps(length + 1);
            *start = end as u32;
            *hash = match raw[from..].first_chunk::<WIDE>() {
                Some(wide) if length <= WIDE => {
                    bytes[end..end + WIDE].copy_from_slice(wide);
                    hash_of_first(length, wide, key)
                }
                _ => {
                    bytes[end..end + length].copy_from_slice(&raw[from..from + length]);
                    hash_of_first(length, &bytes[end..], key)
                }
            };
            end += length;
        }
        starts[words.len()] = end as u32;
        bytes.truncate(end + PADDING);
        Self { words, bytes, starts, hashes, key }
    }

    /// Where a word starts, in bytes; also where the last one ends.
    #[inline(always)]
    fn start(&self, word: usize) -> usize {
        self.starts[word] as usize
    }

    /// The hash of so many bytes from the start of a word on.
    #[inline(always)]
    fn hash(&self, word: usize, length: usize) -> u64 {
        hash_of_first(length, &self.bytes[self.start(word)..], self.key)
    }

    /// Code points of `n` words.
    fn chars(&self, word: usize, n: usize) -> u64 {
        self.words[word..word + n].iter().map(|word| u64::from(word.chars)).sum()
    }
}

/// The hash of the first bytes of these, behind which [`PADDING`] stands; by the key too: nobody can write two pieces of
/// one hash. Sixteen bytes at a time, the last of which may have been there before.
#[inline(always)]
fn hash_of_first(length: usize, bytes: &[u8], key: u64) -> u64 {
    steps(length + 1);
    if let Some(masks) = FIRST_BYTES.get(length) {
        let [first, last] = sixteen(bytes, 0);
        return hash_of_two(first & masks[0] ^ key, last & masks[1] ^ !key).wrapping_add(length as u64);
    }
    let mut hash = key ^ length as u64;
    for at in (0..length - WIDE).step_by(WIDE) {
        let [first, last] = sixteen(bytes, at);
        hash = hash_of_two(first ^ hash, last);
    }
    let [first, last] = sixteen(bytes, length - WIDE);
    hash_of_two(first ^ hash, last)
}

/// Sixteen bytes, as two numbers.
#[inline(always)]
fn sixteen(bytes: &[u8], at: usize) -> [u64; 2] {
    let (eights, _) = bytes[at..at + WIDE].as_chunks();
    [eights[0], eights[1]].map(u64::from_le_bytes)
}

/// The runs of words that were there before, by their number of words, which may only grow.
struct RepeatedRuns<'a> {
    joined: &'a Joined<'a>,
    /// By word, from how many bytes on the runs that start there equal no other: so many bytes stand at the start of no
    /// other word.
    unlike_from: Vec<u32>,
    /// Words at which a run may start that equals another. The others, nearly all, need no closer look.
    candidates: Vec<u32>,
    seen: &'a mut Seen,
}

impl<'a> RepeatedRuns<'a> {
    /// Of any number of words.
    fn of(joined: &'a Joined<'a>, repeats: &mut Repeats, seen: &'a mut Seen) -> Self {
        let words = joined.words.len();
        let candidates: Vec<u32> = (0..words as u32).collect();
        let mut unlike_from = vec![u32::MAX; words];
        let mut alike = candidates.clone();
        // Five words have 22 bytes in the mean, five Han characters 15.
        note_unlike::<15>(joined, repeats, &mut alike, &mut unlike_from);
        note_unlike::<23>(joined, repeats, &mut alike, &mut unlike_from);
        note_unlike::<31>(joined, repeats, &mut alike, &mut unlike_from);
        Self { joined, unlike_from, candidates, seen }
    }

    /// Code points of the n-grams that were there before; behind one of them the next that is looked at starts, for no
    /// word is counted twice.
    fn chars(&mut self, n: usize) -> u64 {
        let Self { joined, unlike_from, candidates, seen } = self;
        let starts = &joined.starts[..];
        let length = |word: usize| (starts[word + n] - starts[word]) as usize;
        let runs = starts.len().saturating_sub(n);
        candidates.truncate(candidates.partition_point(|word| (*word as usize) < runs));
        keep(candidates, |_, word| length(*word as usize) < unlike_from[*word as usize] as usize);
        seen.clear(candidates.len());
        let mut repeated = 0;
        let mut next = 0;
        for word in candidates.iter().map(|word| *word as usize) {
            if word >= next && !seen.insert(joined.hash(word, length(word))) {
                repeated += joined.chars(word, n);
                next = word + n;
            }
        }
        repeated
    }
}

/// Keeps the words at which the same `WINDOW` bytes may start as at another of them, and notes it of the others.
// Within its caller its loops would keep in memory what registers have room for.
#[inline(never)]
fn note_unlike<const WINDOW: usize>(
    joined: &Joined<'_>,
    repeats: &mut Repeats,
    words: &mut Vec<u32>,
    unlike_from: &mut [u32],
) {
    repeats.look_at(words.iter().map(|word| joined.hash(*word as usize, WINDOW)));
    keep(words, |place, word| {
        let may_repeat = repeats.may_repeat(place);
        unlike_from[*word as usize] = if may_repeat { u32::MAX } else { WINDOW as u32 };
        may_repeat
    });
}

/// The most frequent n-grams, from pairs on: two are equal if their words are.
struct TopGrams<'a> {
    joined: &'a Joined<'a>,
    counts: Counts,
    /// First word and number of the n-grams that were counted, in the order of the text: those that may occur again.
    counted: Vec<(u32, u32)>,
    n: usize,
}

impl<'a> TopGrams<'a> {
    /// Of two words.
    fn pairs(joined: &'a Joined<'a>, repeats: &mut Repeats) -> Self {
        repeats.look_at(joined.hashes.windows(2).map(|pair| hash_of_two(pair[0], pair[1])));
        let places = repeats.places();
        let mut counts = Counts::new(joined.key);
        counts.clear(places.len() / 2);
        let count = |word: u32| (word, counts.add(repeats.hashes[word as usize], word));
        let counted = places.into_iter().map(count).collect();
        Self { joined, counts, counted, n: 2 }
    }

    /// Goes on to n-grams of one word more: each is one behind the other of the former, overlapping.
    fn lengthen(&mut self) {
        keep(&mut self.counted, |_, (_, number)| self.counts.times(*number) > 1);
        steps(self.counted.len());
        self.counts.clear(self.counted.len() / 2);
        let mut kept = 0;
        for at in 1..self.counted.len() {
            let ((word, first), (next, second)) = (self.counted[at - 1], self.counted[at]);
            if next == word + 1 {
                let number = self.counts.add(u64::from(first) << 32 | u64::from(second), word);
                self.counted[kept] = (word, number);
                kept += 1;
            }
        }
        self.counted.truncate(kept);
        self.n += 1;
    }

    /// Code points of all occurrences of the most frequent n-gram, of equals the first, as if it was written with
    /// spaces; it may occur once. There must be `n` words.
    fn chars_of_top(&self) -> u64 {
        let (first, times) = match self.counts.top() {
            Some(top) if top.times > 1 => (top.first as usize, u64::from(top.times)),
            _ => (0, 1),
        };
        (self.joined.chars(first, self.n) + self.n as u64 - 1) * times
    }
}

/// Keeps some of them, told by place and value. Whether it does is a guess for the processor, that would often fail: nothing branches on it.
fn keep<T: Copy>(all: &mut Vec<T>, mut is_kept: impl FnMut(usize, &T) -> bool) {
    steps(all.len());
    let mut kept = 0;
    for at in 0..all.len() {
        let one = all[at];
        all[kept] = one;
        kept += usize::from(is_kept(at, &one));
    }
    all.truncate(kept);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{drop_of, published};
    use super::*;

    fn rule(text: &str) -> Option<&'static str> {
        drop_of(&published("gopher_repetition"), text).map(|(rule, _, _)| rule)
    }

    fn words(text: &str) -> Text<'_> {
        Text::new(text, Default::default())
    }

    #[test]
    fn a_text_fails_the_first_rule_in_order() {
        assert_eq!(rule(""), Some("min_chars"));
        assert_eq!(rule(" "), None);
        assert_eq!(rule("\n"), Some("max_duplicate_lines"));
        assert_eq!(rule("a\n\nb\n\na"), Some("max_duplicate_paragraphs"));
        assert_eq!(rule("long as it is\n\nb\n\nc\n\nlong as it is"), Some("max_duplicate_paragraph_chars"));
        assert_eq!(rule("a\nb\na"), Some("max_duplicate_lines"));
        assert_eq!(rule("long as it is\nb\nc\nlong as it is"), Some("max_duplicate_line_chars"));
        assert_eq!(rule("one two one two one two three"), Some("max_top_2_gram"));
    }

    #[test]
    fn the_top_n_gram_is_written_with_spaces_and_of_equals_the_first() {
        let text = words("ab c x ab c y yy z y yy");
        let joined = Joined::of(text.raw(), text.words(), 7);
        let mut tops = TopGrams::pairs(&joined, &mut Repeats::with_capacity(0));
        assert_eq!(tops.chars_of_top(), 2 * 4);
        tops.lengthen();
        assert_eq!(tops.chars_of_top(), 6);
    }

    fn chars_of_repeated(text: &Text<'_>, n: usize) -> u64 {
        let joined = Joined::of(text.raw(), text.words(), 7);
        RepeatedRuns::of(&joined, &mut Repeats::with_capacity(0), &mut Seen::new(0, 7)).chars(n)
    }

    #[test]
    fn repeated_n_grams_are_equal_without_their_spaces() {
        assert_eq!(chars_of_repeated(&words("ab c d e f a bc d e f"), 5), 6);
        assert_eq!(chars_of_repeated(&words("ab c d e f a bc d e f"), 11), 0);
        assert_eq!(chars_of_repeated(&words(""), 5), 0);
    }

    proptest! {
        #[test]
        fn n_grams_are_those_of_a_plain_search(
            text in prop_oneof!["([ab]{1,2} ){0,40}", "((one|another|o|nea|nother|中|文) ?){0,60}"],
            n in 2..11_usize,
        ) {
            let text = words(&text);
            let all: Vec<&str> = text.words().iter().map(|word| word.of(text.raw())).collect();
            let chars = |gram: &String| gram.chars().count();
            if all.len() >= n {
                let mut best = (0, String::new());
                for gram in all.windows(n).map(|gram| gram.join(" ")) {
                    let times = all.windows(n).filter(|other| other.join(" ") == gram).count();
                    if times > best.0 {
                        best = (times, gram);
                    }
                }
                let joined = Joined::of(text.raw(), text.words(), 7);
                let mut tops = TopGrams::pairs(&joined, &mut Repeats::with_capacity(0));
                (2..n).for_each(|_| tops.lengthen());
                prop_assert_eq!(tops.chars_of_top(), (best.0 * chars(&best.1)) as u64);
            }
            let n = n.max(5);
            let (mut seen, mut repeated, mut at) = (Vec::new(), 0, 0);
            while at + n <= all.len() {
                let gram = all[at..at + n].concat();
                if seen.contains(&gram) {
                    repeated += chars(&gram);
                    at += n;
                } else {
                    seen.push(gram);
                    at += 1;
                }
            }
            prop_assert_eq!(chars_of_repeated(&text, n), repeated as u64);
        }
    }
}
