//! A sample of documents in which near duplicates are found again, by other means than those that removed them.
//!
//! A document is sampled by the smallest hash of its n-grams of tokens. Two documents of Jaccard similarity `s` have
//! the same smallest hash with probability `s`, and are then both sampled or both not: a sample of documents alone
//! would hardly ever hold both. What is compared is the bottom-k sketch of each (A. Broder: *On the resemblance and
//! containment of documents*, 1997), whose hashes have 64 bits; sets of fewer than `k` n-grams are compared exactly.

use std::collections::BTreeMap;

use crate::ids::DocRef;

/// Hashes of a sketch: an error of 0.035 at a similarity of 0.8.
pub const SKETCH: usize = 128;
/// Documents of one smallest hash that are compared: of more, each is compared with the first ones.
const MOST_ALIKE: usize = 16;

/// A sampled document: the smallest different hashes of its n-grams, sorted, at most [`SKETCH`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The document.
    pub doc: DocRef,
    /// Its sketch, not empty.
    pub sketch: Vec<u64>,
}

/// The documents whose place in the sample is below a bound.
#[derive(Clone, Debug)]
pub struct Neighbours {
    most: usize,
    bound: u64,
    by_key: BTreeMap<u64, Vec<Neighbour>>,
    len: usize,
}

impl Neighbours {
    /// A sample of about `most` documents.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), bound: u64::MAX, by_key: BTreeMap::new(), len: 0 }
    }

    /// Documents with a place at or above it were left out; `u64::MAX`: none was.
    pub fn bound(&self) -> u64 {
        self.bound
    }

    /// Takes over a bound of another sample, which is merged with this one.
    pub fn bound_by(&mut self, bound: u64) {
        self.bound = self.bound.min(bound);
        self.shrink();
    }

    /// Whether a document whose smallest n-gram has this hash belongs to the sample, as far as it is known now.
    #[inline]
    pub fn takes(&self, smallest: u64) -> bool {
        key_of(smallest) < self.bound
    }

    /// Adds a document.
    pub fn add(&mut self, neighbour: Neighbour) {
        let Some(smallest) = neighbour.sketch.first() else { return };
        let key = key_of(*smallest);
        if key >= self.bound {
            return;
        }
        let alike = self.by_key.entry(key).or_default();
        if alike.len() < MOST_ALIKE {
            alike.push(neighbour);
            self.len += 1;
        }
        self.shrink();
    }

    /// Documents of one key leave together, or their likeness would be lost.
    fn shrink(&mut self) {
        while let Some((key, alike)) = self.by_key.last_key_value() {
            let is_out = *key >= self.bound;
            let is_too_much = self.len > self.most && self.by_key.len() > 1;
            if !is_out && !is_too_much {
                return;
            }
            self.bound = self.bound.min(*key);
            self.len -= alike.len();
            self.by_key.pop_last();
        }
    }

    /// All sampled documents.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbour> {
        self.by_key.values().flatten()
    }

    /// Sampled documents.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is sampled.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sampled documents that have one of at least this similarity before them, with the most similar pair.
    pub fn repeated(&self, least: f64) -> (u64, Option<(DocRef, DocRef, f64)>) {
        let mut repeated = 0;
        let mut most: Option<(DocRef, DocRef, f64)> = None;
        for alike in self.by_key.values() {
            let mut alike: Vec<&Neighbour> = alike.iter().collect();
            alike.sort_by_key(|neighbour| neighbour.doc);
            for (i, later) in alike.iter().enumerate() {
                let similar = alike[..i].iter().map(|earlier| (similarity(earlier, later), earlier.doc));
                let best = similar.fold(None, |best: Option<(f64, DocRef)>, one| match best {
                    Some(best) if best.0 >= one.0 => Some(best),
                    _ => Some(one),
                });
                let Some((found, earlier)) = best.filter(|(found, _)| *found >= least) else { continue };
                repeated += 1;
                if most.is_none_or(|(.., known)| known < found) {
                    most = Some((earlier, later.doc, found));
                }
            }
        }
        (repeated, most)
    }
}

/// The place in the sample: smallest hashes are small, so they are hashed again.
fn key_of(smallest: u64) -> u64 {
    super::ngrams::mix(smallest)
}

/// The Jaccard similarity of the sets behind two sketches: of the smallest hashes of the union, how many both have.
fn similarity(a: &Neighbour, b: &Neighbour) -> f64 {
    let (a, b) = (&a.sketch, &b.sketch);
    let (mut i, mut j, mut union, mut both) = (0, 0, 0_u32, 0_u32);
    // A full sketch says nothing of what lies above its largest hash.
    while (union as usize) < SKETCH && (i < a.len() || j < b.len()) {
        let (left, right) = (a.get(i).copied().unwrap_or(u64::MAX), b.get(j).copied().unwrap_or(u64::MAX));
        both += u32::from(left == right);
        i += usize::from(left <= right);
        j += usize::from(right <= left);
        union += 1;
    }
    f64::from(both) / f64::from(union.max(1))
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;
    use crate::ids::ShardId;

    /// The document of the items `range`.
    fn document(record: u32, range: std::ops::Range<u64>) -> Neighbour {
        let mut sketch: Vec<u64> = range.map(|item| xxh3_64(&item.to_le_bytes())).collect();
        sketch.sort_unstable();
        sketch.truncate(SKETCH);
        Neighbour { doc: DocRef::new(ShardId(0), record), sketch }
    }

    #[test]
    fn small_sets_are_compared_exactly_and_large_ones_nearly() {
        assert_eq!(similarity(&document(0, 0..60), &document(1, 20..80)), 0.5);
        assert_eq!(similarity(&document(0, 0..60), &document(1, 60..80)), 0.0);
        let found = similarity(&document(0, 0..9_000), &document(1, 1_000..10_000));
        assert!((found - 0.8).abs() < 0.12, "{found}");
    }

    #[test]
    fn of_equal_documents_all_but_the_first_are_repeated() {
        let mut sample = Neighbours::new(1_000);
        for copy in 0..3 {
            sample.add(document(copy, 0..50));
        }
        sample.add(document(9, 5_000..5_050));
        let (repeated, pair) = sample.repeated(0.85);
        assert_eq!(repeated, 2);
        assert_eq!(pair, Some((DocRef::new(ShardId(0), 0), DocRef::new(ShardId(0), 1), 1.0)));
    }

    #[test]
    fn a_full_sample_keeps_equal_documents_together_and_does_not_depend_on_the_order() {
        let all: Vec<Neighbour> =
            (0..400).map(|n| document(n, u64::from(n % 200) * 100..u64::from(n % 200) * 100 + 30)).collect();
        let mut forward = Neighbours::new(50);
        let mut backward = Neighbours::new(50);
        all.iter().cloned().for_each(|one| forward.add(one));
        all.iter().rev().cloned().for_each(|one| backward.add(one));
        assert!(forward.len() > 40 && forward.len() <= 50, "{}", forward.len());
        assert_eq!(forward.bound(), backward.bound());
        assert_eq!(forward.repeated(0.9).0, forward.len() as u64 / 2);
        assert_eq!(forward.repeated(0.9), backward.repeated(0.9));
    }
}
