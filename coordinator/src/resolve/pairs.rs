//! The verified pairs of a job, sorted and distinct: in memory, or in sorted runs on disk once they are many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tamis_common::{Error, Result};

/// Fewer are never worth a file.
const LEAST_HELD: usize = 1 << 16;
const BYTES: usize = 12;

/// Two documents that verification found to be near duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// Number of the later document.
    pub(super) later: u32,
    /// Number of the earlier one.
    pub(super) earlier: u32,
    /// Equal signature values.
    pub(super) equal: u32,
}

impl Pair {
    fn bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&self.later.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.earlier.to_le_bytes());
        bytes[8..].copy_from_slice(&self.equal.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; BYTES]) -> Self {
        let [later, earlier, equal] =
            [0, 4, 8].map(|at| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        Self { later, earlier, equal }
    }
}

/// Pairs in any order, some of them several times, as bands find them.
pub(super) struct Pairs {
    held: Vec<Pair>,
    most_held: usize,
    runs: Vec<File>,
    scratch: PathBuf,
}

impl Pairs {
    /// Holds as many as go into `memory` bytes; the others go to files in `scratch`.
    pub(super) fn new(memory: u64, scratch: &Path) -> Self {
        let most_held = (memory as usize / size_of::<Pair>()).max(LEAST_HELD);
        Self { held: Vec::new(), most_held, runs: Vec::new(), scratch: scratch.to_owned() }
    }

    /// Enters a pair.
    ///
    /// # Errors
    /// Of the disk.
    pub(super) fn push(&mut self, pair: Pair) -> Result<()> {
        self.held.push(pair);
        if self.held.len() < self.most_held {
            return Ok(());
        }
        self.tidy();
        // Most pairs come once a band: where that makes room, no file is needed yet.
        if self.held.len() > self.most_held / 2 { self.spill() } else { Ok(()) }
    }

    fn tidy(&mut self) {
        self.held.sort_unstable();
        self.held.dedup();
    }

    fn spill(&mut self) -> Result<()> {
        let failed = |e| Error::io("write pairs to", self.scratch.display(), e);
        let file = tempfile::tempfile_in(&self.scratch).map_err(failed)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        for pair in self.held.drain(..) {
            out.write_all(&pair.bytes()).map_err(failed)?;
        }
        self.runs.push(out.into_inner().map_err(|e| failed(e.into_error()))?);
        Ok(())
    }

    /// Calls `each` with every pair once, by later, then earlier document.
    ///
    /// # Errors
    /// Of the disk, or of `each`.
    pub(super) fn for_each(mut self, mut each: impl FnMut(Pair) -> Result<()>) -> Result<()> {
        self.tidy();
        if self.runs.is_empty() {
            return self.held.into_iter().try_for_each(each);
        }
        let failed = |e| Error::io("read pairs from", self.scratch.display(), e);
        let mut runs: Vec<Run> =
            self.runs.into_iter().map(Run::open).collect::<io::Result<_>>().map_err(failed)?;
        let mut held = self.held.into_iter();
        let in_memory = runs.len();
        let mut next_of = |run: usize| match runs.get_mut(run) {
            Some(run) => run.next(),
            None => Ok(held.next()),
        };
        let mut heads = BinaryHeap::new();
        for run in 0..=in_memory {
            heads.extend(next_of(run).map_err(failed)?.map(|pair| Reverse((pair, run))));
        }
        let mut last = None;
        while let Some(Reverse((pair, run))) = heads.pop() {
            heads.extend(next_of(run).map_err(failed)?.map(|pair| Reverse((pair, run))));
            if last.replace(pair) != Some(pair) {
                each(pair)?;
            }
        }
        Ok(())
    }
}

/// A sorted run.
struct Run(BufReader<File>);

impl Run {
    fn open(mut file: File) -> io::Result<Self> {
        file.rewind()?;
        Ok(Self(BufReader::with_capacity(1 << 18, file)))
    }

    fn next(&mut self) -> io::Result<Option<Pair>> {
        let mut bytes = [0; BYTES];
        match self.0.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(Pair::from_bytes(bytes))),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_back_sorted_and_once_from_memory_and_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        let pair = |n: u32| {
            let later = n.wrapping_mul(2_654_435_761) % 50_000;
            Pair { later, earlier: later / 2, equal: n % 3 }
        };
        let mut expected: Vec<Pair> = (0..200_000).map(pair).collect();
        expected.sort_unstable();
        expected.dedup();
        for memory in [0, 1 << 30] {
            let mut pairs = Pairs::new(memory, folder.path());
            (0..200_000).for_each(|n| pairs.push(pair(n)).unwrap());
            assert_eq!(pairs.runs.is_empty(), memory > 0);
            let mut found = Vec::new();
            pairs
                .for_each(|pair| {
                    found.push(pair);
                    Ok(())
                })
                .unwrap();
            assert_eq!(found, expected);
        }
    }
}
