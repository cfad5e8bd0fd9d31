//! The disk of a simulated coordinator: what is durable outlives the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_common::{Class, Error, Result};

use crate::store::{Backend, Blobs, Entry, Shelf, Store, Write};

/// What happens at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// The process dies before the write is durable.
    DieBefore,
    /// The process dies when the write is durable, before anyone hears of it.
    DieAfter,
    /// The disk refuses; nothing is written.
    Refuse,
    /// The disk reports an error, though the write is durable.
    RefuseWritten,
}

#[derive(Default)]
struct Content {
    /// What the process sees.
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What another one would find.
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Changes that are applied and not synced.
    pending: Vec<Vec<Write>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Durable changes that nobody has looked at.
    journal: Vec<Vec<Write>>,
    /// Whose process may write: counted up when it dies.
    process: u64,
    /// The strike, and how many writes go well before it.
    strike: Option<(u32, Strike)>,
    /// The process hit a strike of the disk: what it has in memory may lag behind.
    is_uncertain: bool,
}

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Content>>);

impl Disk {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store for a new process; those before it are dead.
    pub(super) fn open(&self) -> Result<Store> {
        let mut content = self.content();
        content.process += 1;
        content.strike = None;
        content.is_uncertain = false;
        content.pending.clear();
        content.records = content.durable.clone();
        let handle = Handle { disk: self.clone(), process: content.process };
        drop(content);
        Store::of(Box::new(handle.clone()), Blobs::of(Box::new(handle)))
    }

    /// The process dies: from now on it writes nothing.
    pub(super) fn kill(&self) {
        self.content().process += 1;
    }

    pub(super) fn process(&self) -> u64 {
        self.content().process
    }

    pub(super) fn strike(&self, after_writes: u32, strike: Option<Strike>) {
        self.content().strike = strike.map(|strike| (after_writes, strike));
    }

    pub(super) fn is_uncertain(&self) -> bool {
        self.content().is_uncertain
    }

    pub(super) fn take_journal(&self) -> Vec<Vec<Write>> {
        std::mem::take(&mut self.content().journal)
    }
}

fn set(records: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: &[Write]) {
    for (key, value) in writes {
        match value {
            Some(value) => records.insert(key.clone(), value.clone()),
            None => records.remove(key),
        };
    }
}

#[derive(Clone)]
struct Handle {
    disk: Disk,
    process: u64,
}

impl Handle {
    /// Writes, unless the process is dead or a strike comes.
    fn write(&self, apply: impl FnOnce(&mut Content)) -> Result<()> {
        let mut content = self.disk.content();
        if content.process != self.process {
            return Err(Error::storage("the process is dead"));
        }
        let strike = match &mut content.strike {
            Some((0, strike)) => Some(*strike),
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        };
        let Some(strike) = strike else {
            apply(&mut content);
            return Ok(());
        };
        content.strike = None;
        if matches!(strike, Strike::DieAfter | Strike::RefuseWritten) {
            apply(&mut content);
        }
        match strike {
            Strike::DieBefore | Strike::DieAfter => content.process += 1,
            Strike::Refuse | Strike::RefuseWritten => content.is_uncertain = true,
        }
        Err(Error::storage(format!("the disk was struck: {strike:?}")))
    }
}

impl Backend for Handle {
    fn apply(&self, writes: Vec<Write>) -> Result<()> {
        let mut content = self.disk.content();
        if content.process != self.process {
            return Err(Error::storage("the process is dead"));
        }
        set(&mut content.records, &writes);
        content.pending.push(writes);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.write(|content| {
            for writes in std::mem::take(&mut content.pending) {
                set(&mut content.durable, &writes);
                content.journal.push(writes);
            }
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.disk.content().records.get(key).cloned())
    }

    fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<Entry>> {
        let content = self.disk.content();
        let entries = content.records.range(prefix.to_vec()..);
        let entries = entries.take_while(|(key, _)| key.starts_with(prefix));
        Ok(entries.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl Shelf for Handle {
    fn put(&self, digest: &str, bytes: &[u8]) -> Result<()> {
        if self.disk.content().blobs.contains_key(digest) {
            return Ok(());
        }
        self.write(|content| {
            content.blobs.insert(digest.to_owned(), bytes.to_vec());
        })
    }

    fn get(&self, digest: &str) -> Result<Vec<u8>> {
        let content = self.disk.content();
        let bytes = content.blobs.get(digest).cloned();
        bytes.ok_or_else(|| Error::new(Class::NotFound, format!("no blob `{digest}`")))
    }
}
