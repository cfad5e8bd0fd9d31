//! The signatures that must be compared: in memory if they fit, else in a flat file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use tamis_common::artefact::{DocumentColumns, DocumentsReader};
use tamis_common::{Error, Result};

use super::documents::{Documents, RankedSet};
use super::{ResolveInput, ResolveShard};

/// The signatures of some documents, in their order.
pub(super) struct Signatures<'a> {
    input: &'a ResolveInput<'a>,
    documents: &'a Documents,
    needed: &'a RankedSet,
    k: usize,
    store: Store,
}

enum Store {
    Memory(Vec<u8>),
    File(File),
}

impl<'a> Signatures<'a> {
    /// Reads the signatures of the documents in `needed`, which is ranked.
    pub(super) fn load(
        input: &'a ResolveInput<'a>,
        shards: &[&ResolveShard],
        documents: &'a Documents,
        needed: &'a RankedSet,
    ) -> Result<Self> {
        let k = input.params.k as usize;
        let count = (0..documents.len()).filter(|doc| needed.contains(*doc)).count();
        let wrong = |e| Error::io("write signatures to", input.scratch.display(), e);
        let fits = count as u64 * k as u64 <= input.memory / 2;
        let mut memory = Vec::with_capacity(if fits { count * k } else { 0 });
        let mut file = match fits {
            true => None,
            false => {
                let file = tempfile::tempfile_in(input.scratch).map_err(wrong)?;
                Some(BufWriter::with_capacity(1 << 20, file))
            }
        };
        let mut doc = 0;
        for shard in shards {
            input.check_cancelled()?;
            let object = input.storage.open(&shard.documents)?;
            DocumentsReader::open(object, DocumentColumns::Signatures)?.for_each(|row| {
                doc += 1;
                if !needed.contains(doc - 1) {
                    return Ok(());
                }
                let signature = row.signature.as_deref().unwrap_or_default();
                if signature.len() != k {
                    return Err(wrong_width(documents, doc - 1, signature.len(), k));
                }
                match &mut file {
                    Some(file) => file.write_all(signature).map_err(wrong)?,
                    None => memory.extend_from_slice(signature),
                }
                Ok(())
            })?;
        }
        let store = match file {
            Some(file) => Store::File(file.into_inner().map_err(|e| wrong(e.into_error()))?),
            None => Store::Memory(memory),
        };
        Ok(Self { input, documents, needed, k, store })
    }

    /// The signature of a document, from memory or through `buffer`.
    pub(super) fn get<'b>(&'b self, doc: u32, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        let Some(place) = self.needed.rank_of(doc) else {
            return Err(wrong_width(self.documents, doc, 0, self.k));
        };
        let start = place as usize * self.k;
        match &self.store {
            Store::Memory(bytes) => Ok(&bytes[start..start + self.k]),
            Store::File(file) => {
                buffer.resize(self.k, 0);
                file.read_exact_at(buffer, start as u64)
                    .map_err(|e| Error::io("read signatures from", self.input.scratch.display(), e))?;
                Ok(buffer)
            }
        }
    }
}

fn wrong_width(documents: &Documents, doc: u32, found: usize, k: usize) -> Error {
    Error::storage(format!(
        "document {} has band keys and a signature of {found} values, not {k}",
        documents.doc(doc)
    ))
    .with_hint("the shard's artefacts do not belong to this job's settings: run the job again")
}
