//! A run: the hashes and band keys of one or more whole jobs, sorted. It never changes; merging writes a new one.
//!
//! A row of a run is a document. Rows are numbered by job, then entry, so that a list sorted by key and row is
//! sorted by key, job and entry, and a row names its entry through the few segments of the run.

use std::path::Path;

use bytes::{Buf, BufMut};
use tamis_common::Result;

use super::EntryRef;
use super::block::Entries;
use super::file::{FileReader, FileRecord, FileWriter, Kind};
use super::list::{List, ListCursor, ListWriter, Probe, Scratch};

/// Ending of the file name of a run.
pub(super) const ENDING: &str = ".run";

pub(super) const KIND: Kind = *b"TAMISRUN";

/// The rows of one job in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Ordinal of the job.
    pub(super) job: u32,
    /// Row of its entry 0.
    pub(super) first: u32,
    /// Its entries.
    pub(super) entries: u32,
}

/// The segments of a run, in the order of jobs and of rows.
#[derive(Debug, Default)]
pub(super) struct Segments {
    segments: Vec<Segment>,
    /// For every `1 << shift` rows, the segment of the first of them.
    starts: Vec<u32>,
    shift: u32,
}

/// Entries of `starts` at most: so few that the table stays in the nearest cache.
const STARTS_BITS: u32 = 12;

impl Segments {
    /// Numbers the rows of jobs, given in ascending order with their entries.
    pub(super) fn number(jobs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut first = 0;
        let mut segments = Vec::new();
        for (job, entries) in jobs {
            segments.push(Segment { job, first, entries });
            first += entries;
        }
        Self::new(segments)
    }

    fn new(mut segments: Vec<Segment>) -> Self {
        segments.retain(|segment| segment.entries > 0);
        let rows = segments.last().map_or(0, |last| last.first + last.entries);
        let shift = (u32::BITS - rows.leading_zeros()).saturating_sub(STARTS_BITS);
        let starts = (0..rows.div_ceil(1 << shift))
            .map(|bucket| {
                let row = bucket << shift;
                (segments.partition_point(|segment| segment.first <= row) - 1) as u32
            })
            .collect();
        Self { segments, starts, shift }
    }

    /// All of them.
    pub(super) fn as_slice(&self) -> &[Segment] {
        &self.segments
    }

    /// Rows of the run.
    pub(super) fn rows(&self) -> u32 {
        self.segments.last().map_or(0, |last| last.first + last.entries)
    }

    /// Index of the segment of a row; `None`: the run has no such row.
    #[inline]
    pub(super) fn of(&self, row: u32) -> Option<usize> {
        let bucket = (row >> self.shift) as usize;
        let low = *self.starts.get(bucket)? as usize;
        let high = self.starts.get(bucket + 1).map_or(self.segments.len(), |next| *next as usize + 1);
        let among = &self.segments[low..high];
        let index = low + among.partition_point(|segment| segment.first <= row) - 1;
        (row - self.segments[index].first < self.segments[index].entries).then_some(index)
    }
}

/// Writes a run: its lists in order, the hashes first, then the bands.
pub(super) struct RunWriter {
    file: FileWriter,
    lists: Vec<List>,
}

impl RunWriter {
    /// Starts the run that will stand at `path`.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn create(path: &Path, number: u64) -> Result<Self> {
        Ok(Self { file: FileWriter::create(path, number, KIND)?, lists: Vec::new() })
    }

    /// Writes the next list.
    ///
    /// # Errors
    /// Of the file system, or of `fill`.
    pub(super) fn list(&mut self, fill: impl FnOnce(&mut ListWriter<'_>) -> Result<()>) -> Result<()> {
        let mut writer = ListWriter::new(&mut self.file);
        fill(&mut writer)?;
        let list = writer.finish()?;
        self.lists.push(list);
        Ok(())
    }

    /// Ends the run.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn finish(self, segments: &Segments) -> Result<FileRecord> {
        let mut footer = Vec::new();
        footer.put_u32_le(segments.segments.len() as u32);
        for segment in &segments.segments {
            footer.put_u32_le(segment.job);
            footer.put_u32_le(segment.first);
            footer.put_u32_le(segment.entries);
        }
        footer.put_u32_le(self.lists.len() as u32);
        for list in &self.lists {
            list.put(&mut footer);
        }
        self.file.finish(&footer)
    }
}

/// A finished run.
#[derive(Debug)]
pub(super) struct Run {
    record: FileRecord,
    file: FileReader,
    segments: Segments,
    lists: Vec<List>,
}

impl Run {
    /// Opens a run of an index with `bands` bands.
    ///
    /// # Errors
    /// `Class::Storage` if the file is missing or damaged.
    pub(super) fn open(path: &Path, record: &FileRecord, bands: u32) -> Result<Self> {
        let (file, footer) = FileReader::open(path, record, KIND)?;
        let parts = parse(&footer).filter(|(_, lists)| lists.len() == bands as usize + 1);
        let Some((segments, lists)) = parts else {
            return Err(file.damaged("its footer does not decode"));
        };
        Ok(Self { record: record.clone(), file, segments, lists })
    }

    /// The file as the catalogue knows it.
    pub(super) fn record(&self) -> &FileRecord {
        &self.record
    }

    /// Whose rows these are.
    pub(super) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Calls `found` with the tag of a probe and an entry for every entry that has the probe's key in `list`.
    ///
    /// # Errors
    /// `Class::Storage` if the file is damaged.
    pub(super) fn look_up(
        &self,
        list: usize,
        probes: &[Probe],
        scratch: &mut Scratch,
        found: &mut dyn FnMut(u32, EntryRef),
    ) -> Result<()> {
        let mut foreign = None;
        self.lists[list].look_up(
            &self.file,
            probes,
            scratch,
            &mut |tag, row| match self.segments.of(row) {
                Some(index) => {
                    let segment = self.segments.segments[index];
                    found(tag, EntryRef { job: segment.job, entry: row - segment.first });
                }
                None => foreign = Some(row),
            },
        )?;
        match foreign {
            Some(row) => Err(self.foreign_row(row)),
            None => Ok(()),
        }
    }

    /// Reads a list from end to end.
    pub(super) fn cursor(&self, list: usize) -> ListCursor<'_> {
        ListCursor::new(&self.file, &self.lists[list])
    }

    /// The error for a row that the run does not have.
    pub(super) fn foreign_row(&self, row: u32) -> tamis_common::Error {
        self.file.damaged(format_args!("a list names row {row} of {}", self.segments.rows()))
    }

    /// Reads every byte and every entry.
    ///
    /// # Errors
    /// `Class::Storage` if the file is damaged.
    pub(super) fn verify(&self) -> Result<()> {
        self.file.verify(&self.record)?;
        for list in 0..self.lists.len() {
            let mut cursor = self.cursor(list);
            let mut entries = Entries::default();
            let mut last = None;
            while cursor.next(&mut entries)? {
                for entry in (0..entries.len()).map(|index| entries.get(index)) {
                    if Some(entry) < last {
                        return Err(self.file.damaged(format_args!("list {list} is not sorted")));
                    }
                    if self.segments.of(entry.row).is_none() {
                        return Err(self.foreign_row(entry.row));
                    }
                    last = Some(entry);
                }
            }
        }
        Ok(())
    }
}

fn parse(mut footer: &[u8]) -> Option<(Segments, Vec<List>)> {
    let mut segments = Vec::new();
    let mut first_row = 0_u32;
    for _ in 0..footer.try_get_u32_le().ok()? {
        let job = footer.try_get_u32_le().ok()?;
        let first = footer.try_get_u32_le().ok()?;
        let entries = footer.try_get_u32_le().ok()?;
        if first != first_row {
            return None;
        }
        first_row = first.checked_add(entries)?;
        segments.push(Segment { job, first, entries });
    }
    let mut lists = Vec::new();
    for _ in 0..footer.try_get_u32_le().ok()? {
        lists.push(List::get(&mut footer)?);
    }
    footer.is_empty().then(|| (Segments::new(segments), lists))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_finds_its_segment(
            sizes in prop::collection::vec(prop_oneof![0_u32..4, 0_u32..5_000], 0..60),
            probes in prop::collection::vec(any::<u32>(), 20),
        ) {
            let segments = Segments::number(sizes.iter().enumerate().map(|(job, size)| (job as u32 * 3, *size)));
            let rows: u32 = sizes.iter().sum();
            prop_assert_eq!(segments.rows(), rows);
            prop_assert_eq!(segments.of(rows), None);
            prop_assert_eq!(segments.of(u32::MAX), None);
            let edges = segments.as_slice().iter().flat_map(|s| [s.first, s.first + s.entries - 1]);
            for row in edges.chain(probes.iter().map(|p| p % rows.max(1))).filter(|row| *row < rows) {
                let segment = segments.as_slice()[segments.of(row).unwrap_or(usize::MAX)];
                prop_assert!((segment.first..segment.first + segment.entries).contains(&row));
            }
        }
    }
}
