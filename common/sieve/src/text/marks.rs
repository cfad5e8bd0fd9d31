//! Bytes of a kind, found 64 at a time.

use crate::work::steps;

/// Finds bytes of a kind, from any place that is not before the last one.
pub(crate) struct Marks<'a, F> {
    bytes: &'a [u8],
    is: F,
    /// Which 64 bytes were looked at last.
    block: usize,
    /// A bit for each of them that is of the kind; those behind the end mean nothing.
    bits: u64,
}

impl<'a, F: Fn(u8) -> bool> Marks<'a, F> {
    /// Of bytes of which this is true.
    pub(crate) fn of(bytes: &'a [u8], is: F) -> Self {
        let bits = bits_of(bytes, 0, &is);
        Self { bytes, is, block: 0, bits }
    }

    /// All the bytes.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first byte of the kind between these places, or the latter.
    #[inline(always)]
    pub(crate) fn next(&mut self, from: usize, end: usize) -> usize {
        let mut at = from;
        while at < end {
            if at / 64 != self.block {
                self.block = at / 64;
                self.bits = bits_of(self.bytes, self.block, &self.is);
            }
            let bits = self.bits >> (at % 64);
            if bits != 0 {
                return end.min(at + bits.trailing_zeros() as usize);
            }
            at = 64 * (self.block + 1);
        }
        end
    }
}

/// A bit for each of 64 bytes, which the compiler looks at sixteen at a time.
#[inline(always)]
fn bits_of(bytes: &[u8], block: usize, is: &impl Fn(u8) -> bool) -> u64 {
    steps(64);
    let mut padded = [0; 64];
    let rest = &bytes[(64 * block).min(bytes.len())..];
    let block = rest.first_chunk().unwrap_or_else(|| {
        padded[..rest.len()].copy_from_slice(rest);
        &padded
    });
    let flags: [u8; 64] = block.map(|byte| u8::from(is(byte)));
    // Eight bytes of 0 or 1 times this number are eight bits at its top.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    flags.as_chunks().0.iter().rev().fold(0, |all, eight| all << 8 | bits(eight))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_are_those_of_a_plain_search(text in "[ab]{0,200}|a{50,150}b{0,3}", from in 0..150_usize, end in 0..200_usize) {
            let mut marks = Marks::of(text.as_bytes(), |byte| byte == b'b');
            let end = end.min(text.len());
            let mut at = from;
            while at < end {
                let found = marks.next(at, end);
                prop_assert_eq!(found, text[at..end].find('b').map_or(end, |found| at + found));
                at = found + 1;
            }
        }
    }
}
