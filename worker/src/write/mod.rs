//! What emit writes: one writer a file format, each telling name, size and digests of what it wrote.
//!
//! Equal documents in equal order give equal bytes: compression runs on one thread, and nothing of the machine, the
//! job or the time is written.

mod drops;
mod jsonl_zst;
mod line;
mod megatron;
mod npy;
mod parquet;
mod parquet_tokens;

use tamis_common::Result;
use tamis_common::artefact::{FileEntry, Survivor};
use tamis_common::ids::ShardId;
use tamis_common::spec::{TextFormat, TokenFormat};
use tamis_common::storage::{Storage, Uri};

pub use self::parquet::ParquetWriter;
pub use self::parquet_tokens::ParquetTokensWriter;
pub use drops::DropsFile;
pub use jsonl_zst::JsonlZstWriter;
pub use megatron::{MegatronWriter, TokenWidth};
pub use npy::NpyWriter;

/// Writes the texts of a shard. Dropped without `finish`, it leaves nothing visible.
pub trait TextWriter {
    /// Appends one document.
    ///
    /// # Errors
    /// Of the store.
    fn push(&mut self, document: &Survivor<'_>) -> Result<()>;

    /// Ends the file, also one without documents.
    ///
    /// # Errors
    /// Of the store.
    fn finish(self: Box<Self>) -> Result<FileEntry>;
}

/// Writes the token ids of a shard. Dropped without `finish`, it leaves nothing visible.
pub trait TokenWriter {
    /// Appends one document with its ids.
    ///
    /// # Errors
    /// Of the store; `Class::Internal` for an id beyond the vocabulary's width.
    fn push(&mut self, document: &Survivor<'_>, ids: &[u32]) -> Result<()>;

    /// Ends the files, also those without documents.
    ///
    /// # Errors
    /// Of the store.
    fn finish(self: Box<Self>) -> Result<Vec<FileEntry>>;
}

/// The place of a file below the folder of an attempt: `text/part-00042.jsonl.zst`.
fn part_name(folder: &str, shard: ShardId, extension: &str) -> String {
    format!("{folder}/part-{shard}.{extension}")
}

/// The writer of a text format below `work`; `None` for no text. `level` is zstd's.
///
/// # Errors
/// As [`Storage::create`].
pub fn text_writer(
    format: TextFormat,
    storage: &Storage,
    work: &Uri,
    shard: ShardId,
    level: i32,
) -> Result<Option<Box<dyn TextWriter>>> {
    Ok(match format {
        TextFormat::JsonlZst => Some(Box::new(JsonlZstWriter::create(
            storage,
            work,
            part_name("text", shard, "jsonl.zst"),
            level,
        )?)),
        TextFormat::Parquet => {
            Some(Box::new(ParquetWriter::create(storage, work, part_name("text", shard, "parquet"), level)?))
        }
        TextFormat::None => None,
    })
}

/// The writer of a token format below `work` for a vocabulary of `vocab_size`; `None` for no tokens. `level` is zstd's,
/// where the format compresses.
///
/// # Errors
/// As [`Storage::create`].
pub fn token_writer(
    format: TokenFormat,
    storage: &Storage,
    work: &Uri,
    shard: ShardId,
    vocab_size: usize,
    level: i32,
) -> Result<Option<Box<dyn TokenWriter>>> {
    let stem = format!("tokens/part-{shard}");
    Ok(match format {
        TokenFormat::Npy => Some(Box::new(NpyWriter::create(storage, work, stem, vocab_size)?)),
        TokenFormat::Parquet => {
            Some(Box::new(ParquetTokensWriter::create(storage, work, format!("{stem}.parquet"), level)?))
        }
        TokenFormat::Megatron => {
            let width = TokenWidth::for_vocabulary(vocab_size);
            Some(Box::new(MegatronWriter::create(storage, work, &stem, width)?))
        }
        TokenFormat::None => None,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use tamis_common::artefact::Survivor;
    use tamis_common::storage::{Storage, Uri};

    pub(crate) use crate::write::megatron::tests::read_indexed_dataset;

    /// For formats that hold only ids.
    pub(crate) const NO_DOCUMENT: Survivor<'static> =
        Survivor { record: 0, offset: 0, id: "", text: "", extra: "" };

    /// A store on a new folder; the runtime is only there to be had.
    pub(crate) struct Fixture {
        pub(crate) storage: Storage,
        pub(crate) work: Uri,
        folder: tempfile::TempDir,
        _runtime: tokio::runtime::Runtime,
    }

    impl Fixture {
        pub(crate) fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let storage = Storage::new(runtime.handle().clone());
            let work = Uri::from_path(folder.path()).unwrap();
            Self { storage, work, folder, _runtime: runtime }
        }

        pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
            std::fs::read(self.folder.path().join(name)).unwrap()
        }
    }
}
