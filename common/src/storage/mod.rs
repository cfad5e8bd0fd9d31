//! One blocking face for local disks and object stores: list, read ranges, write then publish.
//!
//! Calls block and must not run on the async threads: object-store requests run on the runtime that was given, and
//! the caller waits for them. What was written is durable when `finish` returns: a local file and its folder are
//! synced.

mod glob;
mod local;
mod reader;
mod roots;
mod s3;
#[cfg(test)]
mod tests;
mod uri;
mod writer;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use local::{Disk, KEPT_FREE, check_room};
pub use reader::ObjectReader;
pub use roots::{Access, Roots, resolve};
pub use uri::Uri;
pub use writer::{ObjectWriter, Written, hex};

use self::s3::{Bucket, Buckets};
use crate::error::{Class, Error, Result};

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
    buckets: Buckets,
    /// Where anything may be done; `None`: everywhere.
    roots: Option<Roots>,
}

impl Storage {
    /// Storage whose object-store requests run on `runtime`, which must be multi-threaded and outlive their use.
    ///
    /// Buckets are reached with what the environment says: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP` and their like.
    pub fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { inner: Arc::new(Inner { buckets: Buckets::new(runtime), roots: None }) }
    }

    /// As [`Storage::new`], but only below `roots`: whatever lies elsewhere is refused with `Class::Permission`.
    pub fn within(runtime: tokio::runtime::Handle, roots: Roots) -> Self {
        Self { inner: Arc::new(Inner { buckets: Buckets::new(runtime), roots: Some(roots) }) }
    }

    /// Refuses what lies outside of the allowed roots.
    ///
    /// # Errors
    /// `Class::Permission` that names the object and the roots.
    pub fn check(&self, access: Access, uri: &Uri) -> Result<()> {
        self.inner.roots.as_ref().map_or(Ok(()), |roots| roots.check(access, uri))
    }

    /// As [`Storage::check`], for what a spec or a caller names: the work of the process is none of that.
    ///
    /// # Errors
    /// As [`Storage::check`].
    pub fn check_named(&self, access: Access, uri: &Uri) -> Result<()> {
        self.inner.roots.as_ref().map_or(Ok(()), |roots| roots.check_named(access, uri))
    }

    /// As [`Storage::expand`], for a pattern that a spec names: work of the process that it meets is refused, too.
    ///
    /// # Errors
    /// As [`Storage::expand`] and [`Storage::check_pattern`].
    pub fn expand_named(&self, pattern: &str) -> Result<Vec<ObjectMeta>> {
        self.check_pattern(pattern)?;
        let found = self.expand(pattern)?;
        found.iter().try_for_each(|meta| self.check_named(Access::Read, &meta.uri))?;
        Ok(found)
    }

    /// Refuses a pattern that a spec names if its folder, the part before the first special character, lies outside of
    /// the allowed roots.
    ///
    /// # Errors
    /// `Class::Permission`; `Class::Spec` for a broken pattern.
    pub fn check_pattern(&self, pattern: &str) -> Result<()> {
        check_folders(&Uri::parse(pattern)?, |folder| self.check_named(Access::Read, folder))
    }

    /// The bucket of an `s3` URI; `None` for local ones.
    fn bucket(&self, uri: &Uri) -> Result<Option<Bucket>> {
        match uri.bucket_and_key() {
            Some(_) => self.inner.buckets.of(uri).map(Some),
            None => Ok(None),
        }
    }

    /// Objects that a pattern names: a file, a folder (everything below it, hidden files aside) or a glob
    /// (`*`, `?`, `[…]`, `{a,b}`, `**`; it must match whole paths of objects or, if it matches none,
    /// whole paths of folders, which again means everything below them). Sorted by URI.
    ///
    /// # Errors
    /// `Class::NotFound` if the pattern matches nothing; `Class::Spec` for a broken pattern or a name that is no
    /// UTF-8; `Class::Permission` for a folder that cannot be read.
    pub fn expand(&self, pattern: &str) -> Result<Vec<ObjectMeta>> {
        let pattern = Uri::parse(pattern)?;
        check_folders(&pattern, |folder| self.check(Access::Read, folder))?;
        let found = match self.bucket(&pattern)? {
            Some(bucket) => bucket.expand(&pattern)?,
            None => local::expand(&pattern)?,
        };
        // A link may lead out of the folder that was searched.
        found.iter().try_for_each(|meta| self.check(Access::Read, &meta.uri))?;
        Ok(found)
    }

    /// Every object below a folder, hidden and half-written ones too, sorted by URI. Empty if it is not there.
    ///
    /// # Errors
    /// `Class::Permission` or `Class::Storage`.
    pub fn list(&self, folder: &Uri) -> Result<Vec<ObjectMeta>> {
        self.check(Access::Read, folder)?;
        match self.bucket(folder)? {
            Some(bucket) => bucket.list(folder),
            None => local::list(folder),
        }
    }

    /// What the store says of one object.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn head(&self, uri: &Uri) -> Result<ObjectMeta> {
        self.check(Access::Read, uri)?;
        match self.bucket(uri)? {
            Some(bucket) => bucket.head(uri),
            None => local::head(uri),
        }
    }

    /// When an object was last written, by the clock of its store.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn modified(&self, uri: &Uri) -> Result<SystemTime> {
        self.check(Access::Read, uri)?;
        match self.bucket(uri)? {
            Some(bucket) => bucket.modified(uri),
            None => local::modified(uri),
        }
    }

    /// Opens an object for ranged reads.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn open(&self, uri: &Uri) -> Result<ObjectReader> {
        self.check(Access::Read, uri)?;
        match self.bucket(uri)? {
            Some(bucket) => ObjectReader::open_s3(bucket, uri),
            None => ObjectReader::open_local(uri),
        }
    }

    /// A whole small object.
    ///
    /// # Errors
    /// `Class::NotFound` if it is not there.
    pub fn read(&self, uri: &Uri) -> Result<Vec<u8>> {
        let object = self.open(uri)?;
        let size = usize::try_from(object.size()).unwrap_or(usize::MAX);
        Ok(object.range(0, size)?.into())
    }

    /// Starts writing an object; nothing is visible before `finish`.
    ///
    /// # Errors
    /// `Class::Permission`, `Class::Resource` or `Class::Storage`.
    pub fn create(&self, uri: &Uri) -> Result<ObjectWriter> {
        self.check(Access::Write, uri)?;
        match self.bucket(uri)? {
            Some(bucket) => ObjectWriter::create_s3(bucket, uri),
            None => ObjectWriter::create_local(uri),
        }
    }

    /// Writes a whole small object, replacing what is there.
    ///
    /// # Errors
    /// As `create`.
    pub fn put(&self, uri: &Uri, bytes: &[u8]) -> Result<Written> {
        let mut writer = self.create(uri)?;
        writer.write_all(bytes).map_err(|e| Error::io("write", uri, e))?;
        writer.finish()
    }

    /// Writes a whole small object if nothing has its name, at once or not at all; of several callers one gets
    /// `true`. A request to an object store whose answer was lost may have written and still say `false`.
    ///
    /// # Errors
    /// As `create`.
    pub fn put_if_absent(&self, uri: &Uri, bytes: &[u8]) -> Result<bool> {
        self.check(Access::Write, uri)?;
        match self.bucket(uri)? {
            Some(bucket) => bucket.put_if_absent(uri, bytes),
            None => local::put_if_absent(uri, bytes),
        }
    }

    /// Moves an object to its published place: a rename on one local disk, else a copy, within the store where that
    /// is possible. Repeating it after it was done is no error.
    ///
    /// # Errors
    /// `Class::NotFound` if neither place holds the object.
    pub fn publish(&self, from: &Uri, to: &Uri) -> Result<()> {
        [from, to].iter().try_for_each(|uri| self.check(Access::Write, uri))?;
        let (source, target) = (self.bucket(from)?, self.bucket(to)?);
        if source.is_none() && target.is_none() {
            return local::publish(from, to);
        }
        let meta = match self.head(from) {
            Ok(meta) => meta,
            Err(e) if e.class() == Class::NotFound => {
                // Done before, or never there: then the error names where it should have come from.
                return self.head(to).map(drop).map_err(|_| e);
            }
            Err(e) => return Err(e),
        };
        if let (Some(source), Some(target)) = (&source, &target)
            && source.same_as(target)
            && source.publish(from, to, meta.size)?
        {
            return Ok(());
        }
        let mut writer = self.create(to)?;
        io::copy(&mut self.open(from)?.stream(0), &mut writer).map_err(|e| Error::io("copy to", to, e))?;
        writer.finish()?;
        self.remove(from)
    }

    /// Whether nothing stands below a folder.
    ///
    /// # Errors
    /// `Class::Permission` or `Class::Storage`.
    pub fn is_empty(&self, folder: &Uri) -> Result<bool> {
        self.check(Access::Read, folder)?;
        match self.bucket(folder)? {
            Some(bucket) => bucket.is_empty(folder),
            None => local::is_empty(folder),
        }
    }

    /// Removes everything below a folder, and the folder; or one object. No error if it is not there.
    ///
    /// # Errors
    /// `Class::Permission` or `Class::Storage`.
    pub fn remove(&self, folder: &Uri) -> Result<()> {
        self.check(Access::Write, folder)?;
        match self.bucket(folder)? {
            Some(bucket) => bucket.remove(folder),
            None => local::remove(folder),
        }
    }

    /// Makes sure that objects can be written below a folder, by writing one and removing it.
    ///
    /// # Errors
    /// `Class::Permission`, `Class::Resource` or `Class::Storage`, naming the folder.
    pub fn check_writable(&self, folder: &Uri) -> Result<()> {
        let probe = folder.join(&format!(".tamis-probe-{}", std::process::id()));
        let written = self.put(&probe, b"").and_then(|_| self.remove(&probe));
        written.map_err(|e| {
            let hint =
                "check that the folder, or the nearest one above it, is a folder and may be written to";
            e.context(format!("cannot write below `{folder}`")).with_hint(hint)
        })
    }

    /// Free bytes on the disk that holds (or would hold) a local folder; `None` for object stores.
    ///
    /// # Errors
    /// `Class::Storage` if the file system does not answer.
    pub fn free_bytes(&self, folder: &Uri) -> Result<Option<u64>> {
        Ok(self.disk(folder)?.map(|disk| disk.free))
    }

    /// The disk that holds (or would hold) a local folder; `None` for object stores.
    ///
    /// # Errors
    /// `Class::Storage` if the file system does not answer.
    pub fn disk(&self, folder: &Uri) -> Result<Option<Disk>> {
        self.check(Access::Read, folder)?;
        local::disk(folder)
    }

    /// Whether two local folders stand (or would stand) on one disk.
    ///
    /// # Errors
    /// `Class::Storage` if the file system does not answer.
    pub fn on_one_disk(&self, a: &Uri, b: &Uri) -> Result<bool> {
        let (a, b) = (local::device(a)?, local::device(b)?);
        Ok(a.is_some() && a == b)
    }
}

/// Judges the object that a pattern names, or else the folders that are searched for it.
fn check_folders(pattern: &Uri, judge: impl Fn(&Uri) -> Result<()>) -> Result<()> {
    let judged = judge(pattern);
    if judged.is_ok() || !glob::is_glob(pattern.as_str()) {
        return judged;
    }
    let folders = glob::Pattern::readings(pattern)?;
    folders.iter().try_for_each(|reading| judge(&Uri::parse(reading.folder())?))
}

fn matches_nothing(pattern: &Uri) -> Error {
    Error::new(Class::NotFound, format!("`{pattern}` matches nothing"))
        .with_hint("`*` stays within one folder: write `**` to go deeper; files whose names start with a dot are left out")
}
