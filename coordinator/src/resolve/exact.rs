//! Equal documents, by the hash of their match text.

use tamis_common::Result;
use tamis_common::artefact::{DocumentColumns, DocumentsReader};
use tamis_common::dedup::radix_sort_by_key;

use super::documents::{Documents, RankedSet};
use super::{ResolveInput, ResolveShard};
use crate::index::EntryRef;

/// Hashes that the index is asked for at once.
const LOOKUP_ROWS: usize = 1 << 16;

/// How a document is tied to an index entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexLink {
    pub(super) doc: u32,
    pub(super) entry: EntryRef,
    /// Equal signature values, or [`IndexLink::EQUAL_TEXT`].
    pub(super) equal: u32,
}

impl IndexLink {
    /// The match texts are equal.
    pub(super) const EQUAL_TEXT: u32 = u32::MAX;
}

/// Which documents equal which.
pub(super) struct Exact {
    /// The smallest document with the same hash, of each document.
    pub(super) first_equal: Vec<u32>,
    /// First documents that equal an index entry.
    pub(super) in_index: RankedSet,
    /// And which.
    pub(super) index_links: Vec<IndexLink>,
}

#[derive(Clone, Copy)]
struct Row {
    high: u64,
    low: u64,
    doc: u32,
}

impl Row {
    fn hash(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }
}

impl Exact {
    /// No two are equal.
    pub(super) fn none(documents: u32) -> Self {
        Self {
            first_equal: (0..documents).collect(),
            in_index: RankedSet::default(),
            index_links: Vec::new(),
        }
    }

    /// Compares all documents with each other and with the index.
    pub(super) fn find(
        input: &ResolveInput<'_>,
        shards: &[&ResolveShard],
        documents: &Documents,
    ) -> Result<Self> {
        let mut found = Self::none(documents.len());
        let bytes = u64::from(documents.len()) * 2 * size_of::<Row>() as u64;
        let parts = ResolveInput::parts(bytes, input.memory / 2);
        let (mut rows, mut scratch) = (Vec::new(), Vec::new());
        for part in 0..parts {
            rows.clear();
            read_part(input, shards, (part, parts), &mut rows)?;
            radix_sort_by_key(&mut rows, &mut scratch, |row| row.high);
            for same in rows.chunk_by_mut(|a, b| a.high == b.high) {
                same.sort_unstable_by_key(|row| (row.low, row.doc));
            }
            for same in rows.chunk_by(|a, b| a.hash() == b.hash()) {
                for copy in &same[1..] {
                    found.first_equal[copy.doc as usize] = same[0].doc;
                }
            }
            rows.retain(|row| found.first_equal[row.doc as usize] == row.doc);
            found.look_up(input, documents, &rows)?;
        }
        for link in &found.index_links {
            found.in_index.insert(link.doc);
        }
        Ok(found)
    }

    /// Asks the index for the hashes of sorted first documents.
    fn look_up(&mut self, input: &ResolveInput<'_>, documents: &Documents, rows: &[Row]) -> Result<()> {
        let Some(index) = input.index else { return Ok(()) };
        for rows in rows.chunks(LOOKUP_ROWS) {
            input.check_cancelled()?;
            let asked: Vec<_> = rows.iter().map(|row| (row.hash(), documents.doc(row.doc))).collect();
            let mut hits = Vec::new();
            index.lookup_hashes(&asked, &mut |doc, entry| hits.push((doc, entry)))?;
            for (doc, entry) in hits {
                let doc = documents.number(doc)?;
                self.index_links.push(IndexLink { doc, entry, equal: IndexLink::EQUAL_TEXT });
            }
        }
        Ok(())
    }

    /// Whether a document is equal to an earlier one of the job.
    pub(super) fn is_copy(&self, doc: u32) -> bool {
        self.first_equal[doc as usize] != doc
    }
}

/// Reads the hashes of one of several parts of equal size.
fn read_part(
    input: &ResolveInput<'_>,
    shards: &[&ResolveShard],
    (part, parts): (u64, u64),
    rows: &mut Vec<Row>,
) -> Result<()> {
    let mut doc = 0;
    for shard in shards {
        input.check_cancelled()?;
        let object = input.storage.open(&shard.documents)?;
        DocumentsReader::open(object, DocumentColumns::Hashes)?.for_each(|row| {
            let (high, low) = ((row.hash >> 64) as u64, row.hash as u64);
            if parts == 1 || (u128::from(high) * u128::from(parts)) >> 64 == u128::from(part) {
                rows.push(Row { high, low, doc });
            }
            doc += 1;
            Ok(())
        })?;
    }
    Ok(())
}
