//! Writing one object: nothing is visible before it is whole and durable.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path as FilePath, PathBuf};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::s3::{self, Bucket};
use super::{Uri, local};
use crate::error::{Error, Result};
use crate::fault::{self, Point};

/// Bytes of a part. A store takes 10,000 parts: 80 GiB an object.
const PART: usize = 8 << 20;
/// Parts on their way at once; with the one that fills up they bound the memory of a writer to 24 MiB.
const PARTS_UNDER_WAY: usize = 2;

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
    sink: Option<Sink>,
    hasher: Sha256,
    size: u64,
}

enum Sink {
    Local { target: PathBuf, partial: PathBuf, file: BufWriter<File> },
    Remote(Upload),
}

impl ObjectWriter {
    pub(super) fn create_local(uri: &Uri) -> Result<Self> {
        let target = local::path_of(uri)?;
        local::make_parent(&target)?;
        let partial = local::partial_of(&target);
        let file = File::create(&partial).map_err(|e| Error::io("create", uri, e))?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Self::over(uri, Sink::Local { target, partial, file }))
    }

    pub(super) fn create_s3(bucket: Bucket, uri: &Uri) -> Result<Self> {
        let location = s3::location_of(uri)?;
        Ok(Self::over(uri, Sink::Remote(Upload { bucket, location, part: Vec::new(), parts: None })))
    }

    fn over(uri: &Uri, sink: Sink) -> Self {
        Self { uri: uri.clone(), sink: Some(sink), hasher: Sha256::new(), size: 0 }
    }

    /// Makes the object durable, then visible.
    ///
    /// # Errors
    /// `Class::Resource` on a full disk, `Class::Storage` otherwise.
    pub fn finish(mut self) -> Result<Written> {
        fault::pass(Point::ObjectBefore)?;
        match self.sink.take() {
            None => return Err(Error::internal("an object was finished twice")),
            Some(Sink::Remote(upload)) => {
                upload.finish().map_err(|e| s3::error_of("write", &self.uri, e))?;
            }
            Some(Sink::Local { target, partial, file }) => {
                let finished = finish_local(&self.uri, file, &partial, &target);
                if finished.is_err() {
                    remove_partial(&partial);
                }
                finished?;
            }
        }
        fault::pass(Point::ObjectAfter)?;
        let sha256 = hex(&self.hasher.finalize_reset());
        Ok(Written { size: self.size, sha256 })
    }
}

fn finish_local(uri: &Uri, file: BufWriter<File>, partial: &FilePath, target: &FilePath) -> Result<()> {
    let file = file.into_inner().map_err(|e| Error::io("write", uri, e.into_error()))?;
    file.sync_all().map_err(|e| Error::io("sync", uri, e))?;
    fs::rename(partial, target).map_err(|e| Error::io("publish", uri, e))?;
    local::sync_parent(target)
}

fn remove_partial(partial: &FilePath) {
    // Best effort: a leftover `.partial` is swept with its attempt.
    let _ = fs::remove_file(partial);
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            None => return Err(io::Error::other("already finished")),
            Some(Sink::Local { file, .. }) => file.write(bytes)?,
            Some(Sink::Remote(upload)) => upload.write(bytes)?,
        };
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Some(Sink::Local { file, .. }) => file.flush(),
            // Parts have a least size: what is not yet one waits for the end.
            Some(Sink::Remote(_)) | None => Ok(()),
        }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        match self.sink.take() {
            None => {}
            Some(Sink::Local { partial, .. }) => remove_partial(&partial),
            Some(Sink::Remote(upload)) => upload.abort(),
        }
    }
}

/// An object on its way into a bucket: small ones in one request, others in parts.
struct Upload {
    bucket: Bucket,
    location: Path,
    part: Vec<u8>,
    parts: Option<WriteMultipart>,
}

impl Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len().min(PART - self.part.len());
        self.part.extend_from_slice(&bytes[..length]);
        if self.part.len() == PART {
            self.send_part()?;
        }
        Ok(length)
    }

    fn send_part(&mut self) -> io::Result<()> {
        let bytes = Bytes::from(std::mem::take(&mut self.part));
        let (store, location) = (self.bucket.store().clone(), self.location.clone());
        let under_way = self.parts.take();
        // The request owns the upload while it runs. If it fails, so does the object: the upload comes back to be
        // aborted.
        let (parts, sent) = self.bucket.wait(async move {
            let mut parts = match under_way {
                Some(parts) => parts,
                None => WriteMultipart::new_with_chunk_size(store.put_multipart(&location).await?, PART),
            };
            let ready = parts.wait_for_capacity(PARTS_UNDER_WAY).await;
            if ready.is_ok() {
                parts.put(bytes);
            }
            Ok((parts, ready))
        })?;
        self.parts = Some(parts);
        sent.map_err(|e| s3::io_error(&e))
    }

    fn finish(self) -> io::Result<()> {
        let Self { bucket, location, part, parts } = self;
        let (store, bytes) = (bucket.store().clone(), Bytes::from(part));
        bucket.wait(async move {
            match parts {
                None => store.put(&location, bytes.into()).await.map(drop),
                Some(mut parts) => {
                    parts.put(bytes);
                    parts.finish().await.map(drop)
                }
            }
        })
    }

    fn abort(self) {
        if let Some(parts) = self.parts {
            // Best effort: stores expire parts that no object was made of.
            let _ = self.bucket.wait(async move { parts.abort().await });
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
