//! What n-grams are made of: words between spaces, and characters of scripts that write without.

use crate::text::{is_character, is_spaced_word};
use crate::work::steps;

/// A word or a character: bytes of its text, the same however it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Of its lower case.
    pub(super) hash: u64,
    pub(super) is_character: bool,
}

/// Tells the units of a text in order; punctuation and white space are none.
pub(super) fn each_unit(text: &str, mut unit: impl FnMut(Unit)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let mut hash = SEED;
        while at < bytes.len() {
            let byte = bytes[at];
            if byte.is_ascii() {
                if !byte.is_ascii_alphanumeric() {
                    break;
                }
                // Lower case of letters; digits have the bit.
                hash = mixed(hash, u64::from(byte | 0x20));
                at += 1;
                continue;
            }
            let c = char_at(text, at);
            if !is_spaced_word(c) {
                break;
            }
            hash = c.to_lowercase().fold(hash, |hash, c| mixed(hash, u64::from(c)));
            at += c.len_utf8();
        }
        steps(at - start + 1);
        if at > start {
            unit(Unit { start, end: at, hash: finished(hash), is_character: false });
        }
        if at < bytes.len() {
            let c = char_at(text, at);
            let end = at + c.len_utf8();
            if is_character(c) {
                let hash = finished(mixed(SEED, u64::from(c)));
                unit(Unit { start: at, end, hash, is_character: true });
            }
            at = end;
        }
    }
}

/// Lower case of a unit.
pub(super) fn lower(unit: &str) -> impl Iterator<Item = char> {
    unit.chars().flat_map(char::to_lowercase)
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or(' ')
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn mixed(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
}

#[inline]
fn finished(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}
