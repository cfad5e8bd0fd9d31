//! Writing one object: nothing is visible before it is whole and durable.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Uri, local};
use crate::error::{Error, Result};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// An object being written. Dropped without `finish`, it leaves nothing visible.
pub struct ObjectWriter {
    uri: Uri,
    target: PathBuf,
    partial: PathBuf,
    file: Option<BufWriter<File>>,
    hasher: Sha256,
    size: u64,
}

impl ObjectWriter {
    pub(super) fn create_local(uri: &Uri) -> Result<Self> {
        let target = local::path_of(uri)?;
        local::make_parent(&target)?;
        let mut partial = target.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial).map_err(|e| Error::io("create", uri, e))?;
        Ok(Self {
            uri: uri.clone(),
            target,
            partial,
            file: Some(BufWriter::with_capacity(1 << 18, file)),
            hasher: Sha256::new(),
            size: 0,
        })
    }

    /// Makes the object durable, then visible.
    ///
    /// # Errors
    /// `Class::Resource` on a full disk, `Class::Storage` otherwise.
    pub fn finish(mut self) -> Result<Written> {
        let Some(buffer) = self.file.take() else {
            return Err(Error::internal("an object was finished twice"));
        };
        let file =
            buffer.into_inner().map_err(|e| Error::io("write", &self.uri, e.into_error()))?;
        file.sync_all().map_err(|e| Error::io("sync", &self.uri, e))?;
        fs::rename(&self.partial, &self.target).map_err(|e| Error::io("publish", &self.uri, e))?;
        local::sync_parent(&self.target)?;
        let sha256 = hex(&self.hasher.finalize_reset());
        Ok(Written { size: self.size, sha256 })
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("already finished"))?;
        let n = file.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Best effort: a leftover `.partial` is swept with its attempt.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Lower-case hex of a digest.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
