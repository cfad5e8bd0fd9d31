//! Token ids as numpy arrays: `part-00042.npy` holds those of all documents one after the other, as uint16 or uint32;
//! `part-00042.offsets.npy` holds as uint64 where each document begins and, last, how many ids there are.
//!
//! The format is version 1.0 of NEP 1: magic, length of the header, header padded with spaces to a multiple of 64
//! bytes, then the little-endian numbers. `numpy.load(..., mmap_mode="r")` maps both files.

use std::io::Write as _;

use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};

use super::TokenWriter;
use crate::spool::Spool;

/// Vocabularies up to here fit into 16 bits.
const U16_VOCABULARY: usize = 1 << 16;
/// Bytes that are gathered before they are written.
const CHUNK: usize = 256 << 10;

/// Writes one array of ids and that of its offsets. A header comes first and holds the length, so ids wait in a temporary
/// file; eight bytes a document are held in memory.
pub struct NpyWriter {
    storage: Storage,
    work: Uri,
    stem: String,
    is_narrow: bool,
    spool: Spool,
    offsets: Vec<u64>,
}

impl NpyWriter {
    /// Starts `stem.npy` and `stem.offsets.npy` below `work` for a vocabulary of `vocab_size`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, stem: String, vocab_size: usize) -> Result<Self> {
        Ok(Self {
            storage: storage.clone(),
            work: work.clone(),
            stem,
            is_narrow: vocab_size <= U16_VOCABULARY,
            spool: Spool::create()?,
            offsets: vec![0],
        })
    }

    fn ids(&self) -> u64 {
        self.offsets.last().copied().unwrap_or_default()
    }
}

impl TokenWriter for NpyWriter {
    fn push(&mut self, _: &Survivor<'_>, ids: &[u32]) -> Result<()> {
        let largest = ids.iter().copied().max().unwrap_or(0);
        if self.is_narrow && largest > u32::from(u16::MAX) {
            return Err(Error::internal(format!(
                "token id {largest} is beyond the vocabulary for which `{}.npy` was begun",
                self.stem
            )));
        }
        self.offsets.push(self.ids() + ids.len() as u64);
        self.spool.push(ids)
    }

    fn finish(self: Box<Self>) -> Result<Vec<FileEntry>> {
        let (count, records) = (self.ids(), self.offsets.len() as u64 - 1);
        let Self { storage, work, stem, is_narrow, spool, offsets } = *self;
        let mut spooled = spool.read()?;
        let mut ids = Vec::new();
        let mut left = count;
        let name = format!("{stem}.npy");
        let (kind, width) = if is_narrow { ("<u2", 2) } else { ("<u4", 4) };
        let of_ids = write_array(&storage, &work, &name, records, kind, count, |chunk| {
            let next = left.min((CHUNK / width) as u64);
            left -= next;
            spooled.next(next as usize, &mut ids)?;
            match is_narrow {
                true => chunk.extend(ids.iter().flat_map(|id| (*id as u16).to_le_bytes())),
                false => chunk.extend(ids.iter().flat_map(|id| id.to_le_bytes())),
            }
            Ok(())
        })?;
        let mut parts = offsets.chunks(CHUNK / 8);
        let name = format!("{stem}.offsets.npy");
        let of_offsets =
            write_array(&storage, &work, &name, records, "<u8", offsets.len() as u64, |chunk| {
                let part = parts.next().unwrap_or_default();
                chunk.extend(part.iter().flat_map(|offset| offset.to_le_bytes()));
                Ok(())
            })?;
        Ok(vec![of_ids, of_offsets])
    }
}

/// Writes an array of `count` numbers, which `more` appends to the chunk it is given until it appends nothing.
fn write_array(
    storage: &Storage,
    work: &Uri,
    name: &str,
    records: u64,
    kind: &str,
    count: u64,
    mut more: impl FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<FileEntry> {
    let uri = work.join(name);
    let mut object = storage.create(&uri)?;
    let mut chunk = header(kind, count);
    while !chunk.is_empty() {
        object.write_all(&chunk).map_err(|e| Error::io("write", &uri, e))?;
        chunk.clear();
        more(&mut chunk)?;
    }
    Ok(FileEntry { name: name.to_owned(), written: object.finish()?, content_sha256: None, records })
}

/// Magic, version and the dictionary that numpy reads.
fn header(kind: &str, count: u64) -> Vec<u8> {
    const BEFORE: usize = 10;
    let mut dictionary = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}");
    let end = (BEFORE + dictionary.len() + 1).next_multiple_of(64);
    dictionary.extend(std::iter::repeat_n(' ', end - BEFORE - dictionary.len() - 1));
    dictionary.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(dictionary.len() as u16).to_le_bytes());
    header.extend_from_slice(dictionary.as_bytes());
    header
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::write::tests::{Fixture, NO_DOCUMENT};

    /// The numbers of an array, read as NEP 1 says, sharing nothing with the writer.
    fn read_array(bytes: &[u8]) -> (String, Vec<u64>) {
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.ends_with('\n') && header.contains("'fortran_order': False"));
        let after = |key: &str| header.split_once(key).unwrap().1;
        let kind = after("'descr': '").split('\'').next().unwrap().to_owned();
        let count: usize = after("'shape': (").split(',').next().unwrap().parse().unwrap();
        let width: usize = kind[2..].parse().unwrap();
        let body = &bytes[10 + length..];
        assert_eq!(body.len(), count * width);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        (kind, body.chunks(width).map(number).collect())
    }

    fn write(documents: &[Vec<u32>], vocab_size: usize) -> (Fixture, Vec<FileEntry>) {
        let fixture = Fixture::new();
        let created =
            NpyWriter::create(&fixture.storage, &fixture.work, "tokens/part-00003".to_owned(), vocab_size);
        let mut writer = Box::new(created.unwrap());
        documents.iter().for_each(|ids| writer.push(&NO_DOCUMENT, ids).unwrap());
        let entries = writer.finish().unwrap();
        (fixture, entries)
    }

    #[test]
    fn many_ids_pass_through_the_chunk_and_an_empty_shard_has_both_files() {
        let (fixture, _) = write(&[(0..300_000).collect()], 300_000);
        let (kind, ids) = read_array(&fixture.bytes("tokens/part-00003.npy"));
        assert_eq!((kind.as_str(), ids), ("<u4", (0..300_000).collect()));
        let (fixture, entries) = write(&[], 65_536);
        assert_eq!(entries.len(), 2);
        assert_eq!(read_array(&fixture.bytes("tokens/part-00003.npy")), ("<u2".to_owned(), vec![]));
        assert_eq!(read_array(&fixture.bytes("tokens/part-00003.offsets.npy")).1, [0]);
    }

    #[test]
    fn an_id_that_does_not_fit_is_an_error() {
        let fixture = Fixture::new();
        let mut writer = NpyWriter::create(&fixture.storage, &fixture.work, "t".to_owned(), 65_536).unwrap();
        let error = writer.push(&NO_DOCUMENT, &[65_536]).unwrap_err();
        assert!(error.message().contains("65536"), "{error}");
    }

    proptest! {
        // A case writes and syncs two files.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn documents_lie_between_their_offsets(
            documents in prop::collection::vec(prop::collection::vec(0_u32..65_536, 0..20), 0..20),
        ) {
            let (fixture, entries) = write(&documents, 65_536);
            let ids = read_array(&fixture.bytes("tokens/part-00003.npy")).1;
            let offsets = read_array(&fixture.bytes("tokens/part-00003.offsets.npy")).1;
            let read: Vec<Vec<u32>> = offsets
                .windows(2)
                .map(|pair| ids[pair[0] as usize..pair[1] as usize].iter().map(|id| *id as u32).collect())
                .collect();
            prop_assert!(entries.iter().all(|entry| entry.records == documents.len() as u64));
            prop_assert_eq!(read, documents);
        }
    }
}
