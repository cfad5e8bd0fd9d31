//! Readers that advance with the record numbers of the survivors.

use std::collections::VecDeque;

use tamis_common::artefact::{Drop, DropsReader, Verdict, VerdictsReader};
use tamis_common::storage::{ObjectReader, Uri};
use tamis_common::{Error, Result};

/// The verdicts of a shard, each to be taken by its survivor.
pub(super) struct Verdicts {
    uri: Uri,
    reader: VerdictsReader,
    ahead: VecDeque<Verdict>,
}

impl Verdicts {
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub(super) fn open(object: ObjectReader) -> Result<Self> {
        let uri = object.uri().clone();
        Ok(Self { uri, reader: VerdictsReader::open(object)?, ahead: VecDeque::new() })
    }

    /// The verdict on `record`, if there is one. To be called for every survivor in order.
    ///
    /// # Errors
    /// `Class::Internal` if a verdict was passed over: it has no survivor, or the order is broken.
    pub(super) fn take(&mut self, record: u32) -> Result<Option<Verdict>> {
        let Some(next) = self.peek()? else { return Ok(None) };
        if next > record {
            return Ok(None);
        }
        if next < record {
            return Err(self.without_survivor(next));
        }
        Ok(self.ahead.pop_front())
    }

    /// To be called after the last survivor.
    ///
    /// # Errors
    /// `Class::Internal` if a verdict is left.
    pub(super) fn finish(mut self) -> Result<()> {
        match self.peek()? {
            Some(record) => Err(self.without_survivor(record)),
            None => Ok(()),
        }
    }

    fn peek(&mut self) -> Result<Option<u32>> {
        while self.ahead.is_empty() {
            let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
            self.ahead = batch.into();
        }
        Ok(self.ahead.front().map(|verdict| verdict.record))
    }

    fn without_survivor(&self, record: u32) -> Error {
        Error::internal(format!("the verdict on record {record} in `{}` finds no survivor", self.uri))
    }
}

/// The drops of a shard's scan, in record order.
pub(super) struct ScanDrops {
    uri: Uri,
    reader: DropsReader,
    ahead: VecDeque<Drop>,
}

impl ScanDrops {
    /// # Errors
    /// `Class::Storage` if it is no such file.
    pub(super) fn open(object: ObjectReader) -> Result<Self> {
        let uri = object.uri().clone();
        Ok(Self { uri, reader: DropsReader::open(object)?, ahead: VecDeque::new() })
    }

    /// The next drop that stands before `record`.
    ///
    /// # Errors
    /// `Class::Internal` if scan dropped `record` itself, which survived.
    pub(super) fn take_before(&mut self, record: u32) -> Result<Option<Drop>> {
        match self.peek()? {
            Some(next) if next < record => Ok(self.ahead.pop_front()),
            Some(next) if next == record => Err(Error::internal(format!(
                "record {record} is both a survivor and a drop in `{}`",
                self.uri
            ))),
            _ => Ok(None),
        }
    }

    /// The next drop.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn take_rest(&mut self) -> Result<Option<Drop>> {
        self.peek()?;
        Ok(self.ahead.pop_front())
    }

    fn peek(&mut self) -> Result<Option<u32>> {
        while self.ahead.is_empty() {
            let Some(batch) = self.reader.next_batch()? else { return Ok(None) };
            self.ahead = batch.into();
        }
        Ok(self.ahead.front().map(|drop| drop.record))
    }
}
