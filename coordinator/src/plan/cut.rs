//! Where an input is cut: pure arithmetic on sizes.

use tamis_common::shard::Part;

/// One part.
pub(super) fn whole(size: u64) -> Vec<(Part, u64)> {
    vec![(Part::Whole, size)]
}

/// Byte ranges of almost equal length, as many as come closest to `shard_bytes` each from below.
pub(super) fn bytes(size: u64, shard_bytes: u64) -> Vec<(Part, u64)> {
    let count = size.div_ceil(shard_bytes.max(1));
    if count <= 1 {
        return whole(size);
    }
    let at = |i: u64| (u128::from(size) * u128::from(i) / u128::from(count)) as u64;
    (0..count)
        .map(|i| {
            let (start, end) = (at(i), at(i + 1));
            (Part::Bytes { start, end }, end - start)
        })
        .collect()
}

/// Runs of row groups of at most `shard_bytes` compressed bytes, but at least one group. The footer counts to the
/// last part, so that the bytes of the parts sum to `size`.
pub(super) fn row_groups(groups: &[u64], size: u64, shard_bytes: u64) -> Vec<(Part, u64)> {
    let mut runs: Vec<(u32, u32, u64)> = Vec::new();
    for (i, &group) in groups.iter().enumerate() {
        let i = i as u32;
        match runs.last_mut() {
            Some((_, end, bytes)) if bytes.saturating_add(group) <= shard_bytes => {
                *end = i + 1;
                *bytes += group;
            }
            _ => runs.push((i, i + 1, group)),
        }
    }
    if runs.len() <= 1 {
        return whole(size);
    }
    // A footer that lies about sizes must not make a sum wrong: what was claimed is capped by what is left.
    let mut left = size;
    let last = runs.len() - 1;
    let parts = runs.into_iter().enumerate().map(|(i, (start, end, claimed))| {
        let bytes = if i == last { left } else { claimed.min(left) };
        left -= bytes;
        (Part::RowGroups { start, end }, bytes)
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn byte_ranges_cover_the_file_once_in_parts_of_about_the_size(
            size in 0u64..1 << 44,
            shard_bytes in (64u64 << 10)..1 << 40,
        ) {
            prop_assume!(size / shard_bytes < 100_000);
            let parts = bytes(size, shard_bytes);
            let mut next = 0;
            for (part, length) in &parts {
                prop_assert!(*length <= shard_bytes);
                if let Part::Bytes { start, end } = part {
                    prop_assert_eq!((*start, end - start), (next, *length));
                    prop_assert!(*length >= shard_bytes / 2 - 1);
                } else {
                    prop_assert_eq!(parts.len(), 1);
                }
                next += length;
            }
            prop_assert_eq!(next, size);
        }

        #[test]
        fn row_groups_are_covered_once_in_order(
            groups in prop::collection::vec(0u64..1000, 0..50),
            shard_bytes in 1u64..3000,
            footer in 0u64..500,
        ) {
            let size = groups.iter().sum::<u64>() + footer;
            let parts = row_groups(&groups, size, shard_bytes);
            prop_assert_eq!(parts.iter().map(|(_, bytes)| bytes).sum::<u64>(), size);
            let mut next = 0;
            for (part, _) in &parts {
                if let Part::RowGroups { start, end } = *part {
                    prop_assert_eq!(start, next);
                    let bytes: u64 = groups[start as usize..end as usize].iter().sum();
                    prop_assert!(bytes <= shard_bytes || end - start == 1);
                    next = end;
                }
            }
            prop_assert!(parts.len() == 1 || next as usize == groups.len());
        }

        #[test]
        fn a_footer_that_lies_does_not_overflow(groups in prop::collection::vec(any::<u64>(), 0..9), size: u64) {
            let parts = row_groups(&groups, size, 1 << 20);
            prop_assert_eq!(parts.iter().map(|(_, bytes)| bytes).sum::<u64>(), size);
        }
    }
}
