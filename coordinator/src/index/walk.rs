//! Which parts of a sorted list a set of sorted keys needs, found by galloping. Pure.

use std::ops::Range;

/// Calls `visit` with every part of a sorted list that may hold one of the keys, and the keys that it may hold.
///
/// The list has `parts` parts, and `first(part)` is the first key of a part; a key that is the first of a part may
/// also be the last of the part before. `key(i)` are the `keys` sorted keys looked for.
///
/// # Errors
/// Of `visit`, which ends the walk.
pub(super) fn walk<E>(
    parts: usize,
    first: impl Fn(usize) -> u64,
    keys: usize,
    key: impl Fn(usize) -> u64,
    mut visit: impl FnMut(usize, Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut part, mut from) = (0, 0);
    while part < parts && from < keys {
        // The key may stand at the end of the last part that starts below it.
        let wanted = key(from);
        part = part.max(gallop(part, parts, |p| first(p) < wanted).saturating_sub(1));
        let next = part + 1;
        if next == parts {
            return visit(part, from..keys);
        }
        let bound = first(next);
        let to = gallop(from, keys, |k| key(k) <= bound);
        if to > from {
            visit(part, from..to)?;
        }
        from = gallop(from, to, |k| key(k) < bound);
        part = next;
    }
    Ok(())
}

/// The first index in `from..to` for which `below`, true up to it, is false; near ones are found in few steps.
fn gallop(from: usize, to: usize, below: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high, mut step) = (from, from, 1);
    while high < to && below(high) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    let mut high = high.min(to);
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_part_that_holds_a_key_is_visited_once_and_with_it(
            mut list in prop::collection::vec(0_u64..60, 0..120),
            mut keys in prop::collection::vec(0_u64..64, 0..40),
            part_len in 1_usize..9,
        ) {
            list.sort_unstable();
            keys.sort_unstable();
            let parts: Vec<&[u64]> = list.chunks(part_len).collect();
            let mut visits = Vec::new();
            walk(parts.len(), |p| parts[p][0], keys.len(), |k| keys[k], |part, range| {
                visits.push((part, range));
                Ok::<(), ()>(())
            })
            .unwrap();
            prop_assert!(visits.is_sorted_by(|a, b| a.0 < b.0));
            for (part, entries) in parts.iter().enumerate() {
                let seen = visits.iter().find(|(visited, _)| *visited == part);
                for (k, key) in keys.iter().enumerate().filter(|(_, key)| entries.contains(key)) {
                    prop_assert!(seen.is_some_and(|(_, range)| range.contains(&k)), "key {key} part {part}");
                }
            }
        }

        #[test]
        fn gallop_finds_the_border(from in 0_usize..50, len in 0_usize..50, border in 0_usize..120) {
            let found = gallop(from, from + len, |i| i < border);
            prop_assert_eq!(found, border.clamp(from, from + len));
        }
    }

    #[test]
    fn parts_between_distant_keys_are_not_visited() {
        let mut visited = Vec::new();
        let keys = [5_u64, 905];
        walk(
            100,
            |p| p as u64 * 10,
            2,
            |k| keys[k],
            |part, _| {
                visited.push(part);
                Ok::<(), ()>(())
            },
        )
        .unwrap();
        // A key equal to no border needs one part.
        assert_eq!(visited, [0, 90]);
    }
}
