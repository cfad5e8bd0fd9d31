//! The global dedup index: what was published before, by hash, LSH key and signature.

mod archive;
mod bits;
mod block;
mod catalogue;
mod check;
mod columns;
mod enter;
mod file;
mod filter;
mod indexes;
mod list;
mod local;
mod merge;
pub mod probe;
mod run;
mod walk;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;

pub use check::{Checker, Match};
pub use indexes::Indexes;

use tamis_common::Result;
use tamis_common::artefact::BandRow;
use tamis_common::dedup::DedupParams;
use tamis_common::ids::{DocRef, JobId};

/// A document in an index: the ordinal of its job in the index, and its ordinal within the job. Earlier jobs
/// order first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryRef {
    /// Ordinal of the job, from 0, never reused.
    pub job: u32,
    /// Ordinal of the document among the job's published ones, in canonical order.
    pub entry: u32,
}

/// What a user wants to know of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// The job that published it.
    pub job: JobId,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
}

/// A job in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexJob {
    /// The job.
    pub job: JobId,
    /// What people call it.
    pub name: String,
    /// Documents it published.
    pub documents: u64,
    /// Milliseconds since the Unix epoch.
    pub published_at_ms: u64,
}

/// An index at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexStats {
    /// Its name.
    pub name: String,
    /// Its pinned parameters.
    pub params: DedupParams,
    /// Live documents.
    pub documents: u64,
    /// Bytes of all live run files.
    pub bytes: u64,
    /// Live run files.
    pub runs: u32,
    /// Jobs in the order of publication.
    pub jobs: Vec<IndexJob>,
    /// SHA-256 over the live jobs and their content digests, in hex; independent of how runs were merged.
    pub state_digest: String,
}

/// A published document on its way into an index.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// xxh3-128 of the match text.
    pub hash: u128,
    /// Its signature, `k` bytes, unless it is shorter than a shingle.
    pub signature: Option<&'a [u8]>,
    /// Its source.
    pub source: &'a str,
    /// Its id.
    pub id: &'a str,
}

/// Where `publish` takes a job's documents from: read as often as needed, never all in memory.
pub trait EntrySource {
    /// Calls `each` for every document in canonical order; the ordinal is the number of the call.
    ///
    /// # Errors
    /// Of the store, or of `each`.
    fn documents(&self, each: &mut dyn FnMut(NewEntry<'_>) -> Result<()>) -> Result<()>;

    /// Appends `(key, ordinal)` of every document with a signature in `band`, sorted.
    ///
    /// # Errors
    /// Of the store.
    fn band(&self, band: u32, rows: &mut Vec<(u64, u32)>) -> Result<()>;
}

/// One named index. Lookups see exactly the jobs whose publish record is flushed.
pub trait DedupIndex: Send + Sync {
    /// The index at a glance.
    ///
    /// # Errors
    /// Of the store.
    fn stats(&self) -> Result<IndexStats>;

    /// Calls `hit` for every document whose hash stands in the index. `rows` are sorted by hash.
    ///
    /// # Errors
    /// Of the store.
    fn lookup_hashes(&self, rows: &[(u128, DocRef)], hit: &mut dyn FnMut(DocRef, EntryRef)) -> Result<()>;

    /// Calls `hit` for every pair of a document and an entry that share the key in `band`. `rows` are sorted.
    ///
    /// # Errors
    /// Of the store.
    fn lookup_band(&self, band: u32, rows: &[BandRow], hit: &mut dyn FnMut(DocRef, EntryRef)) -> Result<()>;

    /// Calls `each` with the signature of every entry, which are sorted and distinct and have one.
    ///
    /// # Errors
    /// Of the store.
    fn signatures(
        &self,
        entries: &[EntryRef],
        each: &mut dyn FnMut(EntryRef, &[u8]) -> Result<()>,
    ) -> Result<()>;

    /// What a user wants to know of entries, which are sorted and distinct; in their order.
    ///
    /// # Errors
    /// Of the store.
    fn infos(&self, entries: &[EntryRef]) -> Result<Vec<EntryInfo>>;

    /// Enters a job's documents: invisible until all is durable, then visible at once. Repeating it for a job that
    /// is in the index changes nothing.
    ///
    /// # Errors
    /// Of the store.
    fn publish(&self, job: &IndexJob, entries: &dyn EntrySource) -> Result<()>;

    /// Removes a job's documents. No error if the job is not in the index.
    ///
    /// # Errors
    /// Of the store.
    fn forget(&self, job: &JobId) -> Result<()>;
}
