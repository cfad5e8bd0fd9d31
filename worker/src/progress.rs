//! How far a task has come, and whether it should go on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tamis_common::{Class, Error, Result};

/// Shared between a task and the heartbeat that reports it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read so far.
    pub bytes_done: AtomicU64,
    /// Records read so far.
    pub records_done: AtomicU64,
    /// Set from outside: the task should stop at its next check.
    pub cancelled: AtomicBool,
}

impl Progress {
    /// Whether to go on.
    ///
    /// # Errors
    /// `Class::Cancelled` once the flag is set.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::new(Class::Cancelled, "the task was cancelled"));
        }
        Ok(())
    }

    /// Adds what was done since the last call.
    pub fn advance(&self, bytes: u64, records: u64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
        self.records_done.fetch_add(records, Ordering::Relaxed);
    }
}
