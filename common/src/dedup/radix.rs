//! Sorting by a 64-bit key, for hundreds of millions of rows.

const DIGIT_BITS: u32 = 8;
const DIGITS: usize = 8;
const BUCKETS: usize = 1 << DIGIT_BITS;
/// Below this, a comparison sort is faster than eight histograms.
const SMALL: usize = 1_024;

/// Sorts rows by key, keeping the order of rows with equal keys: least significant digit first, digits that are
/// equal in all rows skipped. `scratch` grows to the size of `rows` and may be used again.
pub fn radix_sort_by_key<T: Copy>(rows: &mut Vec<T>, scratch: &mut Vec<T>, key: impl Fn(&T) -> u64) {
    if rows.len() < SMALL {
        rows.sort_by_key(key);
        return;
    }
    if rows.is_sorted_by_key(&key) {
        return;
    }
    let mut counts = [[0_usize; BUCKETS]; DIGITS];
    for row in rows.iter() {
        let key = key(row);
        for (digit, counts) in counts.iter_mut().enumerate() {
            counts[digit_of(key, digit)] += 1;
        }
    }
    scratch.clear();
    scratch.extend_from_slice(rows);
    for (digit, counts) in counts.iter().enumerate() {
        if counts.contains(&rows.len()) {
            continue;
        }
        let mut next = starts(counts);
        for row in rows.iter() {
            let place = &mut next[digit_of(key(row), digit)];
            scratch[*place] = *row;
            *place += 1;
        }
        std::mem::swap(rows, scratch);
    }
}

#[inline]
fn digit_of(key: u64, digit: usize) -> usize {
    (key >> (digit as u32 * DIGIT_BITS)) as usize & (BUCKETS - 1)
}

fn starts(counts: &[usize; BUCKETS]) -> [usize; BUCKETS] {
    let mut sum = 0;
    counts.map(|count| {
        sum += count;
        sum - count
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn rows_are_sorted_and_equal_keys_keep_their_order(
            keys in prop::collection::vec(prop_oneof![any::<u64>(), 0..4_u64, Just(7 << 40)], 0..4_000)
        ) {
            let mut rows: Vec<(u64, u64)> = keys.into_iter().zip(0..).collect();
            let mut expected = rows.clone();
            expected.sort();
            radix_sort_by_key(&mut rows, &mut Vec::new(), |row| row.0);
            prop_assert_eq!(rows, expected);
        }
    }
}
