//! Similarity of two signatures.

/// Lanes of the inner loop: one vector register of bytes on every machine.
const LANES: usize = 16;

/// How many values of two signatures are equal; what the longer has more is not compared.
#[inline]
pub fn equal_values(a: &[u8], b: &[u8]) -> u32 {
    let length = a.len().min(b.len());
    let (a, b) = (&a[..length], &b[..length]);
    let mut total = 0;
    // A lane counts at most 255 before it would overflow.
    for (a, b) in a.chunks(LANES * 255).zip(b.chunks(LANES * 255)) {
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        let mut lanes = [0_u8; LANES];
        for (a, b) in a.iter().zip(b) {
            for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane += u8::from(a == b);
            }
        }
        total += lanes.iter().map(|n| u32::from(*n)).sum::<u32>();
        total += a_rest.iter().zip(b_rest).map(|(a, b)| u32::from(a == b)).sum::<u32>();
    }
    total
}

/// The Jaccard similarity that `equal` of `k` equal bytes stand for, 0 to 1: bytes of different values are equal
/// once in 256 times (P. Li, A. C. König: *b-Bit Minwise Hashing*, WWW 2010).
#[inline]
pub fn similarity_of_equal(equal: u32, k: usize) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let by_chance = 1.0 / 256.0;
    ((f64::from(equal) / k as f64 - by_chance) / (1.0 - by_chance)).max(0.0)
}

/// The estimated Jaccard similarity of the shingle sets of two signatures of the same width, 0 to 1.
#[inline]
pub fn similarity(a: &[u8], b: &[u8]) -> f64 {
    similarity_of_equal(equal_values(a, b), a.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equal_values_are_counted(pairs in prop::collection::vec((0..3_u8, 0..3_u8), 0..9_000)) {
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let expected = a.iter().zip(&b).filter(|(a, b)| a == b).count();
            prop_assert_eq!(equal_values(&a, &b) as usize, expected);
        }
    }

    #[test]
    fn long_equal_signatures_do_not_overflow() {
        assert_eq!(equal_values(&[7; 10_000], &[7; 10_000]), 10_000);
    }

    #[test]
    fn chance_is_taken_off() {
        assert_eq!(similarity(&[1; 256], &[1; 256]), 1.0);
        assert_eq!(similarity(&[1; 256], &[2; 256]), 0.0);
        assert_eq!(similarity_of_equal(1, 256), 0.0);
        assert_eq!(similarity_of_equal(0, 0), 0.0);
    }
}
