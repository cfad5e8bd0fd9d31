//! Numbers of one width, packed without gaps: little-endian, lowest bit first.

/// Bytes that must follow packed numbers, so that each may be read as a whole word.
pub(super) const PAD: usize = 9;

/// Bits that `value` needs; 0 for 0.
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Bytes of `count` numbers of `width` bits.
pub(super) fn packed_len(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends `values`, each below `2^width`; `width` is at most 64.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut word = 0_u64;
    let mut filled = 0;
    for value in values {
        word |= value << filled;
        filled += width;
        if filled < u64::BITS {
            continue;
        }
        out.extend_from_slice(&word.to_le_bytes());
        filled -= u64::BITS;
        word = if filled == 0 { 0 } else { value >> (width - filled) };
    }
    out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// The number at `index` of those packed at the start of `bytes`, which are followed by [`PAD`] bytes.
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

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
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
            pack(numbers.iter().copied(), bits, &mut packed);
            prop_assert_eq!(packed.len(), packed_len(numbers.len(), bits));
            packed.extend([0xff; PAD]);
            for (i, number) in numbers.iter().enumerate() {
                prop_assert_eq!(unpack(&packed, i, bits), *number);
                prop_assert!(width(*number) <= bits);
            }
        }
    }
}
