//! The n-grams of benchmarks by rolling hash, each with the place where it stands.
//!
//! A hash that is found proves nothing: the texts are compared, so that equal hashes drop nothing.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::units::{Unit, each_unit, lower};
use crate::work::steps;

/// N-grams of benchmarks.
pub(super) struct Index {
    /// n of grams of words, and of characters.
    sizes: [usize; 2],
    files: Vec<String>,
    entries: Vec<Entry>,
    grams: HashMap<u64, Place>,
    /// A bit for some bits of each hash: most n-grams of most texts end here.
    bits: Vec<u64>,
}

/// A text of a benchmark.
struct Entry {
    file: u32,
    line: u32,
    /// Its units in lower case, each up to the end in `ends`.
    text: String,
    ends: Vec<u32>,
}

/// The entry of an n-gram, and its first unit there.
#[derive(Clone, Copy)]
struct Place {
    entry: u32,
    unit: u32,
}

/// What a text shares with benchmarks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overlaps {
    /// N-grams from the left, none over another.
    pub(super) overlaps: u64,
    /// Their units.
    pub(super) overlapping: u64,
    /// Units of the text.
    pub(super) units: u64,
    /// The first n-gram, and where it stands.
    pub(super) first: Option<String>,
}

impl Index {
    /// For n-grams of so many words and so many characters; 0: none.
    pub(super) fn new(words: usize, characters: usize) -> Self {
        Self {
            sizes: [words, characters],
            files: Vec::new(),
            entries: Vec::new(),
            grams: HashMap::new(),
            bits: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.grams.is_empty()
    }

    /// Adds a file, whose number it gives.
    pub(super) fn add_file(&mut self, uri: &str) -> u32 {
        self.files.push(uri.to_owned());
        (self.files.len() - 1) as u32
    }

    /// Adds a text of a file.
    pub(super) fn add(&mut self, file: u32, line: usize, text: &str) {
        let mut entry = Entry { file, line: line as u32, text: String::new(), ends: Vec::new() };
        let mut windows = Windows::new(self.sizes);
        let number = self.entries.len() as u32;
        let mut is_used = false;
        let grams = &mut self.grams;
        each_unit(text, |unit| {
            entry.text.extend(lower(&text[unit.start..unit.end]));
            entry.ends.push(entry.text.len() as u32);
            for (n, hash) in windows.push(unit) {
                is_used = true;
                let place = Place { entry: number, unit: (entry.ends.len() - n) as u32 };
                grams.entry(hash).or_insert(place);
            }
        });
        if is_used {
            self.entries.push(entry);
        }
    }

    /// Makes what was added ready to be asked.
    pub(super) fn finish(&mut self) {
        const BITS_A_GRAM: usize = 16;
        let words = (self.grams.len() * BITS_A_GRAM / 64).next_power_of_two().max(2);
        self.bits = vec![0; words];
        for hash in self.grams.keys() {
            let (word, bit) = self.bit(*hash);
            self.bits[word] |= bit;
        }
    }

    /// The place of the bit of a hash: its high bits, which all units of the n-gram reach.
    #[inline]
    fn bit(&self, hash: u64) -> (usize, u64) {
        let high = (hash >> (64 - self.bits.len().trailing_zeros())) as usize;
        (high, 1 << (hash & 63))
    }

    /// What the text shares with the benchmarks.
    pub(super) fn overlaps(&self, text: &str) -> Overlaps {
        let mut found = Overlaps::default();
        let mut windows = Windows::new(self.sizes);
        // The unit from which on n-grams stand over none that was found.
        let mut free = 0;
        each_unit(text, |unit| {
            found.units += 1;
            for (n, hash) in windows.push(unit) {
                let (word, bit) = self.bit(hash);
                if self.bits[word] & bit == 0 || found.units < free + n as u64 {
                    continue;
                }
                let Some(place) = self.grams.get(&hash) else { continue };
                let gram = windows.last(n);
                if !self.is_same(*place, text, &gram) {
                    continue;
                }
                found.overlaps += 1;
                found.overlapping += n as u64;
                free = found.units;
                found.first.get_or_insert_with(|| self.shown(*place, text, &gram));
            }
        });
        found
    }

    fn is_same(&self, place: Place, text: &str, gram: &[Unit]) -> bool {
        let entry = &self.entries[place.entry as usize];
        gram.iter().zip(place.unit as usize..).all(|(unit, at)| {
            steps(unit.end - unit.start);
            let start =
                at.checked_sub(1).and_then(|before| entry.ends.get(before)).map_or(0, |end| *end as usize);
            // An n-gram of the other n may have the same hash, and reach behind the entry.
            let end = entry.ends.get(at).map(|end| *end as usize);
            end.is_some_and(|end| lower(&text[unit.start..unit.end]).eq(entry.text[start..end].chars()))
        })
    }

    fn shown(&self, place: Place, text: &str, gram: &[Unit]) -> String {
        const MOST: usize = 300;
        let (Some(first), Some(last)) = (gram.first(), gram.last()) else { return String::new() };
        let whole = &text[first.start..last.end];
        let shown = &whole[..whole.floor_char_boundary(MOST)];
        let more = if shown.len() < whole.len() { "…" } else { "" };
        let Entry { file, line, .. } = &self.entries[place.entry as usize];
        let spaced: Vec<&str> = shown.split_whitespace().collect();
        format!("\"{}{more}\" of {} line {line}", spaced.join(" "), self.files[*file as usize])
    }
}

/// The last units, and the hashes of the n-grams that end there.
struct Windows {
    units: VecDeque<Unit>,
    most: usize,
    rolling: [Rolling; 2],
}

/// The hash of the last n units: a polynomial of theirs, modulo 2^64.
struct Rolling {
    n: usize,
    of_characters: bool,
    hash: u64,
    /// The power that the unit has which leaves.
    power: u64,
    /// Units that are characters, and all of them.
    characters: usize,
    length: usize,
}

const BASE: u64 = 0x2545_f491_4f6c_dd1d;

impl Windows {
    fn new([words, characters]: [usize; 2]) -> Self {
        let rolling = |n: usize, of_characters| Rolling {
            n,
            of_characters,
            hash: 0,
            power: (0..n).fold(1_u64, |power, _| power.wrapping_mul(BASE)),
            characters: 0,
            length: 0,
        };
        let most = words.max(characters);
        Self {
            units: VecDeque::with_capacity(most + 1),
            most,
            rolling: [rolling(words, false), rolling(characters, true)],
        }
    }

    /// Takes a unit, and gives n and hash of the n-grams that end with it.
    fn push(&mut self, unit: Unit) -> impl Iterator<Item = (usize, u64)> + use<> {
        let grams = [0, 1].map(|place| {
            let rolling = &mut self.rolling[place];
            let leaving = rolling.n.checked_sub(1).and(self.units.len().checked_sub(rolling.n));
            rolling.push(unit, leaving.and_then(|place| self.units.get(place).copied()))
        });
        if self.units.len() == self.most {
            self.units.pop_front();
        }
        self.units.push_back(unit);
        grams.into_iter().flatten()
    }

    /// The last n units.
    fn last(&self, n: usize) -> Vec<Unit> {
        steps(n);
        self.units.range(self.units.len() - n..).copied().collect()
    }
}

impl Rolling {
    #[inline]
    fn push(&mut self, unit: Unit, leaving: Option<Unit>) -> Option<(usize, u64)> {
        if self.n == 0 {
            return None;
        }
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(unit.hash);
        self.characters += usize::from(unit.is_character);
        self.length += 1;
        if let Some(leaving) = leaving {
            self.hash = self.hash.wrapping_sub(leaving.hash.wrapping_mul(self.power));
            self.characters -= usize::from(leaving.is_character);
            self.length -= 1;
        }
        let is_of_characters = 2 * self.characters >= self.n;
        (self.length == self.n && is_of_characters == self.of_characters).then_some((self.n, self.hash))
    }
}
