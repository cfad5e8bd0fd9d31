//! A Parquet source that tells failures of the store from corrupt data, whatever the reader makes of either.

use std::fmt::Display;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;
use crate::storage::ObjectReader;
use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use crate::read::Failure;

/// The first failure of the store.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Mutex<Option<Error>>>);

impl Store {
    fn failed(&self, error: Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// The failure of the store behind an error of the reader, if that was the cause.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(Failure::Other)
    }
}

/// An object whose failures are noted: the Arrow reader passes them on as text.
pub(super) struct Guard {
    object: ObjectReader,
    store: Store,
    /// Bytes that are read at once at most.
    most: u64,
}

impl Guard {
    /// A source whose pages have at most `most` bytes.
    pub(super) fn new(object: ObjectReader, most: u64) -> Self {
        Self { object, store: Store::default(), most }
    }

    pub(super) fn store(&self) -> Store {
        self.store.clone()
    }
}

impl Length for Guard {
    fn len(&self) -> u64 {
        self.object.len()
    }
}

impl ChunkReader for Guard {
    type T = GuardedRead;

    fn get_read(&self, start: u64) -> ParquetResult<GuardedRead> {
        let uri = self.object.uri().to_string();
        Ok(GuardedRead { stream: self.object.stream(start), store: self.store(), uri })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        // A corrupt footer may ask for more than there is: that is no failure of the store.
        if start.checked_add(length as u64).is_none_or(|end| end > self.object.size()) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} of {}", self.object.size())));
        }
        if length as u64 > self.most {
            let message = format!("a page of {length} bytes, more than {} (`limits.page_bytes`)", self.most);
            return Err(ParquetError::General(message));
        }
        self.object.get_bytes(start, length).map_err(|error| match error {
            ParquetError::External(cause) => {
                let message = cause.to_string();
                if let Ok(error) = cause.downcast::<Error>() {
                    self.store.failed(*error);
                }
                ParquetError::General(message)
            }
            other => other,
        })
    }
}

/// A stream whose failures are noted.
pub(super) struct GuardedRead {
    stream: Box<dyn Read + Send>,
    store: Store,
    uri: String,
}

impl Read for GuardedRead {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(into);
        if let Err(e) = &read
            && e.kind() != io::ErrorKind::Interrupted
        {
            self.store.failed(Error::io("read", &self.uri, io::Error::new(e.kind(), e.to_string())));
        }
        read
    }
}

/// Runs a step of the reader; bytes that it does not expect make it panic in places, which here is one error more.
pub(super) fn guarded<T, E: Display>(step: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("its pages do not fit together".to_owned()),
    }
}
