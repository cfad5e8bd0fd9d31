//! Duplicates of a whole job: facts in, one decision a document out.
//!
//! Nodes are the job's documents and the index's entries; edges are exact pairs (equal hashes of match text) and
//! near pairs (proposed by a shared band key, verified by their signatures). A cluster is a connected component. If
//! it holds an index entry, all its job documents are dropped. Else one stands for it and the others go: the first
//! reference document if it holds one (of a source that is only compared with), else the smallest document or, by
//! setting, the longest. Nothing depends on how documents were cut into shards, on threads, or on memory.
//!
//! Two rules keep the cost linear. A document equal to an earlier one (of the job or of the index) is an edge and
//! takes no part in the bands that the earlier one takes part in. And within the documents that share a band
//! key, in canonical order, each is compared with the first [`REPRESENTATIVES`] that matched no earlier one.
//!
//! The steps, a file each: `documents` numbers the documents, `exact` finds equal ones, `propose` sorts band by band,
//! `signatures` fetches what must be compared, `verify` compares, `decide` draws the conclusion, `verdicts` and
//! `clusters` write it down.

#[cfg(test)]
mod bench;
mod clusters;
mod decide;
mod documents;
mod exact;
mod names;
mod pairs;
mod propose;
mod signatures;
#[cfg(test)]
mod tests;
mod verdicts;
mod verify;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tamis_common::artefact::Stage;
use tamis_common::dedup::{DedupParams, UnionFind};
use tamis_common::fault::{self, Point};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::spec::Keep;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use crate::index::{DedupIndex, EntryRef};
use decide::Evidence;
use documents::Documents;
use exact::Exact;
use pairs::Pairs;
use signatures::Signatures;
use verify::Links;

pub use clusters::{ClusterFacts, ClusterInput, ClusterMember, Clusters, LargeCluster, write_clusters};
pub use names::Names;
pub use verdicts::{VerdictInput, VerdictShard, write_verdicts};

/// Members of a bucket that stand for the others. Pinned: another number is another result.
pub const REPRESENTATIVES: usize = 16;
/// Most parts in which rows are sorted that do not fit into memory: each part reads all files again.
const MOST_PARTS: u64 = 64;

/// The artefacts of a shard that resolve reads.
#[derive(Clone, Debug)]
pub struct ResolveShard {
    /// The shard.
    pub id: ShardId,
    /// Its document table.
    pub documents: Uri,
    /// Its LSH keys; read only for near duplicates.
    pub bands: Uri,
    /// Whether its documents only remove others. What becomes of themselves is not decided here.
    pub is_reference: bool,
}

/// What to resolve, and with what.
pub struct ResolveInput<'a> {
    /// Where the artefacts are.
    pub storage: &'a Storage,
    /// Parameters by which they were made.
    pub params: &'a DedupParams,
    /// Whether exact duplicates are removed.
    pub exact: bool,
    /// Whether near duplicates are removed.
    pub near: bool,
    /// Which document stands for a cluster.
    pub keep: Keep,
    /// All shards of the job whose documents are compared, in any order.
    pub shards: &'a [ResolveShard],
    /// What was published before; none: only the job itself.
    pub index: Option<&'a dyn DedupIndex>,
    /// Memory to aim for, bytes.
    pub memory: u64,
    /// A local folder for what does not fit into memory.
    pub scratch: &'a Path,
    /// Ends the work with `Class::Cancelled` when set.
    pub cancel: &'a AtomicBool,
}

impl ResolveInput<'_> {
    /// How many parts rows of so many bytes are sorted in, by a budget.
    fn parts(bytes: u64, budget: u64) -> u64 {
        bytes.div_ceil(budget.max(1)).clamp(1, MOST_PARTS)
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::new(Class::Cancelled, "the search for duplicates was cancelled"));
        }
        Ok(())
    }
}

/// A document that another one refers to. Index entries were there before, and order first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartnerRef {
    /// An entry of the index.
    Index(EntryRef),
    /// A document of this job.
    Job(DocRef),
}

/// A document that another one stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duplicate {
    /// The document.
    pub doc: DocRef,
    /// `Index`, `Exact` or `Near`.
    pub stage: Stage,
    /// What stands for its cluster.
    pub kept: PartnerRef,
    /// Its most similar verified neighbour, the smallest of several; for an exact duplicate, what it equals.
    pub via: PartnerRef,
    /// Similarity to `via`, 0 to 1; 1 for equal match texts.
    pub similarity: f64,
    /// Whether its match text equals that of `via`.
    pub equal: bool,
}

/// What resolve decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolution {
    /// The documents that do not stay, in canonical order.
    pub dropped: Vec<Duplicate>,
    /// Clusters of at least two members, index entries included.
    pub clusters: u64,
    /// Documents of the job that were looked at.
    pub documents: u64,
    /// Comparisons of signatures within the job; a pair that several bands propose counts for each.
    pub compared: u64,
    /// Comparisons that reached the threshold.
    pub matched: u64,
    /// Comparisons of signatures with index entries.
    pub index_compared: u64,
}

/// Finds the duplicates of a job, and the clusters that they form.
///
/// # Errors
/// Of the stores; `Class::Cancelled`; `Class::Resource` for more documents than 32 bits count.
pub fn resolve(input: &ResolveInput<'_>) -> Result<(Resolution, Clusters)> {
    let mut shards: Vec<&ResolveShard> = input.shards.iter().collect();
    shards.sort_by_key(|shard| shard.id);

    let documents = Documents::read(input, &shards)?;
    fault::pass(Point::ResolveDocuments)?;
    let exact =
        if input.exact { Exact::find(input, &shards, &documents)? } else { Exact::none(documents.len()) };
    fault::pass(Point::ResolveExact)?;
    let mut sets = UnionFind::new(documents.len());
    let mut near_links = Vec::new();
    let mut links = Links::new(0, Pairs::new(0, input.scratch));
    let mut index_compared = 0;
    if input.near && input.params.bands > 0 {
        let proposed = propose::propose(input, &shards, &documents, &exact)?;
        fault::pass(Point::ResolvePropose)?;
        let signatures = Signatures::load(input, &shards, &documents, &proposed.needed)?;
        links = verify::verify(input, &proposed, &signatures, documents.len(), &mut sets)?;
        index_compared = proposed.with_index.len() as u64;
        near_links = verify::verify_with_index(input, &proposed.with_index, &signatures)?;
    }
    fault::pass(Point::ResolveVerify)?;
    let Exact { first_equal, mut index_links, .. } = exact;
    index_links.append(&mut near_links);
    let Links { nearest, pairs, compared, matched } = links;
    let k = input.params.k;
    let evidence =
        Evidence { sets: &mut sets, first_equal: &first_equal, nearest, index_links: &index_links, k };
    let (dropped, roots) = decide::decide(evidence, &documents)?;
    let resolution = Resolution {
        dropped,
        clusters: u64::from(roots.len()),
        documents: u64::from(documents.len()),
        compared,
        matched,
        index_compared,
    };
    Ok((resolution, Clusters { documents, sets, roots, first_equal, index_links, pairs, k }))
}
