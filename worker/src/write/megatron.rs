//! The indexed dataset of Megatron-core: `.bin` holds raw little-endian ids, `.idx` where each document lies.
//!
//! `.idx`, little-endian: `MMIDIDX\0\0`, u64 version 1, u8 type code, u64 sequences, u64 documents + 1, an i32 length
//! in tokens a sequence, an i64 byte offset a sequence, i64 sequence numbers at which documents begin, and the
//! number of sequences. Here a document is one sequence.

use std::io::Write as _;

use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::storage::{ObjectWriter, Storage, Uri};
use tamis_common::{Error, Result};

use super::TokenWriter;

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;
/// Megatron's own limit: smaller vocabularies are stored as 16-bit ids.
const U16_VOCABULARY: usize = 65_500;
/// Ids are gathered to this many bytes before they are written.
const CHUNK: usize = 256 << 10;

/// How many bytes an id takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenWidth {
    /// Two, unsigned.
    U16,
    /// Four, signed.
    I32,
}

impl TokenWidth {
    /// The width that Megatron chooses for a vocabulary of `size` tokens, added tokens counted.
    pub fn for_vocabulary(size: usize) -> Self {
        if size < U16_VOCABULARY { Self::U16 } else { Self::I32 }
    }

    /// Bytes an id.
    pub fn bytes(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::I32 => 4,
        }
    }

    /// The code of the type in `.idx`.
    pub fn code(self) -> u8 {
        match self {
            Self::U16 => 8,
            Self::I32 => 4,
        }
    }

    fn largest_id(self) -> u32 {
        match self {
            Self::U16 => u32::from(u16::MAX),
            Self::I32 => i32::MAX as u32,
        }
    }
}

/// Writes one `.bin` and its `.idx`. Keeps four bytes a document in memory.
pub struct MegatronWriter {
    bin_uri: Uri,
    idx_uri: Uri,
    stem: String,
    bin: ObjectWriter,
    idx: ObjectWriter,
    width: TokenWidth,
    lengths: Vec<i32>,
    chunk: Vec<u8>,
}

impl MegatronWriter {
    /// Starts `stem.bin` and `stem.idx` below `work`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, stem: &str, width: TokenWidth) -> Result<Self> {
        let bin_uri = work.join(&format!("{stem}.bin"));
        let idx_uri = work.join(&format!("{stem}.idx"));
        Ok(Self {
            bin: storage.create(&bin_uri)?,
            idx: storage.create(&idx_uri)?,
            bin_uri,
            idx_uri,
            stem: stem.to_owned(),
            width,
            lengths: Vec::new(),
            chunk: Vec::with_capacity(2 * CHUNK),
        })
    }

    fn flush_chunk(&mut self) -> Result<()> {
        self.bin.write_all(&self.chunk).map_err(|e| Error::io("write", &self.bin_uri, e))?;
        self.chunk.clear();
        Ok(())
    }
}

impl TokenWriter for MegatronWriter {
    fn push(&mut self, _: &Survivor<'_>, ids: &[u32]) -> Result<()> {
        let largest = ids.iter().copied().max().unwrap_or(0);
        if largest > self.width.largest_id() {
            return Err(Error::internal(format!(
                "token id {largest} is beyond the vocabulary for which `{}` was begun",
                self.bin_uri
            )));
        }
        let length = i32::try_from(ids.len())
            .map_err(|_| Error::input(format!("a document has {} tokens, more than 2^31 - 1", ids.len())))?;
        self.lengths.push(length);

        let start = self.chunk.len();
        self.chunk.resize(start + ids.len() * self.width.bytes(), 0);
        let target = &mut self.chunk[start..];
        match self.width {
            TokenWidth::U16 => {
                for (bytes, id) in target.chunks_exact_mut(2).zip(ids) {
                    bytes.copy_from_slice(&(*id as u16).to_le_bytes());
                }
            }
            TokenWidth::I32 => {
                for (bytes, id) in target.chunks_exact_mut(4).zip(ids) {
                    bytes.copy_from_slice(&id.to_le_bytes());
                }
            }
        }
        if self.chunk.len() >= CHUNK { self.flush_chunk() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<FileEntry>> {
        self.flush_chunk()?;
        write_index(&mut self.idx, &self.lengths, self.width)
            .map_err(|e| Error::io("write", &self.idx_uri, e))?;
        let records = self.lengths.len() as u64;
        let entry = |extension: &str, object: ObjectWriter| -> Result<FileEntry> {
            let written = object.finish()?;
            Ok(FileEntry {
                name: format!("{}.{extension}", self.stem),
                written,
                content_sha256: None,
                records,
            })
        };
        Ok(vec![entry("bin", self.bin)?, entry("idx", self.idx)?])
    }
}

fn write_index(out: &mut impl std::io::Write, lengths: &[i32], width: TokenWidth) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(CHUNK, out);
    let sequences = lengths.len() as u64;
    out.write_all(MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&[width.code()])?;
    out.write_all(&sequences.to_le_bytes())?;
    out.write_all(&(sequences + 1).to_le_bytes())?;
    for length in lengths {
        out.write_all(&length.to_le_bytes())?;
    }
    let mut pointer = 0_i64;
    for length in lengths {
        out.write_all(&pointer.to_le_bytes())?;
        pointer += i64::from(*length) * width.bytes() as i64;
    }
    for document in 0..=sequences {
        out.write_all(&document.to_le_bytes())?;
    }
    out.flush()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use proptest::prelude::*;
    use tamis_common::Class;

    use super::*;
    use crate::write::tests::{Fixture, NO_DOCUMENT};

    /// Reads the two files as the published layout says, sharing nothing with the writer.
    pub(crate) fn read_indexed_dataset(bin: &[u8], idx: &[u8]) -> (u8, Vec<Vec<u32>>) {
        let mut rest = idx;
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at(n);
            rest = tail;
            head.to_vec()
        };
        let number = |bytes: Vec<u8>| u64::from_le_bytes(bytes.try_into().unwrap());
        assert_eq!(take(9), b"MMIDIDX\x00\x00");
        assert_eq!(number(take(8)), 1);
        let code = take(1)[0];
        let size = match code {
            8 => 2,
            4 => 4,
            other => panic!("type code {other}"),
        };
        let sequences = number(take(8)) as usize;
        let documents = number(take(8)) as usize;
        let lengths: Vec<usize> = (0..sequences)
            .map(|_| i32::from_le_bytes(take(4).try_into().unwrap()).try_into().unwrap())
            .collect();
        let pointers: Vec<usize> = (0..sequences).map(|_| number(take(8)) as usize).collect();
        let starts: Vec<usize> = (0..documents).map(|_| number(take(8)) as usize).collect();
        assert!(rest.is_empty(), "the index has {} bytes too many", rest.len());
        assert_eq!(starts.len(), sequences + 1);

        let mut read = Vec::new();
        for pair in starts.windows(2) {
            let mut ids = Vec::new();
            for sequence in pair[0]..pair[1] {
                let end = pointers[sequence] + lengths[sequence] * size;
                ids.extend(bin[pointers[sequence]..end].chunks(size).map(|bytes| {
                    let mut wide = [0; 4];
                    wide[..size].copy_from_slice(bytes);
                    u32::from_le_bytes(wide)
                }));
            }
            read.push(ids);
        }
        let total: usize = lengths.iter().sum();
        assert_eq!(bin.len(), total * size);
        (code, read)
    }

    fn write(fixture: &Fixture, documents: &[Vec<u32>], width: TokenWidth) -> Vec<FileEntry> {
        let created = MegatronWriter::create(&fixture.storage, &fixture.work, "tokens/part-00003", width);
        let mut writer = Box::new(created.unwrap());
        for ids in documents {
            writer.push(&NO_DOCUMENT, ids).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read(fixture: &Fixture) -> (u8, Vec<Vec<u32>>) {
        read_indexed_dataset(&fixture.bytes("tokens/part-00003.bin"), &fixture.bytes("tokens/part-00003.idx"))
    }

    #[test]
    fn the_width_follows_from_the_vocabulary() {
        assert_eq!(TokenWidth::for_vocabulary(65_499), TokenWidth::U16);
        assert_eq!(TokenWidth::for_vocabulary(65_500), TokenWidth::I32);
    }

    #[test]
    fn the_index_of_two_documents_is_laid_out_as_published() {
        let mut idx = Vec::new();
        write_index(&mut idx, &[3, 1], TokenWidth::U16).unwrap();
        let expected = [
            b"MMIDIDX\0\0".as_slice(),
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[8],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 1, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(idx, expected);
    }

    #[test]
    fn a_shard_without_documents_has_both_files() {
        let fixture = Fixture::new();
        let entries = write(&fixture, &[], TokenWidth::I32);
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["tokens/part-00003.bin", "tokens/part-00003.idx"]);
        assert_eq!(read(&fixture), (4, vec![]));
    }

    #[test]
    fn an_id_that_does_not_fit_is_an_error() {
        let fixture = Fixture::new();
        let created = MegatronWriter::create(&fixture.storage, &fixture.work, "t", TokenWidth::U16);
        let error = created.unwrap().push(&NO_DOCUMENT, &[1, 65_536]).unwrap_err();
        assert_eq!(error.class(), Class::Internal);
        assert!(error.message().contains("65536"), "{error}");
    }

    #[test]
    fn long_documents_pass_through_the_chunk() {
        let fixture = Fixture::new();
        let documents = vec![(0..200_000).collect::<Vec<u32>>(), vec![], (5..90_000).collect()];
        write(&fixture, &documents, TokenWidth::I32);
        assert_eq!(read(&fixture), (4, documents));
    }

    proptest! {
        // A case writes and syncs four files.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_documents_come_back_in_both_widths(
            documents in prop::collection::vec(prop::collection::vec(0_u32..65_536, 0..20), 0..20),
        ) {
            for (width, code) in [(TokenWidth::U16, 8), (TokenWidth::I32, 4)] {
                let fixture = Fixture::new();
                let entries = write(&fixture, &documents, width);
                prop_assert_eq!(read(&fixture), (code, documents.clone()));
                prop_assert!(entries.iter().all(|entry| entry.records == documents.len() as u64));
            }
        }
    }
}
