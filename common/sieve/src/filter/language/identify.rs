//! The language of a text, told by its script and, where many languages share one, by its trigrams of letters.
//!
//! A script of one language gives the share of its letters as the score. Among the languages of a script, each trigram
//! adds how much likelier a language makes it than chance would, by its rank among the language's commonest (so naive
//! Bayes over Zipf's law, over the profiles of Cavnar and Trenkle 1994 that whatlang publishes).

use std::sync::LazyLock;

use crate::work::steps;

/// Bytes of a text that are looked at, and of a piece of it: each piece may have its own language.
const SAMPLE: usize = 2048;
const PIECE: usize = 256;

/// Letters of Latin that say about as much as one Han character, and one of kana or Hangul.
const HAN_LETTERS: u32 = 3;
const SYLLABLE_LETTERS: u32 = 2;
/// One character of kana makes so many Han characters Japanese: a text of Chinese has none.
const HAN_OF_KANA: u32 = 7;

/// Numbers of scripts: of those of one language from 1 on, then of those of many.
const NO_SCRIPT: u8 = 0;
const HAN: usize = 1;
const KANA: usize = 2;
const HANGUL: usize = 3;
const FIRST_GROUP: usize = 1 + SCRIPTS.len();

/// Scripts of one language, with their letters.
const SCRIPTS: [(&str, &[(u32, u32)]); 21] = [
    ("zh", &[(0x3005, 0x3007), (0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xf900, 0xfaff), (0x20000, 0x323af)]),
    ("ja", &[(0x3041, 0x309f), (0x30a1, 0x30fa), (0x30fc, 0x30ff), (0x31f0, 0x31ff), (0xff66, 0xff9f)]),
    ("ko", &[(0x1100, 0x11ff), (0x3131, 0x318e), (0xa960, 0xa97c), (0xac00, 0xd7fb)]),
    ("el", &[(0x370, 0x3ff), (0x1f00, 0x1fff)]),
    ("hy", &[(0x531, 0x58a)]),
    ("ka", &[(0x10a0, 0x10ff), (0x1c90, 0x1cbf), (0x2d00, 0x2d2d)]),
    ("bn", &[(0x980, 0x9fe)]),
    ("pa", &[(0xa01, 0xa76)]),
    ("gu", &[(0xa81, 0xaff)]),
    ("or", &[(0xb01, 0xb77)]),
    ("ta", &[(0xb82, 0xbfa)]),
    ("te", &[(0xc00, 0xc7f)]),
    ("kn", &[(0xc80, 0xcf3)]),
    ("ml", &[(0xd00, 0xd7f)]),
    ("si", &[(0xd81, 0xdf4)]),
    ("th", &[(0xe01, 0xe5b)]),
    ("lo", &[(0xe81, 0xedf)]),
    ("bo", &[(0xf00, 0xfda)]),
    ("my", &[(0x1000, 0x109f)]),
    ("km", &[(0x1780, 0x17f9)]),
    ("am", &[(0x1200, 0x139f)]),
];

/// Scripts of many languages, with their letters; their profiles stand in this order.
const GROUPS: [(&str, &[(u32, u32)]); 5] = [
    (
        "latin",
        &[
            (0x41, 0x5a),
            (0x61, 0x7a),
            (0xaa, 0xaa),
            (0xba, 0xba),
            (0xc0, 0xd6),
            (0xd8, 0xf6),
            (0xf8, 0x24f),
            (0x300, 0x36f),
            (0x1e00, 0x1eff),
            (0xff21, 0xff3a),
            (0xff41, 0xff5a),
        ],
    ),
    ("cyrillic", &[(0x400, 0x481), (0x483, 0x52f)]),
    (
        "arabic",
        &[
            (0x620, 0x65f),
            (0x66e, 0x6d3),
            (0x6d5, 0x6dc),
            (0x6df, 0x6e8),
            (0x6ea, 0x6ef),
            (0x6fa, 0x6ff),
            (0x750, 0x77f),
            (0xfb50, 0xfdff),
            (0xfe70, 0xfefc),
        ],
    ),
    ("devanagari", &[(0x900, 0x963), (0x970, 0x97f)]),
    ("hebrew", &[(0x591, 0x5c7), (0x5d0, 0x5f2), (0xfb1d, 0xfb4f)]),
];

/// Room for the languages of a group.
const MOST: usize = 40;
/// The shares of the commonest trigrams are about `FIRST / (rank + SHIFT)`; of all others together, a little more than
/// half, each one has `RARE`.
const FIRST: f64 = 0.16;
const SHIFT: f64 = 8.0;
const RARE: f64 = 5e-5;
/// Weights are kept in this part of the natural logarithm.
const UNIT: f64 = 32.0;
/// How much of its weight a trigram says by itself, and how many trigrams say all that can be said.
const EVIDENCE: f32 = 0.35;
const ENOUGH: u32 = 100;
/// The mean weight of a trigram in a text of the language: with less, what was read is hardly a language.
const USUAL: f32 = 1.0;

/// The trigrams of the languages that share a script.
struct Group {
    /// The place of its first language among all, and their number.
    first: usize,
    languages: usize,
    /// The codes of its letters are below; 0 is what is no letter.
    codes: usize,
    /// The row of weights of each triple of codes; 0: of no profile.
    rows: Vec<u16>,
    weights: Vec<[u8; MOST]>,
}

struct Model {
    languages: Vec<&'static str>,
    groups: Vec<Group>,
    /// Script and code in its group of the code points of the basic plane.
    letters: Vec<(u8, u8)>,
}

static MODEL: LazyLock<Model> = LazyLock::new(Model::read);

/// The languages that can be told.
pub(super) fn languages() -> &'static [&'static str] {
    &MODEL.languages
}

/// How sure each language is, in the order of [`languages`]: from 0 to 1, all together at most 1. Where a text changes
/// its language, each has its share.
pub(super) fn scores(text: &str) -> Vec<f32> {
    let model = &*MODEL;
    let mut scores = vec![0.0; model.languages.len()];
    let mut letters = 0;
    let mut fits = [Fit::default(); GROUPS.len()];
    for piece in pieces(text) {
        let mut tally = Tally::new(model);
        tally.read(piece);
        letters += tally.add_to(&mut scores, &mut fits);
    }
    for (group, fit) in model.groups.iter().zip(fits) {
        let sure = fit.sure();
        scores[group.first..][..group.languages].iter_mut().for_each(|score| *score *= sure);
    }
    let letters = letters.max(1) as f32;
    scores.iter_mut().for_each(|score| *score /= letters);
    scores
}

/// How well what was read of a group fits the likeliest languages.
#[derive(Clone, Copy, Default)]
struct Fit {
    trigrams: u32,
    weights: u32,
}

impl Fit {
    /// 1 where trigrams have the usual weight, less where they are hardly those of a language.
    fn sure(self) -> f32 {
        let mean = self.weights as f32 / (self.trigrams.max(1) as f32 * UNIT as f32);
        (mean / USUAL).min(1.0)
    }
}

/// The likeliest language of a text by the built-in identifier, ISO 639-1, and how sure it is, 0 to 1; none if the text
/// has no letters.
pub fn likeliest_language(text: &str) -> Option<(&'static str, f32)> {
    let scores = scores(text);
    let place = likeliest(&scores)?;
    Some((languages()[place], scores[place]))
}

/// The place of the highest score above 0.
pub(super) fn likeliest(scores: &[f32]) -> Option<usize> {
    let (place, score) =
        scores.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    (*score > 0.0).then_some(place)
}

/// The pieces of a text that are looked at: a short one is cut into a few, of a long one some stand at even distances.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let count = (text.len() / PIECE).clamp(1, SAMPLE / PIECE);
    let length = if text.len() <= SAMPLE { text.len().div_ceil(count) } else { PIECE };
    (0..count).map(move |piece| {
        let start = piece * (text.len() - length) / (count - 1).max(1);
        &text[text.floor_char_boundary(start)..text.floor_char_boundary(start + length)]
    })
}

/// What was seen of a piece.
struct Tally {
    model: &'static Model,
    /// Letters by script.
    letters: [u32; FIRST_GROUP + GROUPS.len()],
    /// By group: trigrams, and the weights of its languages.
    trigrams: [u32; GROUPS.len()],
    sums: [[u32; MOST]; GROUPS.len()],
}

impl Tally {
    fn new(model: &'static Model) -> Self {
        Self {
            model,
            letters: [0; FIRST_GROUP + GROUPS.len()],
            trigrams: [0; GROUPS.len()],
            sums: [[0; MOST]; GROUPS.len()],
        }
    }

    fn read(&mut self, text: &str) {
        steps(text.len());
        // The group of the word, and the codes of its two letters before.
        let (mut group, mut before) = (0, [0, 0]);
        for c in text.chars().chain([' ']) {
            let (script, code) = self.model.letter(c);
            let script = usize::from(script);
            self.letters[script] += 1;
            // Letters of another script end a word as a space does.
            match script.checked_sub(FIRST_GROUP) {
                Some(other) if other != group => {
                    self.trigram(group, before, 0);
                    (group, before) = (other, [0, 0]);
                }
                _ => {}
            }
            self.trigram(group, before, code);
            before = [before[1], code];
        }
    }

    /// Weighs a trigram, unless it has nothing but a letter at one end.
    #[inline]
    fn trigram(&mut self, group: usize, before: [u8; 2], code: u8) {
        let [first, second] = before;
        if second == 0 && (first == 0 || code == 0) {
            return;
        }
        self.trigrams[group] += 1;
        let Group { codes, rows, weights, .. } = &self.model.groups[group];
        let place = (usize::from(first) * codes + usize::from(second)) * codes + usize::from(code);
        let row = usize::from(rows[place]);
        if row != 0 {
            self.sums[group]
                .iter_mut()
                .zip(&weights[row])
                .for_each(|(sum, weight)| *sum += u32::from(*weight));
        }
    }

    /// Adds to each language's score its part of the letters, whose number it gives.
    fn add_to(&self, scores: &mut [f32], fits: &mut [Fit; GROUPS.len()]) -> u32 {
        let mut weights = self.letters;
        weights[usize::from(NO_SCRIPT)] = 0;
        if weights[KANA] > 0 && weights[KANA] * HAN_OF_KANA >= weights[HAN] {
            weights[KANA] += std::mem::take(&mut weights[HAN]) * HAN_LETTERS / SYLLABLE_LETTERS;
        }
        weights[HAN] *= HAN_LETTERS;
        weights[KANA] *= SYLLABLE_LETTERS;
        weights[HANGUL] *= SYLLABLE_LETTERS;
        for (score, weight) in scores.iter_mut().zip(&weights[1..FIRST_GROUP]) {
            *score += *weight as f32;
        }
        for (place, group) in self.model.groups.iter().enumerate() {
            let (sums, trigrams) = (&self.sums[place][..group.languages], self.trigrams[place]);
            if trigrams > 0 {
                let letters = weights[FIRST_GROUP + place] as f32;
                fits[place].trigrams += trigrams;
                fits[place].weights += share_out(letters, sums, trigrams, &mut scores[group.first..]);
            }
        }
        weights.iter().sum()
    }
}

/// Shares the letters of a group out among its languages, and gives the weight of the likeliest one.
fn share_out(letters: f32, sums: &[u32], trigrams: u32, scores: &mut [f32]) -> u32 {
    let highest = sums.iter().copied().max().unwrap_or_default();
    // Trigrams of a text hang together: a hundred say little more than a few.
    let evidence = EVIDENCE * trigrams.min(ENOUGH) as f32 / (trigrams as f32 * UNIT as f32);
    let mut parts = [0.0; MOST];
    for (part, sum) in parts.iter_mut().zip(sums) {
        let behind = (highest - sum) as f32 * evidence;
        // Below lies nothing that counts, but numbers that processors take long over.
        *part = if behind < 16.0 { (-behind).exp() } else { 0.0 };
    }
    let unit = letters / parts.iter().sum::<f32>();
    scores.iter_mut().zip(&parts[..sums.len()]).for_each(|(score, part)| *score += unit * part);
    highest
}

impl Model {
    fn read() -> Self {
        let mut languages: Vec<&'static str> = SCRIPTS.iter().map(|(language, _)| *language).collect();
        let mut letters = vec![(NO_SCRIPT, 0); 0x1_0000];
        let all = SCRIPTS.iter().chain(&GROUPS).enumerate();
        for (script, (_, ranges)) in all {
            for code in ranges.iter().flat_map(|(first, last)| *first..=(*last).min(0xffff)) {
                letters[code as usize].0 = 1 + script as u8;
            }
        }
        let mut groups = Vec::new();
        for (place, (name, _)) in GROUPS.iter().enumerate() {
            let script = (FIRST_GROUP + place) as u8;
            let profiles: Vec<(&str, &str)> = profiles(name).collect();
            let first = languages.len();
            languages.extend(profiles.iter().map(|(language, _)| *language));
            groups.push(Group::new(first, script, &profiles, &mut letters));
        }
        Self { languages, groups, letters }
    }

    /// Script and code.
    #[inline]
    fn letter(&self, c: char) -> (u8, u8) {
        match self.letters.get(c as usize) {
            Some(letter) => *letter,
            None if crate::text::is_han(c) => (HAN as u8, 0),
            None => (NO_SCRIPT, 0),
        }
    }
}

/// Language and trigrams of the profiles of a group.
fn profiles(group: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("profiles.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(move |line| line.strip_prefix(group)?.trim_start().split_once(' '))
}

impl Group {
    fn new(first: usize, script: u8, profiles: &[(&str, &str)], letters: &mut [(u8, u8)]) -> Self {
        // Codes in the order in which letters come, so that those of the commonest trigrams lie close together.
        let mut known: Vec<char> = Vec::new();
        for c in profiles.iter().flat_map(|(_, trigrams)| trigrams.chars()) {
            if c != '_' && !known.contains(&c) {
                known.push(c);
            }
        }
        let code = |c: char| known.iter().position(|known| *known == c).map_or(0, |place| place + 1);
        // The last code is that of all other letters.
        let codes = known.len() + 2;
        for (point, letter) in letters.iter_mut().enumerate().filter(|(_, letter)| letter.0 == script) {
            // Wide letters are those of Latin.
            let narrow = if point >= 0xff21 { point - 0xfee0 } else { point };
            let lower = char::from_u32(narrow as u32).and_then(|c| c.to_lowercase().next());
            letter.1 = match lower.map_or(0, code) {
                0 => (codes - 1) as u8,
                code => code as u8,
            };
        }
        let mut rows = vec![0; codes * codes * codes];
        let mut weights = vec![[0; MOST]];
        for (language, (_, trigrams)) in profiles.iter().enumerate() {
            let trigrams: Vec<char> = trigrams.chars().collect();
            for (rank, trigram) in trigrams.chunks_exact(3).enumerate() {
                let place = trigram.iter().fold(0, |place, c| place * codes + code(*c));
                if rows[place] == 0 {
                    rows[place] = weights.len() as u16;
                    weights.push([0; MOST]);
                }
                let weight = (FIRST / (rank as f64 + SHIFT) / RARE).ln() * UNIT;
                weights[usize::from(rows[place])][language] = weight as u8;
            }
        }
        Self { first, languages: profiles.len(), codes, rows, weights }
    }
}

#[cfg(test)]
mod tests;
