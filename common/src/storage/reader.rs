//! Reading one object by ranges.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStoreExt as _};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::s3::{self, Bucket, Pending};
use super::{Uri, local};
use crate::error::{Error, Result};

/// What a stream reads of a local file at once, and one that is opened for the header of a Parquet page.
const LOCAL_BLOCK: usize = 1 << 20;
const HEADER_BLOCK: usize = 512;
/// Blocks of a remote object grow from the first to the last size: a page header costs little, a whole object few
/// requests.
const FIRST_BLOCK: u64 = 256 << 10;
const MAX_BLOCK: u64 = 8 << 20;

/// An open object: streams from an offset, reads ranges, and serves as a Parquet source.
pub struct ObjectReader {
    uri: Uri,
    size: u64,
    source: Source,
}

enum Source {
    Local(Arc<File>),
    Remote(Remote),
}

/// An object in a bucket, at the version that was there when it was opened.
#[derive(Clone)]
struct Remote {
    bucket: Bucket,
    location: Path,
    e_tag: Option<String>,
}

impl Remote {
    /// Starts to fetch a range; an object that has changed meanwhile is an error.
    fn fetch(&self, range: Range<u64>) -> Pending<Bytes> {
        let (store, location) = (self.bucket.store().clone(), self.location.clone());
        let options = GetOptions::new().with_if_match(self.e_tag.clone()).with_range(Some(range));
        self.bucket.start(async move { store.get_opts(&location, options).await?.bytes().await })
    }
}

impl ObjectReader {
    pub(super) fn open_local(uri: &Uri) -> Result<Self> {
        let file = File::open(local::path_of(uri)?).map_err(|e| Error::io("open", uri, e))?;
        let meta = file.metadata().map_err(|e| Error::io("read", uri, e))?;
        if meta.is_dir() {
            return Err(Error::input(format!("`{uri}` is a folder where a file is needed")));
        }
        Ok(Self { uri: uri.clone(), size: meta.len(), source: Source::Local(Arc::new(file)) })
    }

    pub(super) fn open_s3(bucket: Bucket, uri: &Uri) -> Result<Self> {
        let (store, location) = (bucket.store().clone(), s3::location_of(uri)?);
        let asked = location.clone();
        let meta = bucket.wait(async move { store.head(&asked).await });
        let meta = meta.map_err(|e| s3::error_of("open", uri, e))?;
        let remote = Remote { bucket, location, e_tag: meta.e_tag };
        Ok(Self { uri: uri.clone(), size: meta.size, source: Source::Remote(remote) })
    }

    /// The object.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A buffered stream from `offset` to the end.
    pub fn stream(&self, offset: u64) -> Box<dyn Read + Send> {
        self.stream_by(offset, LOCAL_BLOCK)
    }

    /// As [`Self::stream`]; of a local file, `block` bytes are read at once.
    fn stream_by(&self, offset: u64, block: usize) -> Box<dyn Read + Send> {
        match &self.source {
            Source::Local(file) => {
                Box::new(BufReader::with_capacity(block, LocalStream { file: file.clone(), next: offset }))
            }
            Source::Remote(remote) => Box::new(RemoteStream {
                remote: remote.clone(),
                next: offset,
                size: self.size,
                block_size: FIRST_BLOCK,
                block: Bytes::new(),
                ahead: None,
            }),
        }
    }

    /// The bytes `offset..offset + length`, fewer at the end of the object.
    ///
    /// # Errors
    /// `Class::Storage`; `Class::Input` for an object that has changed in its bucket since it was opened.
    pub fn range(&self, offset: u64, length: usize) -> Result<Bytes> {
        let length = length.min(self.size.saturating_sub(offset) as usize);
        if length == 0 {
            return Ok(Bytes::new());
        }
        match &self.source {
            Source::Local(file) => {
                let mut buffer = vec![0; length];
                file.read_exact_at(&mut buffer, offset).map_err(|e| Error::io("read", &self.uri, e))?;
                Ok(buffer.into())
            }
            Source::Remote(remote) => {
                let fetched = remote.fetch(offset..offset + length as u64).wait();
                fetched.map_err(|e| s3::error_of("read", &self.uri, e))
            }
        }
    }
}

/// Reads a file from an offset on; many of them share one open file.
struct LocalStream {
    file: Arc<File>,
    next: u64,
}

impl Read for LocalStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(into, self.next)?;
        self.next += length as u64;
        Ok(length)
    }
}

/// Reads a remote object from front to back, one block ahead of its reader.
struct RemoteStream {
    remote: Remote,
    /// Offset of the first byte that was not asked for.
    next: u64,
    size: u64,
    block_size: u64,
    block: Bytes,
    ahead: Option<Pending<Bytes>>,
}

impl RemoteStream {
    fn ask(&mut self) -> Option<Pending<Bytes>> {
        if self.next >= self.size {
            return None;
        }
        let end = self.size.min(self.next + self.block_size);
        let pending = self.remote.fetch(self.next..end);
        self.next = end;
        self.block_size = MAX_BLOCK.min(self.block_size * 2);
        Some(pending)
    }
}

impl Read for RemoteStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.block.is_empty() {
            let is_first = self.block_size == FIRST_BLOCK;
            let Some(pending) = self.ahead.take().or_else(|| self.ask()) else { return Ok(0) };
            // Who reads but one block shall not pay for two.
            if !is_first {
                self.ahead = self.ask();
            }
            self.block = pending.wait()?;
        }
        let length = into.len().min(self.block.len());
        into[..length].copy_from_slice(&self.block.split_to(length));
        Ok(length)
    }
}

impl Length for ObjectReader {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for ObjectReader {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        // Parquet reads a page's header so, and the page itself by its range.
        Ok(self.stream_by(start, HEADER_BLOCK))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let bytes = self.range(start, length).map_err(|e| ParquetError::External(Box::new(e)))?;
        // Parquet trusts the length; a file that ends early must not become a panic there.
        match bytes.len() == length {
            true => Ok(bytes),
            false => {
                Err(ParquetError::EOF(format!("{length} bytes at {start} where {} are left", bytes.len())))
            }
        }
    }
}
