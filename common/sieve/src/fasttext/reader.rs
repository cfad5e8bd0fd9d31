//! Numbers of a file, none of which is believed before the bytes are there.

use std::sync::Arc;

/// A place in the bytes of a file.
pub(super) struct Reader<'a> {
    bytes: &'a Arc<[u8]>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a Arc<[u8]>) -> Self {
        Self { bytes, at: 0 }
    }

    /// The whole file.
    pub(super) fn file(&self) -> &'a Arc<[u8]> {
        self.bytes
    }

    /// The place of the next `count` items of `size` bytes, which are passed over.
    pub(super) fn items(&mut self, count: usize, size: usize) -> Result<usize, String> {
        let start = self.at;
        let end = count.checked_mul(size).and_then(|length| start.checked_add(length));
        match end.filter(|end| *end <= self.bytes.len()) {
            Some(end) => self.at = end,
            None => return Err(format!("it ends early, at byte {}", self.bytes.len())),
        }
        Ok(start)
    }

    pub(super) fn skip(&mut self, length: usize) -> Result<(), String> {
        self.items(length, 1).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let start = self.items(N, 1)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[start..start + N]);
        Ok(array)
    }

    pub(super) fn flag(&mut self) -> Result<bool, String> {
        Ok(self.array::<1>()? != [0])
    }

    pub(super) fn i32(&mut self) -> Result<i32, String> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, String> {
        self.array().map(i64::from_le_bytes)
    }

    /// A number of things.
    pub(super) fn size(&mut self) -> Result<usize, String> {
        usize::try_from(self.i32()?).map_err(|_| "it has a negative size".to_owned())
    }

    /// A number of things in eight bytes.
    pub(super) fn long_size(&mut self) -> Result<usize, String> {
        usize::try_from(self.i64()?).map_err(|_| "it has a negative size".to_owned())
    }

    /// What stands before the next zero byte, which is passed over.
    pub(super) fn zero_terminated(&mut self) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let length =
            memchr::memchr(0, rest).ok_or_else(|| format!("it ends early, at byte {}", self.bytes.len()))?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    pub(super) fn f32s(&mut self, count: usize) -> Result<Vec<f32>, String> {
        let start = self.items(count, 4)?;
        Ok(floats(&self.bytes[start..self.at]).collect())
    }
}

/// Numbers that stand in bytes.
pub(super) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|number| f32::from_le_bytes(*number))
}
