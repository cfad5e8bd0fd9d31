//! The conclusion: which documents another one stands for, and because of what. Pure.

use std::cmp::Reverse;
use std::collections::HashMap;

use tamis_common::artefact::Stage;
use tamis_common::dedup::{UnionFind, similarity_of_equal};
use tamis_common::{Class, Error, Result};

use super::documents::{Documents, RankedSet};
use super::exact::IndexLink;
use super::verify::Nearest;
use super::{Duplicate, PartnerRef};
use crate::index::EntryRef;

/// All that was found.
pub(super) struct Evidence<'a> {
    /// Near duplicates within the job.
    pub(super) sets: &'a mut UnionFind,
    /// The smallest equal document, of each document.
    pub(super) first_equal: &'a [u32],
    /// The most similar verified neighbour within the job, of each document; empty if none was looked for.
    pub(super) nearest: Vec<Nearest>,
    /// Documents tied to index entries.
    pub(super) index_links: &'a [IndexLink],
    /// Values a signature.
    pub(super) k: u32,
}

/// The documents that others stand for, in canonical order, and the roots of the clusters of at least two members.
pub(super) fn decide(evidence: Evidence<'_>, documents: &Documents) -> Result<(Vec<Duplicate>, RankedSet)> {
    let Evidence { sets, first_equal, nearest, index_links, k } = evidence;
    for (doc, first) in (0..).zip(first_equal) {
        sets.union(doc, *first);
    }
    let entry_of_set = smallest_entries(sets, documents.len(), index_links)?;
    let leader_of_set = leaders(sets, documents);
    let nearest_entries = nearest_entries(index_links);
    let similarity = |equal| similarity_of_equal(equal, k as usize);

    let mut dropped = Vec::new();
    let mut clusters = RankedSet::default();
    for (doc, first) in (0..documents.len()).zip(first_equal.iter().copied()) {
        let root = sets.root(doc);
        let entry = entry_of_set.get(&root);
        let leader = leader_of_set.get(&root).copied().unwrap_or(root);
        if root != doc || entry.is_some() {
            clusters.insert(root);
        }
        if (leader == doc && entry.is_none()) || documents.is_reference(doc) {
            continue;
        }
        let kept = entry.map_or_else(|| PartnerRef::Job(documents.doc(leader)), |e| PartnerRef::Index(*e));
        let equals_leader = leader != doc && first_equal[leader as usize] == first;
        let equal_to = if equals_leader { leader } else { first };
        let is_copy = equal_to != doc;
        let stage = match entry {
            Some(_) => Stage::Index,
            None if is_copy => Stage::Exact,
            None => Stage::Near,
        };
        let near_entry = nearest_entries.get(&first).map(|(equal, Reverse(entry))| (*equal, *entry));
        let near_doc = nearest.get(doc as usize).and_then(|nearest| nearest.get());
        let (via, similarity, equal) = match (near_entry, near_doc) {
            (Some((IndexLink::EQUAL_TEXT, entry)), _) => (PartnerRef::Index(entry), 1.0, true),
            _ if is_copy => (PartnerRef::Job(documents.doc(equal_to)), 1.0, true),
            (Some((equal, entry)), near) if near.is_none_or(|(other, _)| equal >= other) => {
                (PartnerRef::Index(entry), similarity(equal), false)
            }
            (_, Some((equal, other))) => (PartnerRef::Job(documents.doc(other)), similarity(equal), false),
            _ => {
                return Err(Error::internal(format!(
                    "document {} is in a cluster without a neighbour",
                    documents.doc(doc)
                )));
            }
        };
        dropped.push(Duplicate { doc: documents.doc(doc), stage, kept, via, similarity, equal });
    }
    clusters.rank();
    Ok((dropped, clusters))
}

/// What stands for each set of several documents, by root, where that need not be the root.
fn leaders(sets: &mut UnionFind, documents: &Documents) -> HashMap<u32, u32> {
    let mut leaders = HashMap::new();
    if !documents.are_ranked() {
        return leaders;
    }
    for doc in 0..documents.len() {
        let root = sets.root(doc);
        if root != doc {
            let leader = leaders.entry(root).or_insert(root);
            if documents.rank(doc) < documents.rank(*leader) {
                *leader = doc;
            }
        }
    }
    leaders
}

/// Ties documents to index entries; the smallest entry of each set that has one, by root.
fn smallest_entries(
    sets: &mut UnionFind,
    documents: u32,
    links: &[IndexLink],
) -> Result<HashMap<u32, EntryRef>> {
    let mut entries: Vec<EntryRef> = links.iter().map(|link| link.entry).collect();
    entries.sort_unstable();
    entries.dedup();
    // Entries are numbered behind the documents, so that a root is a document.
    let nodes =
        u32::try_from(entries.len()).ok().and_then(|n| n.checked_add(documents)).ok_or_else(|| {
            Error::new(Class::Input, "documents and index entries to compare are more than 4,294,967,295")
                .with_hint("cut the job into several that share an index")
        })?;
    sets.grow(nodes);
    for link in links {
        if let Ok(place) = entries.binary_search(&link.entry) {
            sets.union(link.doc, documents + place as u32);
        }
    }
    let mut smallest = HashMap::new();
    for (node, entry) in (documents..).zip(entries) {
        smallest.entry(sets.root(node)).or_insert(entry);
    }
    Ok(smallest)
}

/// The most similar entry of each document that has one, the smallest of several.
fn nearest_entries(links: &[IndexLink]) -> HashMap<u32, (u32, Reverse<EntryRef>)> {
    let mut nearest = HashMap::new();
    for link in links {
        let found = (link.equal, Reverse(link.entry));
        let best = nearest.entry(link.doc).or_insert(found);
        *best = found.max(*best);
    }
    nearest
}
