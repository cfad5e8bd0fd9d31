//! The files of a job that enters an index: its columns and its own run, written before anybody sees them.

use std::path::{Path, PathBuf};

use tamis_common::dedup::DedupParams;
use tamis_common::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use super::block::Entry;
use super::columns::{self, ColumnsWriter};
use super::file::{FileRecord, sync_folder};
use super::run::{self, RunWriter, Segments};
use super::{EntrySource, NewEntry};

/// Hashes sorted at once, 24 bytes each: a larger job is read once a share of this size.
const MOST_HASHES: u64 = 16 << 20;

/// Names of the files of one index.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    index: u32,
}

impl Folder {
    /// Of the index with a number, in the folder of all.
    pub(super) fn new(path: &Path, index: u32) -> Self {
        Self { path: path.to_owned(), index }
    }

    /// The run with a number.
    pub(super) fn run(&self, number: u64) -> PathBuf {
        self.file(number, run::ENDING)
    }

    /// The columns with a number.
    pub(super) fn columns(&self, number: u64) -> PathBuf {
        self.file(number, columns::ENDING)
    }

    /// Makes the names of its files durable.
    pub(super) fn sync(&self) -> Result<()> {
        sync_folder(&self.path)
    }

    fn file(&self, number: u64, ending: &str) -> PathBuf {
        self.path.join(format!("{:04}-{number:08}{ending}", self.index))
    }
}

/// A job whose files are durable.
#[derive(Debug)]
pub(super) struct JobFiles {
    /// Digest of its documents, 32 hex digits.
    pub(super) content: String,
    /// Columns and run; `None` for a job without documents.
    pub(super) files: Option<(FileRecord, FileRecord)>,
}

/// Writes the files of a job with `documents` documents; `numbers` are those of its columns and its run.
///
/// # Errors
/// Of the file system and of `entries`; `Class::Internal` if these are not as promised.
pub(super) fn write_job(
    folder: &Folder,
    params: &DedupParams,
    (ordinal, documents): (u32, u64),
    numbers: (u64, u64),
    entries: &dyn EntrySource,
) -> Result<JobFiles> {
    let count = u32::try_from(documents).map_err(|_| {
        Error::spec(format!("a job may enter at most {} documents into an index, got {documents}", u32::MAX))
    })?;
    let shares = documents.div_ceil(MOST_HASHES).max(1);
    let mut hashes = Vec::new();
    let mut digest = Xxh3::new();
    let mut columns = ColumnsWriter::create(&folder.columns(numbers.0), numbers.0, params.k)?;
    let found = for_each(entries, |row, entry| {
        add_to_digest(&mut digest, entry);
        columns.push(entry)?;
        collect_hash(row, entry, (0, shares), &mut hashes);
        Ok(())
    })?;
    if found != documents {
        return Err(Error::internal(format!("a job of {documents} documents enters {found} into the index")));
    }
    let content = format!("{:032x}", digest.digest128());
    if count == 0 {
        return Ok(JobFiles { content, files: None });
    }
    let columns = columns.finish()?;

    let mut run = RunWriter::create(&folder.run(numbers.1), numbers.1)?;
    run.list(|list| {
        for share in 0..shares {
            if share > 0 {
                hashes.clear();
                for_each(entries, |row, entry| {
                    collect_hash(row, entry, (share, shares), &mut hashes);
                    Ok(())
                })?;
            }
            hashes.sort_unstable();
            hashes.iter().try_for_each(|entry| list.push(*entry))?;
        }
        Ok(())
    })?;
    drop(hashes);
    let mut rows = Vec::new();
    for band in 0..params.bands {
        rows.clear();
        entries.band(band, &mut rows)?;
        run.list(|list| {
            for (key, row) in &rows {
                if *row >= count {
                    return Err(Error::internal(format!("band {band} names document {row} of {count}")));
                }
                list.push(Entry { high: *key, low: 0, row: *row })?;
            }
            Ok(())
        })?;
    }
    let run = run.finish(&Segments::number([(ordinal, count)]))?;
    Ok(JobFiles { content, files: Some((columns, run)) })
}

fn for_each(
    entries: &dyn EntrySource,
    mut each: impl FnMut(u32, &NewEntry<'_>) -> Result<()>,
) -> Result<u64> {
    let mut count = 0_u64;
    entries.documents(&mut |entry| {
        each(count as u32, &entry)?;
        count += 1;
        Ok(())
    })?;
    Ok(count)
}

fn collect_hash(row: u32, entry: &NewEntry<'_>, (share, shares): (u64, u64), hashes: &mut Vec<Entry>) {
    let high = (entry.hash >> 64) as u64;
    if (u128::from(high) * u128::from(shares)) >> 64 == u128::from(share) {
        hashes.push(Entry { high, low: entry.hash as u64, row });
    }
}

fn add_to_digest(digest: &mut Xxh3, entry: &NewEntry<'_>) {
    // Lengths go first, so that no two documents run together.
    let mut head = [0; 28];
    head[..16].copy_from_slice(&entry.hash.to_le_bytes());
    head[16..20].copy_from_slice(&entry.signature.map_or(u32::MAX, |s| s.len() as u32).to_le_bytes());
    head[20..24].copy_from_slice(&(entry.source.len() as u32).to_le_bytes());
    head[24..].copy_from_slice(&(entry.id.len() as u32).to_le_bytes());
    digest.update(&head);
    digest.update(entry.signature.unwrap_or_default());
    digest.update(entry.source.as_bytes());
    digest.update(entry.id.as_bytes());
}
