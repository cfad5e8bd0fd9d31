//! What users call the documents and index entries that decisions refer to.

use tamis_common::artefact::{DocumentColumns, DocumentsReader, Partner};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};

use super::{PartnerRef, VerdictShard};
use crate::index::{DedupIndex, EntryInfo, EntryRef};

/// Names of documents and index entries.
#[derive(Default)]
pub struct Names<'a> {
    docs: Vec<DocRef>,
    /// One past the end of each id in `ids`.
    ends: Vec<usize>,
    ids: String,
    /// Sources by shard, sorted.
    sources: Vec<(ShardId, &'a str)>,
    entries: Vec<EntryRef>,
    infos: Vec<EntryInfo>,
}

impl<'a> Names<'a> {
    /// Reads the names of documents and entries, given in any order and several times.
    ///
    /// # Errors
    /// Of the stores; `Class::Storage` if a document has no row in its table.
    pub(super) fn read(
        storage: &Storage,
        index: Option<&dyn DedupIndex>,
        shards: &'a [VerdictShard<'a>],
        mut docs: Vec<DocRef>,
        mut entries: Vec<EntryRef>,
    ) -> Result<Self> {
        let mut shards: Vec<&VerdictShard<'_>> = shards.iter().collect();
        shards.sort_by_key(|shard| shard.id);
        docs.sort_unstable();
        docs.dedup();
        entries.sort_unstable();
        entries.dedup();
        let infos = match index {
            Some(index) if !entries.is_empty() => index.infos(&entries)?,
            _ => Vec::new(),
        };
        let sources = shards.iter().map(|shard| (shard.id, shard.source)).collect();
        let mut names =
            Self { ends: Vec::with_capacity(docs.len()), docs, ids: String::new(), sources, entries, infos };
        for shard in shards {
            names.read_shard(storage, shard)?;
        }
        Ok(names)
    }

    /// Takes the ids of the partners in a shard; shards come in order.
    fn read_shard(&mut self, storage: &Storage, shard: &VerdictShard<'_>) -> Result<()> {
        let Self { docs, ends, ids, .. } = self;
        let is_here = |doc: Option<&DocRef>| doc.is_some_and(|doc| doc.shard() <= shard.id);
        if !is_here(docs.get(ends.len())) {
            return Ok(());
        }
        let object = storage.open(&shard.documents)?;
        DocumentsReader::open(object, DocumentColumns::Ids)?.for_each(|row| {
            if docs.get(ends.len()) == Some(&DocRef::new(shard.id, row.record)) {
                ids.push_str(&row.id);
                ends.push(ids.len());
            }
            Ok(())
        })?;
        match docs.get(ends.len()) {
            doc @ Some(missing) if is_here(doc) => Err(Error::storage(format!(
                "document {missing} is a partner of a duplicate but not in `{}`",
                shard.documents
            ))),
            _ => Ok(()),
        }
    }

    /// What a user calls a document or an entry.
    ///
    /// # Errors
    /// `Class::Internal` for one that was not read.
    pub(super) fn partner(&self, partner: PartnerRef) -> Result<Partner> {
        let unknown = || Error::internal(format!("the partner {partner:?} of a duplicate has no name"));
        match partner {
            PartnerRef::Job(doc) => {
                let place = self.docs.binary_search(&doc).map_err(|_| unknown())?;
                let end = *self.ends.get(place).ok_or_else(unknown)?;
                let start = if place == 0 { 0 } else { self.ends[place - 1] };
                let source =
                    self.sources.binary_search_by_key(&doc.shard(), |(id, _)| *id).map_err(|_| unknown())?;
                Ok(Partner {
                    job: None,
                    source: self.sources[source].1.to_owned(),
                    id: self.ids[start..end].to_owned(),
                })
            }
            PartnerRef::Index(entry) => {
                let place = self.entries.binary_search(&entry).map_err(|_| unknown())?;
                let info = self.infos.get(place).ok_or_else(unknown)?;
                Ok(Partner {
                    job: Some(info.job.to_string()),
                    source: info.source.clone(),
                    id: info.id.clone(),
                })
            }
        }
    }
}
