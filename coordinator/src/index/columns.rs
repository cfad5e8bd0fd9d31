//! What an index keeps of each document of a job beside its keys: signature, source and id, in the order of entries.
//!
//! One file a job. Merging leaves it alone, since it is looked up by entry; forgetting the job removes it at once.

use std::path::Path;

use bytes::{Buf, BufMut};
use tamis_common::{Error, Result};

use super::NewEntry;
use super::file::{ChunkRef, FileReader, FileRecord, FileWriter, Kind};

/// Ending of the file name of a job's columns.
pub(super) const ENDING: &str = ".columns";

pub(super) const KIND: Kind = *b"TAMISCOL";
/// Signatures asked for are scattered: small chunks, so that little is read in vain.
const SIGNATURE_CHUNK: usize = 16 << 10;
/// Names a chunk before compression: those asked for are as scattered, and smaller chunks compress less well.
const NAME_CHUNK: usize = 8 << 10;
/// Higher levels save 2 % of the names, which are 3 % of an index.
const LEVEL: i32 = 1;
/// Names of a chunk, decompressed: a name is part of a record, which is no longer.
const MAX_NAMES_BYTES: usize = 1 << 30;

/// The chunks of a column and the first entry of each.
#[derive(Debug, Default)]
struct Column {
    chunks: Vec<(u32, ChunkRef)>,
}

impl Column {
    fn put(&self, out: &mut Vec<u8>) {
        out.put_u32_le(self.chunks.len() as u32);
        for (first, chunk) in &self.chunks {
            out.put_u32_le(*first);
            out.put_u64_le(chunk.offset);
            out.put_u32_le(chunk.len);
        }
    }

    fn get(footer: &mut &[u8]) -> Option<Self> {
        let count = footer.try_get_u32_le().ok()?;
        let mut chunks = Vec::with_capacity((count as usize).min(footer.len()));
        for _ in 0..count {
            let first = footer.try_get_u32_le().ok()?;
            let offset = footer.try_get_u64_le().ok()?;
            let len = footer.try_get_u32_le().ok()?;
            chunks.push((first, ChunkRef { offset, len }));
        }
        let is_sorted = chunks.first().is_none_or(|(first, _)| *first == 0)
            && chunks.windows(2).all(|two| two[0].0 < two[1].0);
        is_sorted.then_some(Self { chunks })
    }

    /// Index of the chunk that holds an entry.
    fn of(&self, entry: u32) -> Option<usize> {
        self.chunks.partition_point(|(first, _)| *first <= entry).checked_sub(1)
    }
}

/// Writes the columns of a job.
pub(super) struct ColumnsWriter {
    file: FileWriter,
    k: usize,
    entries: u32,
    signatures: Column,
    signed: Vec<bool>,
    signature_bytes: Vec<u8>,
    names: Column,
    name_bytes: Vec<u8>,
    first_name: u32,
    compressor: zstd::bulk::Compressor<'static>,
}

impl ColumnsWriter {
    /// Starts the file that will stand at `path`; signatures have `k` bytes.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn create(path: &Path, number: u64, k: u32) -> Result<Self> {
        let compressor = zstd::bulk::Compressor::new(LEVEL)
            .map_err(|e| Error::internal("cannot start a zstd compressor").with_source(e))?;
        Ok(Self {
            file: FileWriter::create(path, number, KIND)?,
            k: k as usize,
            entries: 0,
            signatures: Column::default(),
            signed: Vec::new(),
            signature_bytes: Vec::new(),
            names: Column::default(),
            name_bytes: Vec::new(),
            first_name: 0,
            compressor,
        })
    }

    /// Appends a document.
    ///
    /// # Errors
    /// Of the file system; `Class::Internal` for a signature of another length.
    pub(super) fn push(&mut self, entry: &NewEntry<'_>) -> Result<()> {
        if let Some(signature) = entry.signature {
            if signature.len() != self.k {
                let len = signature.len();
                return Err(Error::internal(format!("a signature has {len} bytes, not {}", self.k)));
            }
            self.signature_bytes.extend_from_slice(signature);
        }
        self.signed.push(entry.signature.is_some());
        for name in [entry.source, entry.id] {
            put_len(name.len(), &mut self.name_bytes);
            self.name_bytes.extend_from_slice(name.as_bytes());
        }
        self.entries += 1;
        if self.signed.len() * self.k.max(1) >= SIGNATURE_CHUNK {
            self.end_signatures()?;
        }
        if self.name_bytes.len() >= NAME_CHUNK {
            self.end_names()?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn finish(mut self) -> Result<FileRecord> {
        self.end_signatures()?;
        self.end_names()?;
        let mut footer = Vec::new();
        footer.put_u32_le(self.entries);
        footer.put_u32_le(self.k as u32);
        self.signatures.put(&mut footer);
        self.names.put(&mut footer);
        self.file.finish(&footer)
    }

    /// A bit an entry that says whether it is signed, then the signatures there are.
    fn end_signatures(&mut self) -> Result<()> {
        if self.signed.is_empty() {
            return Ok(());
        }
        let bits = self.signed.chunks(8).map(|eight| {
            eight.iter().enumerate().fold(0_u8, |byte, (bit, signed)| byte | u8::from(*signed) << bit)
        });
        let mut payload: Vec<u8> = bits.collect();
        payload.extend_from_slice(&self.signature_bytes);
        let first = self.entries - self.signed.len() as u32;
        self.signatures.chunks.push((first, self.file.chunk(&payload)?));
        self.signed.clear();
        self.signature_bytes.clear();
        Ok(())
    }

    fn end_names(&mut self) -> Result<()> {
        if self.name_bytes.is_empty() {
            return Ok(());
        }
        let compressed = self
            .compressor
            .compress(&self.name_bytes)
            .map_err(|e| Error::internal("cannot compress names").with_source(e))?;
        let mut payload = Vec::with_capacity(4 + compressed.len());
        payload.put_u32_le(self.name_bytes.len() as u32);
        payload.extend_from_slice(&compressed);
        self.names.chunks.push((self.first_name, self.file.chunk(&payload)?));
        self.first_name = self.entries;
        self.name_bytes.clear();
        Ok(())
    }
}

/// Reads the columns of a job.
#[derive(Debug)]
pub(super) struct Columns {
    record: FileRecord,
    file: FileReader,
    entries: u32,
    k: usize,
    signatures: Column,
    names: Column,
}

impl Columns {
    /// Opens the file.
    ///
    /// # Errors
    /// `Class::Storage` if it is missing or damaged.
    pub(super) fn open(path: &Path, record: &FileRecord) -> Result<Self> {
        let (file, footer) = FileReader::open(path, record, KIND)?;
        let Some((entries, k, signatures, names)) = parse(&footer) else {
            return Err(file.damaged("its footer does not decode"));
        };
        Ok(Self { record: record.clone(), file, entries, k, signatures, names })
    }

    /// Calls `each` with the signature of every entry of `entries`, which are sorted; `None` for one without.
    ///
    /// # Errors
    /// `Class::Storage` if the file is damaged; of `each`.
    pub(super) fn signatures(
        &self,
        entries: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = Vec::new();
        let mut loaded = None;
        for entry in entries {
            let index = self.chunk_of(&self.signatures, entry)?;
            let (first, place) = self.signatures.chunks[index];
            if loaded != Some(index) {
                self.file.chunk(place, &mut buffer)?;
                loaded = Some(index);
            }
            let end = self.signatures.chunks.get(index + 1).map_or(self.entries, |(next, _)| *next);
            let payload = FileReader::payload(&buffer);
            let count =
                end.checked_sub(first).ok_or_else(|| self.file.damaged("its chunks overlap"))? as usize;
            let found = signature(payload, count, (entry - first) as usize, self.k);
            each(entry, found.ok_or_else(|| self.file.damaged("a chunk of signatures does not decode"))?)?;
        }
        Ok(())
    }

    /// Calls `each` with the source and the id of every entry of `entries`, which are sorted.
    ///
    /// # Errors
    /// `Class::Storage` if the file is damaged.
    pub(super) fn names(
        &self,
        entries: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(&str, &str),
    ) -> Result<()> {
        let mut decompressor = zstd::bulk::Decompressor::new()
            .map_err(|e| Error::internal("cannot start a zstd decompressor").with_source(e))?;
        let undecoded = || self.file.damaged("a chunk of names does not decode");
        let mut buffer = Vec::new();
        let mut loaded = None;
        let mut raw = Vec::new();
        let (mut at, mut next) = (0, 0);
        for entry in entries {
            let index = self.chunk_of(&self.names, entry)?;
            let (first, place) = self.names.chunks[index];
            if loaded != Some(index) {
                let compressed = self.file.chunk(place, &mut buffer)?;
                raw = decompressed(&mut decompressor, compressed)
                    .ok_or_else(|| self.file.damaged("a chunk of names does not decompress"))?;
                loaded = Some(index);
                (at, next) = (0, first);
            }
            let mut rest = raw.get(at..).ok_or_else(undecoded)?;
            for _ in next..entry {
                skip_name(&mut rest).and_then(|()| skip_name(&mut rest)).ok_or_else(undecoded)?;
            }
            let source = get_name(&mut rest).ok_or_else(undecoded)?;
            let id = get_name(&mut rest).ok_or_else(undecoded)?;
            (at, next) = (raw.len() - rest.len(), entry + 1);
            each(source, id);
        }
        Ok(())
    }

    /// Reads every byte and every entry.
    ///
    /// # Errors
    /// `Class::Storage` if the file is damaged.
    pub(super) fn verify(&self) -> Result<()> {
        self.file.verify(&self.record)?;
        self.signatures(0..self.entries, |_, _| Ok(()))?;
        self.names(0..self.entries, |_, _| {})
    }

    fn chunk_of(&self, column: &Column, entry: u32) -> Result<usize> {
        let index = column.of(entry).filter(|_| entry < self.entries);
        index.ok_or_else(|| self.file.damaged(format_args!("it has no entry {entry}")))
    }
}

fn parse(mut footer: &[u8]) -> Option<(u32, usize, Column, Column)> {
    let entries = footer.try_get_u32_le().ok()?;
    let k = footer.try_get_u32_le().ok()? as usize;
    let signatures = Column::get(&mut footer)?;
    let names = Column::get(&mut footer)?;
    footer.is_empty().then_some((entries, k, signatures, names))
}

/// The signature at `index` of a chunk of `count` entries: `Some(None)` if it has none, `None` if the chunk is short.
fn signature(payload: &[u8], count: usize, index: usize, k: usize) -> Option<Option<&[u8]>> {
    let (bits, signatures) = payload.split_at_checked(count.div_ceil(8))?;
    let byte = bits.get(index / 8)?;
    if byte >> (index % 8) & 1 == 0 {
        return Some(None);
    }
    let before: u32 = bits[..index / 8].iter().map(|byte| byte.count_ones()).sum();
    let rank = (before + (byte & ((1 << (index % 8)) - 1)).count_ones()) as usize;
    Some(Some(signatures.get(rank * k..(rank + 1) * k)?))
}

/// Appends a length: seven bits a byte, lowest first, the top bit says that more follow.
fn put_len(mut len: usize, out: &mut Vec<u8>) {
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
}

fn decompressed(decompressor: &mut zstd::bulk::Decompressor<'_>, mut payload: &[u8]) -> Option<Vec<u8>> {
    let len = payload.try_get_u32_le().ok()? as usize;
    if len > MAX_NAMES_BYTES {
        return None;
    }
    decompressor.decompress(payload, len).ok()
}

fn get_name<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(get_name_bytes(bytes)?).ok()
}

fn skip_name(bytes: &mut &[u8]) -> Option<()> {
    get_name_bytes(bytes).map(|_| ())
}

fn get_name_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (mut len, mut shift) = (0_usize, 0);
    loop {
        let byte = bytes.try_get_u8().ok()?;
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    let (name, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(name)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_entries_come_back_by_number(
            rows in prop::collection::vec((any::<Option<u64>>(), ".{0,40}", ".{0,300}"), 1..900),
            step in 1_usize..50,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("columns");
            let k = 256;
            let signature = |seed: u64| -> Vec<u8> { (0..k).map(|i| seed.rotate_left(i) as u8).collect() };
            let mut writer = ColumnsWriter::create(&path, 0, k).unwrap();
            for (seed, source, id) in &rows {
                let signature = seed.map(signature);
                writer.push(&NewEntry { hash: 0, signature: signature.as_deref(), source, id }).unwrap();
            }
            let record = writer.finish().unwrap();
            let columns = Columns::open(&path, &record).unwrap();
            columns.verify().unwrap();

            let asked = || (0..rows.len()).step_by(step);
            let mut found = Vec::new();
            columns.signatures(asked().map(|i| i as u32), |entry, signature| {
                found.push((entry, signature.map(<[u8]>::to_vec)));
                Ok(())
            }).unwrap();
            let expected: Vec<_> = asked().map(|i| (i as u32, rows[i].0.map(signature))).collect();
            prop_assert_eq!(found, expected);

            let mut names = Vec::new();
            columns.names(asked().map(|i| i as u32), |source, id| names.push((source.to_owned(), id.to_owned()))).unwrap();
            let expected: Vec<_> = asked().map(|i| (rows[i].1.clone(), rows[i].2.clone())).collect();
            prop_assert_eq!(names, expected);
        }
    }

    #[test]
    fn a_signature_of_another_length_and_an_entry_that_is_not_there_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("columns");
        let mut writer = ColumnsWriter::create(&path, 0, 4).unwrap();
        let entry = |signature| NewEntry { hash: 0, signature, source: "s", id: "i" };
        assert!(writer.push(&entry(Some(b"123"))).unwrap_err().message().contains("3 bytes, not 4"));
        writer.push(&entry(None)).unwrap();
        let columns = Columns::open(&path, &writer.finish().unwrap()).unwrap();
        assert!(columns.names([1], |_, _| {}).unwrap_err().message().contains("no entry 1"));
        assert!(columns.signatures([1], |_, _| Ok(())).is_err());
    }
}
