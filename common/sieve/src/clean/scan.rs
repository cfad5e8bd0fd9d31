//! What cleaners share: a scan for the few places where they must look, and a text rewritten at a few places.

use crate::work::steps;

/// Bytes tested at once: enough for any width of vector, few enough that a hit is soon found among them.
const STEP: usize = 64;

/// The first place from `from` on where `is` holds of three bytes in a row; behind the end stand zeros. A test made of
/// comparisons joined by `&` and `|` runs on vectors, so that text without a hit passes at the speed of memory.
#[inline(always)]
pub(super) fn find(bytes: &[u8], from: usize, is: impl Fn(u8, u8, u8) -> bool) -> Option<usize> {
    let mut at = from;
    while let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        if let Some(hit) = first(window, &is) {
            return Some(at + hit);
        }
        at += STEP;
    }
    // Of so many that are left, the first stands before what is looked at last.
    if bytes.len().saturating_sub(at) == STEP + 1 {
        let [a, b, c] = triple(bytes, at);
        if is(a, b, c) {
            return Some(at);
        }
    }
    // The last ones, a step of them if there are so many; those at its start may have been looked at.
    if let Some(last) = bytes.get(from..).and_then(|rest| rest.last_chunk::<STEP>()) {
        let mut window = [0; STEP + 2];
        window[..STEP].copy_from_slice(last);
        return first(&window, &is).map(|hit| bytes.len() - STEP + hit);
    }
    steps(bytes.len().saturating_sub(at));
    (at..bytes.len()).find(|at| {
        let [a, b, c] = triple(bytes, *at);
        is(a, b, c)
    })
}

/// The first hit of a step.
#[inline(always)]
fn first(window: &[u8; STEP + 2], is: &impl Fn(u8, u8, u8) -> bool) -> Option<usize> {
    steps(STEP);
    let triples = || window.iter().zip(&window[1..]).zip(&window[2..]);
    let any = triples().fold(false, |any, ((a, b), c)| any | is(*a, *b, *c));
    if any { triples().position(|((a, b), c)| is(*a, *b, *c)) } else { None }
}

/// The three bytes from here on.
pub(super) fn triple(bytes: &[u8], at: usize) -> [u8; 3] {
    [0, 1, 2].map(|offset| bytes.get(at + offset).copied().unwrap_or(0))
}

/// The character that starts here; `\0` at the end.
pub(super) fn char_at(text: &str, at: usize) -> char {
    text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\0')
}

/// The character that ends here; `\0` at the start.
pub(super) fn char_before(text: &str, at: usize) -> char {
    text.get(..at).and_then(|rest| rest.chars().next_back()).unwrap_or('\0')
}

/// A text with changes from left to right; without any it is never copied.
pub(super) struct Rewrite<'a> {
    text: &'a str,
    out: String,
    /// What of the text stands in `out` or was replaced.
    done: usize,
    changed: bool,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, out: String::new(), done: 0, changed: false }
    }

    /// Replaces a range behind all that was replaced before.
    pub(super) fn replace(&mut self, start: usize, end: usize, with: &str) {
        if !self.changed {
            self.out.reserve(self.text.len());
            self.changed = true;
        }
        self.out.push_str(&self.text[self.done..start]);
        self.out.push_str(with);
        self.done = end;
    }

    /// The character that will stand before this place.
    pub(super) fn char_before(&self, at: usize) -> char {
        let kept = self.text[self.done..at].chars().next_back();
        kept.or_else(|| self.out.chars().next_back()).unwrap_or('\0')
    }

    /// The text, if it was changed.
    pub(super) fn finish(mut self) -> Option<String> {
        self.changed.then(|| {
            self.out.push_str(&self.text[self.done..]);
            self.out
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scan_finds_a_hit_anywhere_in_texts_of_any_length() {
        for length in 1..200 {
            for hit in 0..length {
                let mut bytes = vec![b'b'; length];
                bytes[hit] = b'a';
                for from in [0, hit / 2, hit] {
                    assert_eq!(
                        find(&bytes, from, |a, _, _| a == b'a'),
                        Some(hit),
                        "of {length}, from {from}"
                    );
                    assert_eq!(find(&bytes, hit + 1, |a, _, _| a == b'a'), None, "of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_scan_finds_what_a_plain_loop_finds(text in "[ab]{0,200}", from in 0usize..210) {
            let bytes = text.as_bytes();
            let is = |a: u8, b: u8, c: u8| (a == b'a') & (b == b'b') & (c != b'a');
            let plain = (from..bytes.len()).find(|at| {
                let [a, b, c] = triple(bytes, *at);
                is(a, b, c)
            });
            prop_assert_eq!(find(bytes, from, is), plain);
        }
    }
}
