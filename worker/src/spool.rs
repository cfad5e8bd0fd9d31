//! Token ids of many documents, out of memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, Write as _};

use tamis_common::{Error, Result};

const BUFFER: usize = 256 << 10;
const WHERE: &str = "a temporary file of token ids";

/// Ids being written, document after document.
pub(crate) struct Spool {
    file: BufWriter<File>,
    bytes: Vec<u8>,
}

impl Spool {
    /// # Errors
    /// `Class::Storage` or `Class::Resource` if there is no temporary folder.
    pub(crate) fn create() -> Result<Self> {
        let file = tempfile::tempfile().map_err(|e| Error::io("create", WHERE, e))?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), bytes: Vec::new() })
    }

    /// # Errors
    /// Of the disk.
    pub(crate) fn push(&mut self, ids: &[u32]) -> Result<()> {
        self.bytes.clear();
        self.bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        self.file.write_all(&self.bytes).map_err(|e| Error::io("write", WHERE, e))
    }

    /// All ids from the first on.
    ///
    /// # Errors
    /// Of the disk.
    pub(crate) fn read(self) -> Result<SpoolReader> {
        let mut file = self.file.into_inner().map_err(|e| Error::io("write", WHERE, e.into_error()))?;
        file.rewind().map_err(|e| Error::io("read", WHERE, e))?;
        Ok(SpoolReader { file: BufReader::with_capacity(BUFFER, file), bytes: self.bytes })
    }
}

/// Ids being read in the order in which they were written.
pub(crate) struct SpoolReader {
    file: BufReader<File>,
    bytes: Vec<u8>,
}

impl SpoolReader {
    /// Replaces `ids` by the next `count`.
    ///
    /// # Errors
    /// Of the disk.
    pub(crate) fn next(&mut self, count: usize, ids: &mut Vec<u32>) -> Result<()> {
        self.bytes.resize(4 * count, 0);
        self.file.read_exact(&mut self.bytes).map_err(|e| Error::io("read", WHERE, e))?;
        ids.clear();
        ids.extend(self.bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        Ok(())
    }
}
