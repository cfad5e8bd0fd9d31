//! Reading one object by ranges.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::{Uri, local};
use crate::error::{Error, Result};

/// An open object: streams from an offset, reads ranges, and serves as a Parquet source.
pub struct ObjectReader {
    uri: Uri,
    size: u64,
    file: File,
}

impl ObjectReader {
    pub(super) fn open_local(uri: &Uri) -> Result<Self> {
        let file = File::open(local::path_of(uri)?).map_err(|e| Error::io("open", uri, e))?;
        let size = file.metadata().map_err(|e| Error::io("read", uri, e))?.len();
        Ok(Self { uri: uri.clone(), size, file })
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
        let opened = self.file.try_clone().and_then(|mut file| {
            // The clone shares its position with the original, which only does positioned reads; a second
            // stream needs its own open file.
            if let Some(path) = self.uri.local_path() {
                file = File::open(path)?;
            }
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        });
        match opened {
            Ok(file) => Box::new(BufReader::with_capacity(1 << 20, file)),
            Err(e) => Box::new(FailingRead(Some(e))),
        }
    }

    /// The bytes `offset..offset + length`, fewer at the end of the object.
    ///
    /// # Errors
    /// `Class::Storage`.
    pub fn range(&self, offset: u64, length: usize) -> Result<Bytes> {
        let length = length.min(self.size.saturating_sub(offset) as usize);
        let mut buffer = vec![0; length];
        self.file
            .read_exact_at(&mut buffer, offset)
            .map_err(|e| Error::io("read", &self.uri, e))?;
        Ok(buffer.into())
    }
}

struct FailingRead(Option<std::io::Error>);

impl Read for FailingRead {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| std::io::Error::other("the stream has failed")))
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
        Ok(self.stream(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.range(start, length).map_err(|e| ParquetError::External(Box::new(e)))
    }
}
