//! A membership filter: says of a key that it is not in a set, and is seldom wrong the other way.
//!
//! A split-block Bloom filter (Putze, Sanders, Singler 2007; the constants are those of Parquet): a key sets one bit
//! in each of the eight words of one 32-byte block, so that a look-up touches one cache line. At 8 bits a key about 3
//! keys of 100 that are not in the set pass.

/// Bits a distinct key: more would cost more disk than the reads they save.
const BITS_PER_KEY: usize = 8;
const BLOCK_BYTES: usize = 32;
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Share of foreign keys that pass, rounded up; measured by the test below.
pub(super) const FALSE_POSITIVES: f64 = 0.035;

/// Builds filters, with scratch memory of its own.
#[derive(Default)]
pub(super) struct FilterBuilder {
    blocks: Vec<[u32; 8]>,
}

impl FilterBuilder {
    /// The filter of `keys`, which are distinct, in `out`.
    pub(super) fn build(&mut self, keys: &[u64], out: &mut Vec<u8>) {
        let count = (keys.len() * BITS_PER_KEY).div_ceil(BLOCK_BYTES * 8);
        self.blocks.clear();
        self.blocks.resize(count, [0; 8]);
        for key in keys {
            let (block, low) = place(*key, count);
            for (word, salt) in self.blocks[block].iter_mut().zip(&SALTS) {
                *word |= bit(low, *salt);
            }
        }
        out.clear();
        out.reserve(count * BLOCK_BYTES);
        for word in self.blocks.as_flattened() {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
}

/// Whether `key` may be in the set that the filter was built from. An empty filter holds nothing.
#[inline]
pub(super) fn may_hold(filter: &[u8], key: u64) -> bool {
    let count = filter.len() / BLOCK_BYTES;
    if count == 0 {
        return false;
    }
    let (block, low) = place(key, count);
    let words = filter[block * BLOCK_BYTES..(block + 1) * BLOCK_BYTES].chunks_exact(4);
    words.zip(&SALTS).all(|(word, salt)| {
        let word = word.first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        word & bit(low, *salt) != 0
    })
}

/// The key's block, and what its bit in each word of it follows from.
#[inline]
fn place(key: u64, blocks: usize) -> (usize, u32) {
    // Keys are hashes as a rule; mixing them makes the filter as good where they are not.
    let hash = (key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let block = ((hash >> 32) * blocks as u64) >> 32;
    (block as usize, (hash ^ hash >> 29) as u32)
}

/// The bit of a key in the word of a salt.
#[inline]
fn bit(low: u32, salt: u32) -> u32 {
    1 << (low.wrapping_mul(salt) >> 27)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(keys: &[u64]) -> Vec<u8> {
        let mut out = vec![1, 2, 3];
        FilterBuilder::default().build(keys, &mut out);
        out
    }

    proptest! {
        #[test]
        fn no_key_of_the_set_is_denied(keys in prop::collection::hash_set(any::<u64>(), 0..500)) {
            let keys: Vec<u64> = keys.into_iter().collect();
            let filter = filter(&keys);
            prop_assert!(keys.iter().all(|key| may_hold(&filter, *key)));
        }
    }

    #[test]
    fn few_foreign_keys_pass_whether_keys_are_hashes_or_small_numbers() {
        let spread = |i: u64| i.wrapping_mul(0xd134_2543_de82_ef95).rotate_left(17) ^ i << 40;
        for make in [spread, |i| i] {
            let keys: Vec<u64> = (0..8_000).map(make).collect();
            let filter = filter(&keys);
            let passed = (8_000..108_000).filter(|i| may_hold(&filter, make(*i))).count();
            assert_eq!(filter.len(), 8_000);
            assert!((passed as f64) < 100_000.0 * FALSE_POSITIVES, "{passed} of 100000");
        }
    }

    #[test]
    fn the_filter_of_nothing_holds_nothing() {
        assert!(filter(&[]).is_empty());
        assert!(!may_hold(&[], 5));
    }
}
