//! What was seen before: sets and counts of texts by their 64-bit hash.
//!
//! A hash stands for its text: among a million pieces of one document two different ones share a hash with a chance of
//! 3 in 100 million.
//!
//! Where a hash stands in a table depends on the whole text too ([`Text::key`](crate::text::Text::key)), so that nobody
//! can write pieces that all meet at one place.

use xxhash_rust::xxh3::xxh3_64;

use crate::work::steps;

/// The hash of a piece of text.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    steps(bytes.len() + 1);
    xxh3_64(bytes)
}

/// The hash of two numbers.
#[inline]
pub(super) fn hash_of_two(first: u64, second: u64) -> u64 {
    let product = u128::from(first ^ 0x9e37_79b9_7f4a_7c15) * u128::from(second ^ 0xd6e8_feb8_6659_fd93);
    (product >> 64) as u64 ^ product as u64
}

/// Slots of the smallest table.
const SMALLEST: usize = 256;

/// A set of hashes: open addressing, half full at most, so that a look takes a step or two.
pub(super) struct Seen {
    /// A power of two of them; 0 is free.
    slots: Vec<u64>,
    held: usize,
    key: u64,
}

impl Seen {
    /// An empty set, of a size that suits this many hashes but a large number only when they come.
    pub(super) fn new(expected: usize, key: u64) -> Self {
        Self { slots: vec![0; slots_for(expected)], held: 0, key }
    }

    /// Forgets all, and makes ready for about this many hashes.
    pub(super) fn clear(&mut self, expected: usize) {
        let slots = slots_for(expected);
        steps(slots);
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.held = 0;
    }

    /// Adds a hash; false if it was there.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let hash = hash | 1;
        let slot = self.slot_of(hash);
        if self.slots[slot] == hash {
            return false;
        }
        self.slots[slot] = hash;
        self.held += 1;
        if 2 * self.held > self.slots.len() {
            self.grow();
        }
        true
    }

    /// Where the hash is, or would be.
    #[inline]
    fn slot_of(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(hash, self.key) & mask;
        steps(1);
        while self.slots[slot] != 0 && self.slots[slot] != hash {
            steps(1);
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[cold]
    fn grow(&mut self) {
        let slots = vec![0; 2 * self.slots.len()];
        for hash in std::mem::replace(&mut self.slots, slots) {
            if hash != 0 {
                let slot = self.slot_of(hash);
                self.slots[slot] = hash;
            }
        }
    }
}

/// Tells which of many hashes may come more than once: all that do, and one in twenty of the others. That asks no branch
/// and little memory of the processor, so that what is exact need look only at these.
pub(super) struct Repeats {
    /// In their order.
    pub(super) hashes: Vec<u64>,
    /// A power of two of them, of 64 bits that came once, and as many that came again.
    bits: Vec<(u64, u64)>,
}

impl Repeats {
    /// Of nothing, with room for so many hashes.
    pub(super) fn with_capacity(hashes: usize) -> Self {
        Self { hashes: Vec::with_capacity(hashes), bits: Vec::new() }
    }

    /// Forgets all, and looks at these hashes.
    pub(super) fn look_at(&mut self, hashes: impl ExactSizeIterator<Item = u64>) {
        steps(2 * hashes.len());
        self.hashes.resize(hashes.len(), 0);
        self.bits.clear();
        self.bits.resize((hashes.len() / 4 + 1).next_power_of_two(), (0, 0));
        let bits = &mut self.bits[..];
        for (place, hash) in self.hashes.iter_mut().zip(hashes) {
            let (slot, bit) = bit_of(hash, bits.len());
            let (once, again) = &mut bits[slot];
            *again |= *once & bit;
            *once |= bit;
            *place = hash;
        }
    }

    /// Whether the hash of this place may come again.
    #[inline(always)]
    pub(super) fn may_repeat(&self, place: usize) -> bool {
        let (slot, bit) = bit_of(self.hashes[place], self.bits.len());
        self.bits[slot].1 & bit != 0
    }

    /// The places of hashes that may come again.
    pub(super) fn places(&self) -> Vec<u32> {
        steps(self.hashes.len());
        let mut places = vec![0; self.hashes.len() + 1];
        let mut count = 0;
        for place in 0..self.hashes.len() {
            // Written in any case, and over again if it is none: a guess of the processor would often fail.
            places[count] = place as u32;
            count += usize::from(self.may_repeat(place));
        }
        places.truncate(count);
        places
    }
}

/// The bit of a hash among so many times 64.
#[inline(always)]
fn bit_of(hash: u64, slots: usize) -> (usize, u64) {
    ((hash >> 6) as usize & (slots - 1), 1 << (hash & 63))
}

/// Numbers hashes in the order in which they first come, and counts how often each does.
pub(super) struct Counts {
    /// A power of two of them, half full at most: the number of a hash and 1; 0 is free.
    slots: Vec<u32>,
    /// By number.
    counts: Vec<Count>,
    key: u64,
}

/// How often one hash came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    hash: u64,
    /// Times.
    pub(super) times: u32,
    /// Where it came first.
    pub(super) first: u32,
}

impl Counts {
    /// Of nothing; [`Counts::clear`] makes it ready.
    pub(super) fn new(key: u64) -> Self {
        Self { slots: Vec::new(), counts: Vec::new(), key }
    }

    /// Forgets all, and makes ready for about this many hashes.
    pub(super) fn clear(&mut self, expected: usize) {
        let slots = slots_for(expected);
        self.slots.clear();
        steps(slots);
        self.slots.resize(slots, 0);
        self.counts.clear();
        self.counts.reserve(slots / 2);
    }

    /// Counts a hash that came at this place; its number.
    #[inline]
    pub(super) fn add(&mut self, hash: u64, place: u32) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(hash, self.key) & mask;
        loop {
            steps(1);
            let number = self.slots[slot];
            if number == 0 {
                break;
            }
            let count = &mut self.counts[number as usize - 1];
            if count.hash == hash {
                count.times = count.times.saturating_add(1);
                return number - 1;
            }
            slot = (slot + 1) & mask;
        }
        self.counts.push(Count { hash, times: 1, first: place });
        self.slots[slot] = self.counts.len() as u32;
        if 2 * self.counts.len() > self.slots.len() {
            self.grow();
        }
        self.counts.len() as u32 - 1
    }

    /// How often the hash of this number came.
    #[inline]
    pub(super) fn times(&self, number: u32) -> u32 {
        self.counts[number as usize].times
    }

    /// The most frequent one, of equals the first seen; none without any.
    pub(super) fn top(&self) -> Option<Count> {
        steps(self.counts.len());
        self.counts.iter().copied().reduce(|top, count| if count.times > top.times { count } else { top })
    }

    #[cold]
    fn grow(&mut self) {
        let mut slots = vec![0; 2 * self.slots.len()];
        let mask = slots.len() - 1;
        for (number, count) in (1..).zip(&self.counts) {
            let mut slot = first_slot(count.hash, self.key) & mask;
            steps(1);
            while slots[slot] != 0 {
                steps(1);
                slot = (slot + 1) & mask;
            }
            slots[slot] = number;
        }
        self.slots = slots;
    }
}

/// A table for this many, or for a part of a large number: it grows when they come.
fn slots_for(expected: usize) -> usize {
    (2 * expected).clamp(SMALLEST, 1 << 16).next_power_of_two()
}

/// Where a hash, or a number that is none, is looked for first.
#[inline]
fn first_slot(hash: u64, key: u64) -> usize {
    let product = u128::from(hash ^ key) * 0x9e37_79b9_7f4a_7c15;
    ((product >> 64) as u64 ^ product as u64) as usize
}

/// The parts of a text that stood in it before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Duplicates {
    /// All parts.
    pub(super) parts: usize,
    /// Second and later occurrences.
    pub(super) duplicates: usize,
    /// Their code points.
    pub(super) chars: usize,
}

impl Duplicates {
    /// Of these parts, empty ones too; what the set held before is forgotten.
    pub(super) fn among<'a>(parts: impl Iterator<Item = &'a str>, seen: &mut Seen) -> Self {
        seen.clear(0);
        let mut found = Self::default();
        for part in parts {
            found.add(part, seen);
        }
        found
    }

    /// One more part.
    pub(super) fn add(&mut self, part: &str, seen: &mut Seen) {
        self.parts += 1;
        if !seen.insert(hash(part.as_bytes())) {
            self.duplicates += 1;
            steps(part.len());
            self.chars += part.chars().count();
        }
    }

    /// Share of the parts.
    pub(super) fn share(&self) -> f64 {
        self.duplicates as f64 / self.parts as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn second_and_later_occurrences_are_duplicates() {
        let found = Duplicates::among(["净", "", "a", "净", "", "净"].into_iter(), &mut Seen::new(0, 7));
        assert_eq!(found, Duplicates { parts: 6, duplicates: 3, chars: 2 });
    }

    #[test]
    fn pieces_that_were_made_to_meet_take_no_more_work_than_others() {
        let meet = |piece: &String| hash(piece.as_bytes()) & 0xffe == 0;
        let pieces = |are_made: bool| -> Vec<String> {
            (0..).map(|n: u64| n.to_string()).filter(|piece| !are_made || meet(piece)).take(2_000).collect()
        };
        let work = |pieces: Vec<String>| {
            let key = crate::text::Text::new(&pieces.join("\n"), Default::default()).key();
            crate::work::steps_of(|| {
                Duplicates::among(pieces.iter().map(String::as_str), &mut Seen::new(0, key));
            })
        };
        let (others, made) = (work(pieces(false)), work(pieces(true)));
        // Those that were made are longer.
        assert!(made < 2 * others, "{made} steps, {others} for others");
    }

    proptest! {
        #[test]
        fn sets_and_counts_are_those_of_the_standard_library(
            keys in prop::collection::vec(0..600_u64, 0..1500),
            key: u64,
        ) {
            let (mut seen, mut counts) = (Seen::new(0, key), Counts::new(key));
            counts.clear(0);
            let mut expected = HashMap::new();
            for (place, key) in keys.iter().enumerate() {
                let hash = hash(&key.to_le_bytes());
                let (times, _) = expected.entry(hash).or_insert((0_u32, place as u32));
                *times += 1;
                prop_assert_eq!(seen.insert(hash), *times == 1);
                let number = counts.add(hash, place as u32);
                prop_assert_eq!(counts.times(number), *times);
            }
            let top = expected.values().map(|(times, first)| (*times, u32::MAX - first)).max();
            prop_assert_eq!(top, counts.top().map(|found| (found.times, u32::MAX - found.first)));
        }
    }
}
