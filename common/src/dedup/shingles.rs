//! Shingles: runs of consecutive units, hashed by rolling.

use crate::text::{UnitSink, scan_units};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FOLD: u64 = 0xa076_1d64_78bd_642f;
/// Base of the rolling polynomial: odd, so that no unit's bits are lost.
const BASE: u64 = 0xe703_7ed1_a0b4_28db;

/// Both halves of the 128-bit product, folded.
#[inline]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Hash of a unit's bytes, of any number.
#[inline]
pub(super) fn unit_hash(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(BASE);
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        hash = fold(hash ^ u64::from_le_bytes(*chunk), FOLD);
        rest = after;
    }
    fold(hash ^ tail(rest), FOLD)
}

/// Hash of a unit of fewer than eight bytes, which are the low ones of a little-endian number.
#[inline]
fn short_unit_hash(bytes: u64, length: usize) -> u64 {
    fold(SEED ^ (length as u64).wrapping_mul(BASE) ^ bytes, FOLD)
}

/// Fewer than eight bytes as the low ones of a little-endian number.
#[inline]
fn tail(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        // Bytes that are in both halves fall upon each other.
        return u64::from(first) | u64::from(last) << (8 * (bytes.len() - 4));
    }
    match *bytes {
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a] => u64::from(a),
        _ => 0,
    }
}

struct UnitHashes<'h>(&'h mut Vec<u64>);

impl<'a> UnitSink<'a> for UnitHashes<'_> {
    #[inline]
    fn short(&mut self, _: usize, length: usize, bytes: u64) {
        self.0.push(short_unit_hash(bytes, length));
    }

    #[inline]
    fn text(&mut self, unit: &'a str) {
        self.0.push(unit_hash(unit.as_bytes()));
    }
}

/// Hashes of the shingles of a text, in a buffer that is used again.
pub(super) struct Shingler {
    /// Units a shingle.
    size: usize,
    /// `BASE` to the power of `size`.
    leaving: u64,
    units: Vec<u64>,
    hashes: Vec<u64>,
}

impl Shingler {
    pub(super) fn new(size: u32) -> Self {
        let size = size.max(1);
        let leaving = BASE.wrapping_pow(size);
        Self { size: size as usize, leaving, units: Vec::new(), hashes: Vec::new() }
    }

    /// One hash a shingle of a match text, repeated shingles repeatedly; none if it has fewer units than a shingle.
    pub(super) fn hashes(&mut self, text: &str) -> &[u64] {
        self.units.clear();
        scan_units(text, &mut UnitHashes(&mut self.units));
        self.hashes.clear();
        if self.units.len() < self.size {
            return &self.hashes;
        }
        let mut rolling = 0_u64;
        for unit in &self.units[..self.size] {
            rolling = rolling.wrapping_mul(BASE).wrapping_add(*unit);
        }
        self.hashes.push(rolling);
        let pairs = self.units.iter().zip(&self.units[self.size..]);
        self.hashes.extend(pairs.map(|(old, new)| {
            rolling =
                rolling.wrapping_mul(BASE).wrapping_add(*new).wrapping_sub(old.wrapping_mul(self.leaving));
            rolling
        }));
        &self.hashes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_shingle_has_the_same_hash_wherever_it_stands() {
        let mut shingler = Shingler::new(3);
        let all = shingler.hashes("a b c d a b c").to_vec();
        assert_eq!(all.len(), 5);
        assert_eq!(all[0], all[4]);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4);
        assert_eq!(shingler.hashes("b, c. d!"), &all[1..2]);
        assert_eq!(shingler.hashes("c b a").len(), 1);
        assert_ne!(shingler.hashes("c b a")[0], all[0]);
    }

    #[test]
    fn a_text_shorter_than_a_shingle_has_none() {
        let mut shingler = Shingler::new(5);
        assert!(shingler.hashes("").is_empty());
        assert!(shingler.hashes("one two three four").is_empty());
        assert_eq!(shingler.hashes("一二三四五").len(), 1);
    }

    #[test]
    fn units_of_every_length_hash_apart() {
        let mut seen = HashSet::new();
        let text = *b"the quick brown fox jumps over the lazy dog and runs for its den";
        for length in 0..=text.len() {
            if (1..8).contains(&length) {
                let mut low = [0; 8];
                low[..length].copy_from_slice(&text[..length]);
                assert_eq!(short_unit_hash(u64::from_le_bytes(low), length), unit_hash(&text[..length]));
            }
            assert!(seen.insert(unit_hash(&text[..length])));
            for at in 0..length {
                let mut other = text;
                other[at] = b'B';
                assert!(seen.insert(unit_hash(&other[..length])), "{length} {at}");
            }
        }
    }
}
