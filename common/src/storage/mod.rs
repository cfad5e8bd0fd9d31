//! One blocking face for local disks and object stores: list, read ranges, write then publish.
//!
//! Calls block and must not run on the async threads. What was written is durable when `finish` returns: a local
//! file and its folder are synced.

mod local;
mod reader;
mod uri;
mod writer;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use reader::ObjectReader;
pub use uri::Uri;
pub use writer::{ObjectWriter, Written, hex};

use crate::error::{Error, Result};

/// What a store says of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectMeta {
    /// The object.
    pub uri: Uri,
    /// Bytes.
    pub size: u64,
    /// An entity tag, or modification time and inode for local files: another version has another text.
    pub version: String,
}

/// Access to all stores. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    /// Runs the requests of object stores.
    #[expect(dead_code, reason = "object stores come next")]
    runtime: tokio::runtime::Handle,
}

impl Storage {
    /// Storage whose object-store requests run on `runtime`.
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { inner: Arc::new(Inner { runtime }) }
    }

    /// Objects that a pattern names: a file, a folder (everything below it, hidden files aside) or a glob
    /// (`*`, `?`, `[…]`, `{a,b}`, `**`). Sorted by URI.
    ///
    /// # Errors
    /// `Class::NotFound` if the pattern matches nothing.
    pub fn expand(&self, pattern: &str) -> Result<Vec<ObjectMeta>> {
        local::expand(&Uri::parse(pattern)?)
    }

    /// What the store says of one object.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn head(&self, uri: &Uri) -> Result<ObjectMeta> {
        local::head(uri)
    }

    /// Opens an object for ranged reads.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn open(&self, uri: &Uri) -> Result<ObjectReader> {
        ObjectReader::open_local(uri)
    }

    /// A whole small object.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn read(&self, uri: &Uri) -> Result<Vec<u8>> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        self.open(uri)?
            .stream(0)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::io("read", uri, e))?;
        Ok(bytes)
    }

    /// Starts writing an object; nothing is visible before `finish`.
    ///
    /// # Errors
    /// `Class::Permission`, `Class::Resource` or `Class::Storage`.
    pub fn create(&self, uri: &Uri) -> Result<ObjectWriter> {
        ObjectWriter::create_local(uri)
    }

    /// Writes a whole small object, replacing what is there.
    ///
    /// # Errors
    /// As `create`.
    pub fn put(&self, uri: &Uri, bytes: &[u8]) -> Result<Written> {
        use std::io::Write as _;
        let mut writer = self.create(uri)?;
        writer.write_all(bytes).map_err(|e| Error::io("write", uri, e))?;
        writer.finish()
    }

    /// Moves an object to its published place: a rename on one local disk, else a copy. Repeating it after it was
    /// done is no error.
    ///
    /// # Errors
    /// `Class::NotFound` if neither place holds the object.
    pub fn publish(&self, from: &Uri, to: &Uri) -> Result<()> {
        local::publish(from, to)
    }

    /// Whether anything stands below a folder.
    ///
    /// # Errors
    /// `Class::Permission` or `Class::Storage`.
    pub fn is_empty(&self, folder: &Uri) -> Result<bool> {
        local::is_empty(folder)
    }

    /// Removes everything below a folder, and the folder. No error if it is not there.
    ///
    /// # Errors
    /// `Class::Permission` or `Class::Storage`.
    pub fn remove(&self, folder: &Uri) -> Result<()> {
        local::remove(folder)
    }

    /// Free bytes on the disk that holds (or would hold) a local folder; `None` for object stores.
    ///
    /// # Errors
    /// `Class::Storage` if the file system does not answer.
    pub fn free_bytes(&self, folder: &Uri) -> Result<Option<u64>> {
        local::free_bytes(folder)
    }
}
