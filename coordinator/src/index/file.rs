//! A file of an index: written once, read by position, every chunk under a checksum.
//!
//! ```text
//! kind (8 bytes) · chunks · footer, a chunk too · trailer
//! chunk:   payload length u32 · xxh3-64 of the payload u64 · payload
//! trailer: offset of the footer u64 · format version u32 · kind (8 bytes)
//! ```
//!
//! Numbers are little-endian. The file's digest is the xxh3-128 of the checksums of its chunks in order, so that it
//! costs no second pass over the bytes.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};
use serde::{Deserialize, Serialize};
use tamis_common::{Error, Result};
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Eight bytes at both ends of a file that say what it is.
pub(super) type Kind = [u8; 8];

/// Ending of a file that is being written; what a crash leaves behind has it.
pub(super) const UNFINISHED: &str = ".unfinished";

const VERSION: u32 = 1;
const CHUNK_HEAD: u64 = 12;
const TRAILER: u64 = 20;
const BUFFER: usize = 1 << 20;

/// A finished file as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// Its number, from which its name follows.
    pub(super) number: u64,
    /// Its length.
    pub(super) bytes: u64,
    /// Its digest, 32 hex digits.
    pub(super) digest: String,
}

/// Where a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkRef {
    /// Of the chunk's head, from the start of the file.
    pub(super) offset: u64,
    /// Bytes of the payload.
    pub(super) len: u32,
}

impl ChunkRef {
    /// Offset of what follows the chunk; of one that a damaged footer places beyond all files the last there is.
    pub(super) fn end(self) -> u64 {
        self.offset.saturating_add(CHUNK_HEAD + u64::from(self.len))
    }
}

/// The error for a file that is not as it was written.
pub(super) fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::storage(format!("index file `{}` is damaged: {what}", path.display()))
        .with_hint("rebuild the index from the published outputs with `tamis index rebuild`")
}

/// Makes names in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io("sync", folder.display(), e))
}

/// Removes a file that nothing names any more; one that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path.display(), e)),
        _ => Ok(()),
    }
}

/// Whether a file is there and has its length.
///
/// # Errors
/// `Class::Storage` if not.
pub(super) fn check_length(path: &Path, record: &FileRecord) -> Result<()> {
    let bytes = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(damaged(path, "it is missing")),
        Err(e) => return Err(Error::io("stat", path.display(), e)),
    };
    if bytes != record.bytes {
        return Err(damaged(path, format_args!("it has {bytes} bytes, not {}", record.bytes)));
    }
    Ok(())
}

/// Writes a file under a temporary name, which goes when the writer is dropped unfinished.
pub(super) struct FileWriter {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
    number: u64,
    kind: Kind,
    offset: u64,
    digest: Xxh3,
}

impl FileWriter {
    /// Starts the file that will stand at `path`.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn create(path: &Path, number: u64, kind: Kind) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let temporary = tempfile::Builder::new()
            .prefix("")
            .suffix(UNFINISHED)
            .tempfile_in(folder)
            .map_err(|e| Error::io("create a file in", folder.display(), e))?;
        let mut writer = Self {
            out: BufWriter::with_capacity(BUFFER, temporary),
            path: path.to_owned(),
            number,
            kind,
            offset: 0,
            digest: Xxh3::new(),
        };
        writer.write(&kind)?;
        Ok(writer)
    }

    /// Appends a chunk.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn chunk(&mut self, payload: &[u8]) -> Result<ChunkRef> {
        let len = u32::try_from(payload.len())
            .map_err(|_| Error::internal(format!("a chunk of {} bytes is too long", payload.len())))?;
        let place = ChunkRef { offset: self.offset, len };
        let checksum = xxh3_64(payload).to_le_bytes();
        self.digest.update(&checksum);
        self.write(&len.to_le_bytes())?;
        self.write(&checksum)?;
        self.write(payload)?;
        Ok(place)
    }

    /// Ends the file and makes it durable under its name.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn finish(mut self, footer: &[u8]) -> Result<FileRecord> {
        let footer = self.chunk(footer)?;
        let mut trailer = Vec::with_capacity(TRAILER as usize);
        trailer.put_u64_le(footer.offset);
        trailer.put_u32_le(VERSION);
        trailer.put_slice(&self.kind);
        self.write(&trailer)?;
        let path = self.path;
        let temporary =
            self.out.into_inner().map_err(|e| Error::io("write", path.display(), e.into_error()))?;
        temporary.as_file().sync_all().map_err(|e| Error::io("sync", path.display(), e))?;
        temporary.persist(&path).map_err(|e| Error::io("rename to", path.display(), e.error))?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        let digest = format!("{:032x}", self.digest.digest128());
        Ok(FileRecord { number: self.number, bytes: self.offset, digest })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io("write", self.path.display(), e))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// Reads a finished file.
#[derive(Debug)]
pub(super) struct FileReader {
    file: File,
    path: PathBuf,
    bytes: u64,
}

impl FileReader {
    /// Opens the file and reads its footer.
    ///
    /// # Errors
    /// `Class::Storage` if it is missing or damaged.
    pub(super) fn open(path: &Path, record: &FileRecord, kind: Kind) -> Result<(Self, Vec<u8>)> {
        check_length(path, record)?;
        let bytes = record.bytes;
        if bytes < kind.len() as u64 + CHUNK_HEAD + TRAILER {
            return Err(damaged(path, format_args!("{bytes} bytes are too few")));
        }
        let file = File::open(path).map_err(|e| Error::io("open", path.display(), e))?;
        let reader = Self { file, path: path.to_owned(), bytes };
        let mut head = Kind::default();
        reader.read_at(&mut head, 0)?;
        let mut trailer = [0; TRAILER as usize];
        reader.read_at(&mut trailer, bytes - TRAILER)?;
        let mut fields = &trailer[..];
        let footer_at = fields.get_u64_le();
        let version = fields.get_u32_le();
        if head != kind || fields != kind {
            return Err(reader.damaged("its first or last bytes are not those of such a file"));
        }
        if version != VERSION {
            return Err(reader.damaged(format_args!("its version is {version}, not {VERSION}")));
        }
        let footer = reader.footer(footer_at)?;
        Ok((reader, footer))
    }

    /// The payload of a chunk, in `buffer`.
    ///
    /// # Errors
    /// `Class::Storage` if it is damaged.
    pub(super) fn chunk<'b>(&self, place: ChunkRef, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        self.checked_chunk(place, buffer).map(|(_, payload)| payload)
    }

    /// The payload of the chunk that was last read into `buffer`.
    pub(super) fn payload(buffer: &[u8]) -> &[u8] {
        buffer.get(CHUNK_HEAD as usize..).unwrap_or_default()
    }

    /// Reads every chunk, and compares the digest with the recorded one.
    ///
    /// # Errors
    /// `Class::Storage` if it is damaged.
    pub(super) fn verify(&self, record: &FileRecord) -> Result<()> {
        let mut buffer = Vec::new();
        let mut digest = Xxh3::new();
        let mut offset = size_of::<Kind>() as u64;
        while offset < self.bytes - TRAILER {
            let mut len = [0; 4];
            self.read_at(&mut len, offset)?;
            let place = ChunkRef { offset, len: u32::from_le_bytes(len) };
            let (checksum, _) = self.checked_chunk(place, &mut buffer)?;
            digest.update(&checksum.to_le_bytes());
            offset = place.end();
        }
        let found = format!("{:032x}", digest.digest128());
        if found != record.digest {
            return Err(self.damaged(format_args!("its digest is {found}, not {}", record.digest)));
        }
        Ok(())
    }

    /// The error for this file.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        damaged(&self.path, what)
    }

    fn footer(&self, offset: u64) -> Result<Vec<u8>> {
        let end = self.bytes - TRAILER;
        let start = offset.checked_add(CHUNK_HEAD).filter(|start| *start <= end);
        let len = start.and_then(|start| u32::try_from(end - start).ok());
        let Some(len) = len else {
            return Err(self.damaged(format_args!("its footer cannot stand at {offset}")));
        };
        let mut buffer = Vec::new();
        self.chunk(ChunkRef { offset, len }, &mut buffer)?;
        Ok(buffer.split_off(CHUNK_HEAD as usize))
    }

    fn checked_chunk<'b>(&self, place: ChunkRef, buffer: &'b mut Vec<u8>) -> Result<(u64, &'b [u8])> {
        let offset = place.offset;
        if place.end() > self.bytes {
            return Err(self.damaged(format_args!("the chunk at {offset} reaches beyond its end")));
        }
        buffer.resize(CHUNK_HEAD as usize + place.len as usize, 0);
        self.read_at(buffer, offset)?;
        let mut chunk = &buffer[..];
        let len = chunk.get_u32_le();
        let checksum = chunk.get_u64_le();
        if len != place.len || checksum != xxh3_64(chunk) {
            return Err(self.damaged(format_args!("the chunk at {offset} fails its checksum")));
        }
        Ok((checksum, chunk))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(buffer, offset).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => self.damaged("it ends early"),
            _ => Error::io("read", self.path.display(), e),
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const KIND: Kind = *b"TESTFILE";

    fn written(path: &Path) -> (FileRecord, Vec<ChunkRef>) {
        let mut writer = FileWriter::create(path, 7, KIND).unwrap();
        let places = [b"one".as_slice(), b"", b"three"].map(|payload| writer.chunk(payload).unwrap());
        (writer.finish(b"footer").unwrap(), places.to_vec())
    }

    #[test]
    fn chunks_and_footer_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (record, places) = written(&path);
        let (reader, footer) = FileReader::open(&path, &record, KIND).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(footer, b"footer");
        assert_eq!(reader.chunk(places[0], &mut buffer).unwrap(), b"one");
        assert_eq!(reader.chunk(places[1], &mut buffer).unwrap(), b"");
        assert_eq!(reader.chunk(places[2], &mut buffer).unwrap(), b"three");
        reader.verify(&record).unwrap();
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (record, _) = written(&path);
        let sound = fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let error = FileReader::open(&path, &record, KIND)
                .and_then(|(reader, _)| reader.verify(&record))
                .unwrap_err();
            assert_eq!(error.class(), tamis_common::Class::Storage, "byte {at}: {error}");
            assert!(error.hint().unwrap().contains("tamis index rebuild"));
        }
    }

    #[test]
    fn a_missing_or_shorter_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (record, _) = written(&path);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(FileReader::open(&path, &record, KIND).unwrap_err().message().contains("bytes, not"));
        remove(&path).unwrap();
        assert!(FileReader::open(&path, &record, KIND).unwrap_err().message().contains("missing"));
        remove(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = FileWriter::create(&folder.path().join("a"), 0, KIND).unwrap();
        writer.chunk(b"one").unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
