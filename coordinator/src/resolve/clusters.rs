//! The clusters of a job as its users see them: every pair that was found, and what is worth a look.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{FileEntry, PairRow, PairsWriter, Partner, SurvivorsReader, excerpt};
use tamis_common::dedup::{UnionFind, similarity_of_equal};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::stats::Log2Histogram;
use tamis_common::storage::{Storage, Uri, hex};
use tamis_common::{Error, Result};

use super::documents::{Documents, RankedSet};
use super::exact::IndexLink;
use super::names::Names;
use super::pairs::Pairs;
use super::{PartnerRef, Resolution, VerdictShard};
use crate::index::DedupIndex;

/// Clusters that the report shows, and documents of each beside the one that stands for it: what is shown of a job is
/// bounded, however large it is.
const LARGEST: usize = 10;
const SAMPLES: usize = 2;

/// The clusters of a job, and the pairs that made them.
pub struct Clusters {
    pub(super) documents: Documents,
    /// Documents, and behind them the index entries that they are tied to.
    pub(super) sets: UnionFind,
    /// The root of each cluster of at least two members.
    pub(super) roots: RankedSet,
    pub(super) first_equal: Vec<u32>,
    pub(super) index_links: Vec<IndexLink>,
    pub(super) pairs: Pairs,
    pub(super) k: u32,
}

/// What names are taken from; those of sources are lent on.
pub struct ClusterInput<'a, 's> {
    /// Where the artefacts are.
    pub storage: &'a Storage,
    /// What was decided.
    pub resolution: &'a Resolution,
    /// All shards whose documents were compared.
    pub shards: &'s [VerdictShard<'s>],
    /// The index that was asked.
    pub index: Option<&'a dyn DedupIndex>,
}

/// A cluster that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LargeCluster {
    /// Members: documents of the job, and the index entries that they were tied to.
    pub size: u64,
    /// What stands for it.
    pub kept: ClusterMember,
    /// Its first documents beside that.
    pub samples: Vec<ClusterMember>,
}

/// A member of a cluster, as the report shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterMember {
    /// What users call it.
    #[serde(flatten)]
    pub name: Partner,
    /// The start of its text; none of an entry of the index, which keeps no texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What was written, and what the report shows of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// The files of pairs, each with the shard of its later documents; a shard without pairs has none.
    pub files: Vec<(ShardId, FileEntry)>,
    /// Clusters by members.
    pub sizes: Log2Histogram,
    /// The ten largest, the largest first.
    pub largest: Vec<LargeCluster>,
}

/// Writes `clusters/part-NNNNN.parquet` files below `folder`; returns the names of all members, too, for whoever writes
/// of them next.
///
/// # Errors
/// Of the stores and of the disk.
pub fn write_clusters<'s>(
    input: &ClusterInput<'_, 's>,
    clusters: Clusters,
    folder: &Uri,
) -> Result<(ClusterFacts, Names<'s>)> {
    let Clusters { documents, mut sets, roots, first_equal, mut index_links, pairs, k } = clusters;
    let mut sizes = vec![0_u64; roots.len() as usize];
    let mut members = Vec::new();
    for node in 0..sets.len() {
        if let Some(cluster) = roots.rank_of(sets.root(node)) {
            sizes[cluster as usize] += 1;
            if node < documents.len() {
                members.push(documents.doc(node));
            }
        }
    }
    let entries = index_links.iter().map(|link| link.entry).collect();
    let names = Names::read(input.storage, input.index, input.shards, members, entries)?;

    index_links.sort_unstable_by_key(|link| (link.doc, link.entry));
    let mut links = index_links.into_iter().peekable();
    let mut files = Files {
        storage: input.storage,
        folder,
        documents: &documents,
        names: &names,
        cluster_of: |doc| {
            let cluster = roots.rank_of(sets.root(doc))?;
            Some((cluster, sizes[cluster as usize]))
        },
        open: None,
        done: Vec::new(),
    };
    let mut next = 0;
    // The pairs of each document with the index and with its equal, in the order of documents.
    let mut certain = |upto: u32, files: &mut Files<'_, _>| -> Result<()> {
        let begin = next;
        next = upto.max(begin);
        for doc in begin..upto {
            while let Some(link) = links.next_if(|link| link.doc == doc) {
                let (similarity, equal) = match link.equal {
                    IndexLink::EQUAL_TEXT => (1.0, true),
                    values => (similarity_of_equal(values, k as usize), false),
                };
                files.push(doc, PartnerRef::Index(link.entry), similarity, equal)?;
            }
            let first = first_equal[doc as usize];
            if first != doc {
                files.push(doc, PartnerRef::Job(documents.doc(first)), 1.0, true)?;
            }
        }
        Ok(())
    };
    pairs.for_each(|pair| {
        certain(pair.later + 1, &mut files)?;
        let similarity = similarity_of_equal(pair.equal, k as usize);
        files.push(pair.later, PartnerRef::Job(documents.doc(pair.earlier)), similarity, false)
    })?;
    certain(documents.len(), &mut files)?;
    let files = files.finish()?;

    let mut histogram = Log2Histogram::default();
    sizes.iter().for_each(|size| histogram.add(*size));
    let largest = largest(input, &documents, &mut sets, &roots, &sizes, &names)?;
    Ok((ClusterFacts { files, sizes: histogram, largest }, names))
}

/// The ten largest clusters.
fn largest(
    input: &ClusterInput<'_, '_>,
    documents: &Documents,
    sets: &mut UnionFind,
    roots: &RankedSet,
    sizes: &[u64],
    names: &Names<'_>,
) -> Result<Vec<LargeCluster>> {
    let mut order: Vec<u32> = (0..sizes.len() as u32).collect();
    // Of equal ones the first, so that the choice is always the same.
    order.sort_by_key(|cluster| (std::cmp::Reverse(sizes[*cluster as usize]), *cluster));
    order.truncate(LARGEST);
    let mut samples: BTreeMap<u32, Vec<DocRef>> =
        order.iter().map(|cluster| (*cluster, Vec::new())).collect();
    for doc in 0..documents.len() {
        if let Some(found) = roots.rank_of(sets.root(doc)).and_then(|cluster| samples.get_mut(&cluster))
            // One more, since what stands for it may be among them.
            && found.len() <= SAMPLES
        {
            found.push(documents.doc(doc));
        }
    }
    let mut kept = HashMap::new();
    for duplicate in &input.resolution.dropped {
        if kept.len() == order.len() {
            break;
        }
        let cluster = roots.rank_of(sets.root(documents.number(duplicate.doc)?));
        if let Some(cluster) = cluster.filter(|cluster| samples.contains_key(cluster)) {
            kept.entry(cluster).or_insert(duplicate.kept);
        }
    }
    let mut shown = Vec::with_capacity(order.len());
    for cluster in order {
        let mut others = samples.remove(&cluster).unwrap_or_default();
        // Of references alone nothing is dropped.
        let first = || others.first().copied().map(PartnerRef::Job);
        let kept = kept.get(&cluster).copied().or_else(first);
        let kept = kept.ok_or_else(|| Error::internal("a cluster has no document"))?;
        others.retain(|doc| PartnerRef::Job(*doc) != kept);
        others.truncate(SAMPLES);
        shown.push((sizes[cluster as usize], kept, others));
    }
    let kept_docs = shown.iter().filter_map(|(_, kept, _)| match kept {
        PartnerRef::Job(doc) => Some(doc),
        PartnerRef::Index(_) => None,
    });
    let docs = shown.iter().flat_map(|(_, _, others)| others).chain(kept_docs).copied().collect();
    let texts = texts(input, &docs)?;
    let member = |member: PartnerRef| -> Result<ClusterMember> {
        let text = match member {
            PartnerRef::Job(doc) => texts.get(&doc).cloned(),
            PartnerRef::Index(_) => None,
        };
        Ok(ClusterMember { name: names.partner(member)?, text })
    };
    let large = shown.into_iter().map(|(size, kept, others)| {
        let samples = others.into_iter().map(|doc| member(PartnerRef::Job(doc))).collect::<Result<_>>()?;
        Ok(LargeCluster { size, kept: member(kept)?, samples })
    });
    large.collect()
}

/// The starts of the texts of a few documents.
fn texts(input: &ClusterInput<'_, '_>, docs: &BTreeSet<DocRef>) -> Result<BTreeMap<DocRef, String>> {
    let mut texts = BTreeMap::new();
    for shard in input.shards {
        let here = docs.range(DocRef::new(shard.id, 0)..=DocRef::new(shard.id, u32::MAX));
        let records: BTreeSet<u32> = here.map(|doc| doc.record()).collect();
        if records.is_empty() {
            continue;
        }
        let object = input.storage.open(&shard.survivors)?;
        let mut survivors = SurvivorsReader::open_records(object, records)?;
        while let Some(batch) = survivors.next_batch()? {
            for survivor in batch.iter() {
                texts.insert(DocRef::new(shard.id, survivor.record), excerpt(survivor.text));
            }
        }
    }
    match docs.iter().find(|doc| !texts.contains_key(doc)) {
        Some(doc) => Err(Error::storage(format!("document {doc} is in a cluster but has no text"))),
        None => Ok(texts),
    }
}

/// The files of pairs, one after the other.
struct Files<'a, C> {
    storage: &'a Storage,
    folder: &'a Uri,
    documents: &'a Documents,
    names: &'a Names<'a>,
    /// Number and size of a document's cluster.
    cluster_of: C,
    open: Option<(ShardId, PairsFile)>,
    done: Vec<(ShardId, FileEntry)>,
}

impl<C: FnMut(u32) -> Option<(u32, u64)>> Files<'_, C> {
    fn push(&mut self, later: u32, partner: PartnerRef, similarity: f64, equal: bool) -> Result<()> {
        let doc = self.documents.doc(later);
        if self.open.as_ref().is_none_or(|(shard, _)| *shard != doc.shard()) {
            self.close()?;
            let file = PairsFile::create(self.storage, self.folder, doc.shard())?;
            self.open = Some((doc.shard(), file));
        }
        let (cluster, cluster_size) = (self.cluster_of)(later)
            .ok_or_else(|| Error::internal(format!("document {doc} has a neighbour but no cluster")))?;
        let Partner { source, id, .. } = self.names.partner(PartnerRef::Job(doc))?;
        let row = PairRow {
            record: doc.record(),
            source: &source,
            id: &id,
            partner: &self.names.partner(partner)?,
            similarity,
            equal,
            cluster: u64::from(cluster),
            cluster_size,
        };
        match &mut self.open {
            Some((_, file)) => file.push(&row),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> Result<()> {
        if let Some((shard, file)) = self.open.take() {
            self.done.push((shard, file.finish()?));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<(ShardId, FileEntry)>> {
        self.close()?;
        Ok(self.done)
    }
}

/// The pairs of a shard; the content is hashed as JSON lines.
struct PairsFile {
    name: String,
    writer: PairsWriter,
    content: Sha256,
    records: u64,
}

impl PairsFile {
    fn create(storage: &Storage, folder: &Uri, shard: ShardId) -> Result<Self> {
        let name = format!("clusters/part-{shard}.parquet");
        let writer = PairsWriter::create(storage, &folder.join(&name))?;
        Ok(Self { name, writer, content: Sha256::new(), records: 0 })
    }

    fn push(&mut self, row: &PairRow<'_>) -> Result<()> {
        let mut line = serde_json::to_vec(row)
            .map_err(|e| Error::internal("a pair does not become JSON").with_source(e))?;
        line.push(b'\n');
        self.content.update(&line);
        self.records += 1;
        self.writer.push(row)
    }

    fn finish(self) -> Result<FileEntry> {
        Ok(FileEntry {
            name: self.name,
            written: self.writer.finish()?,
            content_sha256: Some(hex(&self.content.finalize())),
            records: self.records,
        })
    }
}
