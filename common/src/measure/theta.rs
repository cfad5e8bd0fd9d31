//! How many different items: the smallest hashes of a set stand for all of it.
//!
//! Z. Bar-Yossef et al.: *Counting Distinct Elements in a Data Stream*, RANDOM 2002; unions and differences as in
//! A. Dasgupta et al.: *A Framework for Estimating Stream Expression Cardinalities*, ICDT 2016 (theta sketches).

/// A set of hashes below a bound. Up to `k` different items are counted exactly; of more, the relative error is
/// about `1 / sqrt(k)`. Sketches of parts, merged, are the sketch of the whole.
#[derive(Clone, Debug)]
pub struct Theta {
    k: usize,
    /// Every hash below it was kept; `u64::MAX`: all were.
    bound: u64,
    /// Sorted and different up to `sorted`, behind it as they came.
    hashes: Vec<u64>,
}

impl Theta {
    /// A sketch that keeps `k` hashes.
    pub fn new(k: usize) -> Self {
        Self { k: k.max(1), bound: u64::MAX, hashes: Vec::new() }
    }

    /// The sketch of a bound and of the hashes below it, as [`Theta::into_parts`] gives them.
    pub fn from_parts(k: usize, bound: u64, hashes: Vec<u64>) -> Self {
        let mut theta = Self { k: k.max(1), bound, hashes };
        theta.compact();
        theta
    }

    /// Adds an item by its hash, which must be uniform.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        if hash < self.bound {
            self.hashes.push(hash);
            if self.hashes.len() >= 2 * self.k {
                self.compact();
            }
        }
    }

    /// Adds all items of another sketch.
    pub fn merge(&mut self, other: &Self) {
        self.bound = self.bound.min(other.bound);
        self.hashes.extend_from_slice(&other.hashes);
        self.compact();
    }

    /// Sorts, and keeps the `k` smallest.
    fn compact(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let below = self.hashes.partition_point(|hash| *hash < self.bound);
        self.hashes.truncate(below);
        if self.hashes.len() > self.k {
            self.bound = self.hashes[self.k];
            self.hashes.truncate(self.k);
        }
    }

    /// The bound and the different hashes below it, sorted.
    pub fn into_parts(mut self) -> (u64, Vec<u64>) {
        self.compact();
        (self.bound, self.hashes)
    }

    /// Different items.
    pub fn distinct(&self) -> f64 {
        let (bound, hashes) = self.clone().into_parts();
        hashes.len() as f64 / share(bound)
    }

    /// The share of its different items that `other` does not have, 0 to 1; `None` if it has no items. Both are looked at
    /// below the lower of their bounds, so that the errors of two estimates do not add up.
    pub fn share_without(&self, other: &Self) -> Option<f64> {
        let (bound, hashes) = self.clone().into_parts();
        let (other_bound, others) = other.clone().into_parts();
        let below = hashes.partition_point(|hash| *hash < bound.min(other_bound));
        let alone = hashes[..below].iter().filter(|hash| others.binary_search(hash).is_err()).count();
        (below > 0).then(|| alone as f64 / below as f64)
    }
}

/// The part of all hashes that lies below a bound.
fn share(bound: u64) -> f64 {
    if bound == u64::MAX { 1.0 } else { bound as f64 / u64::MAX as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn sketch(k: usize, items: impl IntoIterator<Item = u64>) -> Theta {
        let mut theta = Theta::new(k);
        items.into_iter().for_each(|item| theta.add(xxh3_64(&item.to_le_bytes())));
        theta
    }

    #[test]
    fn few_items_are_counted_exactly_however_often_they_come() {
        let a = sketch(100, (0..60).chain(0..60).chain(30..60));
        let b = sketch(100, 40..90);
        assert_eq!((a.distinct(), b.distinct()), (60.0, 50.0));
        assert_eq!((a.share_without(&b), b.share_without(&a)), (Some(2.0 / 3.0), Some(0.6)));
        assert_eq!(Theta::new(100).share_without(&a), None);
    }

    #[test]
    fn many_items_are_estimated() {
        let (a, b) = (sketch(4_096, 0..300_000), sketch(4_096, 100_000..150_000));
        let close = |estimate: f64, truth: f64| (estimate / truth - 1.0).abs() < 0.08;
        assert!(close(a.distinct(), 300_000.0), "{}", a.distinct());
        let share = a.share_without(&b).unwrap_or_default();
        assert!(close(share, 250.0 / 300.0), "{share}");
        assert_eq!(b.share_without(&a), Some(0.0));
        assert_eq!(a.share_without(&sketch(4_096, 500_000..800_000)), Some(1.0));
    }

    proptest! {
        #[test]
        fn sketches_of_parts_merge_into_that_of_the_whole(
            items in prop::collection::vec(0_u64..200, 0..300),
            cut in 0_usize..300,
            k in 1_usize..64,
        ) {
            let (left, right) = items.split_at(cut.min(items.len()));
            let mut merged = sketch(k, left.iter().copied());
            merged.merge(&sketch(k, right.iter().copied()));
            prop_assert_eq!(merged.into_parts(), sketch(k, items).into_parts());
        }
    }
}
