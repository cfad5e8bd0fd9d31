//! Verification decides: which proposed pairs are near duplicates.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use tamis_common::dedup::{DedupParams, UnionFind, equal_values, similarity_of_equal};
use tamis_common::{Error, Result};

use super::exact::IndexLink;
use super::pairs::{Pair, Pairs};
use super::propose::Proposed;
use super::signatures::Signatures;
use super::{REPRESENTATIVES, ResolveInput};
use crate::index::EntryRef;

/// Edges that are entered under one lock.
const EDGES_AT_ONCE: usize = 4_096;

/// The most similar neighbour of a document, packed so that the greatest number is the most similar one, and of
/// those the smallest; 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nearest(u64);

impl Nearest {
    pub(super) fn new(equal: u32, neighbour: u32) -> Self {
        Self(u64::from(equal) << 32 | u64::from(u32::MAX - neighbour))
    }

    /// Equal values, and the neighbour.
    pub(super) fn get(self) -> Option<(u32, u32)> {
        (self.0 != 0).then(|| ((self.0 >> 32) as u32, u32::MAX - self.0 as u32))
    }
}

/// What verification found within the job, beside the sets.
pub(super) struct Links {
    /// Of each document.
    pub(super) nearest: Vec<Nearest>,
    pub(super) pairs: Pairs,
    pub(super) compared: u64,
    pub(super) matched: u64,
}

impl Links {
    pub(super) fn new(documents: u32, pairs: Pairs) -> Self {
        Self { nearest: vec![Nearest::default(); documents as usize], pairs, compared: 0, matched: 0 }
    }
}

/// Fewest equal values of a near duplicate; 0 if all proposed pairs are.
fn least_equal(params: &DedupParams) -> u32 {
    if !params.verify {
        return 0;
    }
    let k = params.k as usize;
    // A threshold above 1 would match nothing.
    (0..=params.k).find(|equal| similarity_of_equal(*equal, k) >= params.threshold).unwrap_or(params.k + 1)
}

/// Compares the members of all buckets; near duplicates become one set.
pub(super) fn verify(
    input: &ResolveInput<'_>,
    proposed: &Proposed,
    signatures: &Signatures<'_>,
    documents: u32,
    sets: &mut UnionFind,
) -> Result<Links> {
    let least_equal = least_equal(input.params);
    // A maximum does not depend on the order of its terms, nor do sets on that of their edges.
    let nearest: Vec<AtomicU64> = (0..documents).map(|_| AtomicU64::new(0)).collect();
    let found = Mutex::new((sets, Pairs::new(input.memory / 8, input.scratch)));
    let compared = AtomicU64::new(0);
    let matched = AtomicU64::new(0);
    proposed.bands.par_iter().try_for_each(|buckets| {
        let mut comparer = Comparer::new(least_equal, input.params.k as usize);
        let mut edges: Vec<Pair> = Vec::with_capacity(EDGES_AT_ONCE);
        let enter = |edges: &mut Vec<Pair>| -> Result<()> {
            input.check_cancelled()?;
            matched.fetch_add(edges.len() as u64, Ordering::Relaxed);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            let (sets, pairs) = &mut *found;
            edges.drain(..).try_for_each(|pair| {
                sets.union(pair.earlier, pair.later);
                pairs.push(pair)
            })
        };
        buckets.for_each(input, |members| {
            comparer.start();
            for member in members {
                comparer.compare(*member, signatures, |other, equal| {
                    nearest[*member as usize].fetch_max(Nearest::new(equal, other).0, Ordering::Relaxed);
                    nearest[other as usize].fetch_max(Nearest::new(equal, *member).0, Ordering::Relaxed);
                    edges.push(Pair { later: *member, earlier: other, equal });
                })?;
                if edges.len() >= EDGES_AT_ONCE {
                    enter(&mut edges)?;
                }
            }
            Ok(())
        })?;
        compared.fetch_add(comparer.compared, Ordering::Relaxed);
        enter(&mut edges)
    })?;
    let (_, pairs) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Links {
        pairs,
        nearest: nearest.into_iter().map(|n| Nearest(n.into_inner())).collect(),
        compared: compared.into_inner(),
        matched: matched.into_inner(),
    })
}

/// Compares the members of a bucket with its representatives: the first that matched no earlier one.
struct Comparer {
    least_equal: u32,
    k: usize,
    representatives: Vec<u32>,
    /// Their signatures, one after the other.
    signatures: Vec<u8>,
    buffer: Vec<u8>,
    compared: u64,
}

impl Comparer {
    fn new(least_equal: u32, k: usize) -> Self {
        let k = k.max(1);
        let (representatives, signatures, buffer) = (Vec::new(), Vec::new(), Vec::new());
        Self { least_equal, k, representatives, signatures, buffer, compared: 0 }
    }

    fn start(&mut self) {
        self.representatives.clear();
        self.signatures.clear();
    }

    /// Calls `matched` with each representative that `member` is a near duplicate of, and their equal values.
    fn compare(
        &mut self,
        member: u32,
        signatures: &Signatures<'_>,
        mut matched: impl FnMut(u32, u32),
    ) -> Result<()> {
        let signature = signatures.get(member, &mut self.buffer)?;
        let mut is_new = true;
        for (other, theirs) in self.representatives.iter().zip(self.signatures.chunks_exact(self.k)) {
            let equal = equal_values(signature, theirs);
            if equal >= self.least_equal {
                is_new = false;
                matched(*other, equal);
            }
        }
        self.compared += self.representatives.len() as u64;
        if is_new && self.representatives.len() < REPRESENTATIVES {
            self.representatives.push(member);
            self.signatures.extend_from_slice(signature);
        }
        Ok(())
    }
}

/// Compares documents with index entries; `pairs` are sorted and distinct.
pub(super) fn verify_with_index(
    input: &ResolveInput<'_>,
    pairs: &[(EntryRef, u32)],
    signatures: &Signatures<'_>,
) -> Result<Vec<IndexLink>> {
    let Some(index) = input.index else { return Ok(Vec::new()) };
    let least_equal = least_equal(input.params);
    let mut entries: Vec<EntryRef> = pairs.iter().map(|(entry, _)| *entry).collect();
    entries.dedup();
    let mut groups = pairs.chunk_by(|a, b| a.0 == b.0);
    let mut links = Vec::new();
    let mut buffer = Vec::new();
    index.signatures(&entries, &mut |entry, theirs| {
        let group = groups.next().unwrap_or_default();
        for (expected, doc) in group {
            let ours = signatures.get(*doc, &mut buffer)?;
            if *expected != entry || theirs.len() != ours.len() {
                return Err(Error::internal(format!(
                    "the index gave a signature of {} values for {entry:?} where one of {} for {expected:?} was asked for",
                    theirs.len(),
                    ours.len()
                )));
            }
            let equal = equal_values(ours, theirs);
            if equal >= least_equal {
                links.push(IndexLink { doc: *doc, entry, equal });
            }
        }
        input.check_cancelled()
    })?;
    if groups.next().is_some() {
        return Err(Error::internal("the index left out signatures that were asked for"));
    }
    Ok(links)
}
