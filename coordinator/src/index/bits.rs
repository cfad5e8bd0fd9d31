//! Numbers of one width, packed without gaps: little-endian, lowest bit first.

/// Bytes that must follow packed numbers, so that each may be read as a whole word.
pub(super) const PAD: usize = 9;

/// Bits of a number that stands within one word wherever it begins in its first byte.
const NARROW: u32 = 57;

/// Bits that `value` needs; 0 for 0.
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Bytes of `count` numbers of `width` bits.
pub(super) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends `values`, each below `2^width`; `width` is at most 64.
pub(super) fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let start = out.len();
    let end = start + packed_len(values.len(), width);
    // Each number is written as whole words; what reaches beyond its bits is overwritten by the next.
    out.resize(end + PAD, 0);
    let bytes = &mut out[start..];
    let (mut at, mut filled, mut word) = (0, 0, 0_u64);
    for value in values {
        put_word(bytes, at, word | value << filled);
        let used = filled + width;
        if used >= u64::BITS {
            at += 8;
            filled = used - u64::BITS;
            word = if filled == 0 { 0 } else { value >> (width - filled) };
            put_word(bytes, at, word);
        } else {
            // Without a branch that depends on the number's place: whole bytes leave the word.
            let whole = used & !7;
            word = (word | value << filled) >> whole;
            at += whole as usize / 8;
            filled = used & 7;
        }
    }
    out.truncate(end);
}

/// The number at `index` of those packed at the start of `bytes`, which are followed by [`PAD`] bytes.
#[inline]
pub(super) fn unpack(bytes: &[u8], index: usize, width: u32) -> u64 {
    if width == 0 {
        return 0;
    }
    let bit = index * width as usize;
    let (byte, shift) = (bit / 8, (bit % 8) as u32);
    let mut value = word(bytes, byte) >> shift;
    if shift + width > u64::BITS {
        value |= u64::from(bytes[byte + 8]) << (u64::BITS - shift);
    }
    value & (u64::MAX >> (u64::BITS - width))
}

/// The first numbers of those packed at the start of `bytes`, which are followed by [`PAD`] bytes.
#[inline]
pub(super) fn unpack_all(bytes: &[u8], width: u32, numbers: &mut [u64]) {
    if width == 0 {
        return numbers.fill(0);
    }
    if width > NARROW {
        for (index, number) in numbers.iter_mut().enumerate() {
            *number = unpack(bytes, index, width);
        }
        return;
    }
    let mask = u64::MAX >> (u64::BITS - width);
    let mut bit = 0;
    for number in numbers {
        *number = word(bytes, bit / 8) >> (bit % 8) & mask;
        bit += width as usize;
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

#[inline]
fn put_word(bytes: &mut [u8], at: usize, word: u64) {
    if let Some(place) = bytes[at..].first_chunk_mut() {
        *place = word.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_of_every_width_come_back(bits in 0_u32..=64, numbers in prop::collection::vec(any::<u64>(), 0..200)) {
            let mask = if bits == 0 { 0 } else { u64::MAX >> (64 - bits) };
            let numbers: Vec<u64> = numbers.into_iter().map(|n| n & mask).collect();
            let mut packed = Vec::new();
            pack(&numbers, bits, &mut packed);
            prop_assert_eq!(packed.len(), packed_len(numbers.len(), bits));
            packed.extend([0xff; PAD]);
            for (i, number) in numbers.iter().enumerate() {
                prop_assert_eq!(unpack(&packed, i, bits), *number);
                prop_assert!(width(*number) <= bits);
            }
            let mut all = vec![7; numbers.len()];
            unpack_all(&packed, bits, &mut all);
            prop_assert_eq!(all, numbers);
        }
    }
}
