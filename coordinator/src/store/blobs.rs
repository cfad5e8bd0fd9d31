//! Files named by the SHA-256 of their content.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tamis_common::storage::hex;
use tamis_common::{Error, Result};

/// Immutable files by the SHA-256 of their content.
pub struct Blobs {
    shelf: Box<dyn Shelf>,
}

/// Where the files stand.
pub(crate) trait Shelf: Send + Sync {
    /// Stores `bytes`, whose digest is given. Durable when it returns; repeating it changes nothing.
    fn put(&self, digest: &str, bytes: &[u8]) -> Result<()>;

    /// What was stored.
    fn get(&self, digest: &str) -> Result<Vec<u8>>;
}

impl Blobs {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        Ok(Self::of(Box::new(Folder::open(folder)?)))
    }

    pub(crate) fn of(shelf: Box<dyn Shelf>) -> Self {
        Self { shelf }
    }

    /// Stores `bytes` and returns their digest. Durable when it returns; repeating it changes nothing.
    ///
    /// # Errors
    /// `Class::Resource` on a full disk, `Class::Storage` otherwise.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        let digest = digest_of(bytes);
        self.shelf.put(&digest, bytes)?;
        Ok(digest)
    }

    /// Stores a value as JSON.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub fn put_json<T: Serialize>(&self, value: &T) -> Result<String> {
        let bytes = serde_json::to_vec(value)
            .map_err(|e| Error::internal(format!("a record cannot be written as JSON: {e}")))?;
        self.put(&bytes)
    }

    /// What was stored under `digest`.
    ///
    /// # Errors
    /// `Class::NotFound` if nothing was, `Class::Storage` if the file is damaged.
    pub fn get(&self, digest: &str) -> Result<Vec<u8>> {
        let bytes = self.shelf.get(digest)?;
        let found = digest_of(&bytes);
        if found != digest {
            return Err(Error::storage(format!("the file `{digest}` is damaged: its digest is {found}")));
        }
        Ok(bytes)
    }

    /// A value that was stored as JSON.
    ///
    /// # Errors
    /// As [`Blobs::get`].
    pub fn get_json<T: DeserializeOwned>(&self, digest: &str) -> Result<T> {
        serde_json::from_slice(&self.get(digest)?)
            .map_err(|e| Error::storage(format!("the file `{digest}` is of another version of tamis: {e}")))
    }
}

/// A folder on the local disk.
struct Folder {
    folder: PathBuf,
}

impl Folder {
    fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder.display(), e))?;
        if let Some(parent) = folder.parent() {
            sync_folder(parent)?;
        }
        let opened = Self { folder: folder.to_owned() };
        opened.remove_partial()?;
        Ok(opened)
    }

    /// A crash may leave files that never got their name.
    fn remove_partial(&self) -> Result<()> {
        let failed = |e| Error::io("list", self.folder.display(), e);
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".partial-") {
                fs::remove_file(entry.path()).map_err(|e| Error::io("remove", entry.path().display(), e))?;
            }
        }
        Ok(())
    }
}

impl Shelf for Folder {
    fn put(&self, digest: &str, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(digest);
        if path.exists() {
            return Ok(());
        }
        let mut partial = tempfile::Builder::new()
            .prefix(".partial-")
            .tempfile_in(&self.folder)
            .map_err(|e| Error::io("create a file in", self.folder.display(), e))?;
        partial.write_all(bytes).map_err(|e| Error::io("write", path.display(), e))?;
        partial.as_file().sync_all().map_err(|e| Error::io("sync", path.display(), e))?;
        partial.persist(&path).map_err(|e| Error::io("publish", path.display(), e.error))?;
        sync_folder(&self.folder)
    }

    fn get(&self, digest: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(digest);
        fs::read(&path).map_err(|e| Error::io("read", path.display(), e))
    }
}

/// SHA-256 in lower-case hex.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| Error::io("sync the folder", folder.display(), e))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_got_by_its_digest_and_damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs")).unwrap();
        let digest = blobs.put(b"text").unwrap();
        assert_eq!(blobs.put(b"text").unwrap(), digest);
        assert_eq!(blobs.get(&digest).unwrap(), b"text");
        fs::write(dir.path().join("blobs").join(&digest), b"Text").unwrap();
        assert!(blobs.get(&digest).unwrap_err().message().contains("damaged"));
    }

    #[test]
    fn leftovers_of_a_crash_are_removed_on_open() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".partial-x"), b"half").unwrap();
        Blobs::open(dir.path()).unwrap();
        assert!(!dir.path().join(".partial-x").exists());
    }
}
