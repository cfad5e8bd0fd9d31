//! The published drops of a shard: Parquet, with a digest of the content beside that of the bytes.

use sha2::{Digest as _, Sha256};
use tamis_common::artefact::{Drop, DropsWriter, FileEntry};
use tamis_common::ids::ShardId;
use tamis_common::storage::{Storage, Uri, hex};
use tamis_common::{Error, Result};

use super::part_name;

/// Writes drops in record order. The content is hashed as JSON lines.
pub struct DropsFile {
    name: String,
    writer: DropsWriter,
    content: Sha256,
    line: Vec<u8>,
    records: u64,
}

impl DropsFile {
    /// Starts `drops/part-NNNNN.parquet` below `work`.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri, shard: ShardId) -> Result<Self> {
        let name = part_name("drops", shard, "parquet");
        let writer = DropsWriter::create(storage, &work.join(&name))?;
        Ok(Self { name, writer, content: Sha256::new(), line: Vec::new(), records: 0 })
    }

    /// Appends one drop.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, drop: &Drop) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, drop)
            .map_err(|e| Error::internal(format!("a drop does not become JSON: {e}")).with_source(e))?;
        self.line.push(b'\n');
        self.content.update(&self.line);
        self.records += 1;
        self.writer.push(drop)
    }

    /// Ends the file, also one without drops.
    ///
    /// # Errors
    /// Of the store.
    pub fn finish(self) -> Result<FileEntry> {
        Ok(FileEntry {
            name: self.name,
            written: self.writer.finish()?,
            content_sha256: Some(hex(&self.content.finalize())),
            records: self.records,
        })
    }
}
