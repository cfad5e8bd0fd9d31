//! Where records stand: sled, or the memory of a test.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use sled::{Batch, Db};
use tamis_common::{Class, Error, Result};

/// What sled may cache: records are few and small.
const CACHE_BYTES: u64 = 16 << 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A key and its new value; `None`: it is removed.
pub(crate) type Write = (Vec<u8>, Option<Vec<u8>>);
/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Ordered keys and their values.
pub(crate) trait Backend: Send + Sync {
    /// Applies all writes, or none. They are durable once [`Backend::sync`] returns.
    fn apply(&self, writes: Vec<Write>) -> Result<()>;

    /// Makes what was applied durable.
    fn sync(&self) -> Result<()>;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// All entries whose key begins so, by key.
    fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<Entry>>;
}

/// Records in a sled database.
pub(super) struct Sled {
    db: Db,
    /// `Db::flush` hands pages to the kernel; syncing this file makes them survive a power cut.
    file: File,
}

impl Sled {
    /// Opens or makes the database below `data_dir`, waiting a moment while another process holds it.
    pub(super) fn open(data_dir: &Path, patience: Duration) -> Result<Self> {
        let path = data_dir.join("state");
        let db = open_db(&path, data_dir, patience)?;
        let file =
            File::open(path.join("db")).map_err(|e| Error::io("open", path.join("db").display(), e))?;
        Ok(Self { db, file })
    }
}

impl Backend for Sled {
    fn apply(&self, writes: Vec<Write>) -> Result<()> {
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.db.apply_batch(batch).map_err(write_error)
    }

    fn sync(&self) -> Result<()> {
        self.db.flush().map_err(write_error)?;
        self.file.sync_all().map_err(|e| Error::io("sync", "state/db", e))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.db.get(key).map_err(read_error)?.map(|value| value.to_vec()))
    }

    fn scan_prefix(&self, prefix: &[u8]) -> Result<Vec<Entry>> {
        let entries = self.db.scan_prefix(prefix);
        entries.map(|e| e.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(read_error)).collect()
    }
}

fn open_db(path: &Path, data_dir: &Path, patience: Duration) -> Result<Db> {
    let start = Instant::now();
    loop {
        // Every change is flushed by hand, before its reply.
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        // sled panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| damaged(format!("sled cannot read `{}`", path.display())))?;
        match opened {
            Ok(db) => return Ok(db),
            Err(e) if is_locked(&e) && start.elapsed() < patience => std::thread::sleep(LOCK_PAUSE),
            Err(e) if is_locked(&e) => {
                return Err(Error::new(
                    Class::Conflict,
                    format!("the data folder `{}` is in use by another process", data_dir.display()),
                )
                .with_hint("stop the other coordinator, or name another folder with --data-dir"));
            }
            Err(sled::Error::Io(e)) => {
                return Err(Error::io("open the state in", data_dir.display(), e));
            }
            Err(e) => {
                return Err(
                    damaged(format!("cannot open the state in `{}`: {e}", path.display())).with_source(e)
                );
            }
        }
    }
}

fn damaged(message: String) -> Error {
    Error::storage(message).with_hint("`tamis recover` makes the state anew from what jobs keep in their work; published outputs are not touched")
}

/// sled 0.34 reports a held lock as an I/O error of kind `Other` that says so.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(e) if e.to_string().contains("could not acquire lock"))
}

fn read_error(error: sled::Error) -> Error {
    Error::storage(format!("cannot read the state: {error}")).with_source(error)
}

fn write_error(error: sled::Error) -> Error {
    match error {
        sled::Error::Io(e) => Error::io("write", "the state", e),
        other => Error::storage(format!("cannot write the state: {other}")).with_source(other),
    }
}
