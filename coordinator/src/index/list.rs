//! A sorted list of entries in chunks, with the first key and a filter of each chunk.

use bytes::{Buf, BufMut};
use tamis_common::{Error, Result};

use super::block::{BLOCK, Block, ChunkEncoder, Entries, Entry, read_blocks};
use super::file::{ChunkRef, FileReader, FileWriter};
use super::filter::{FALSE_POSITIVES, FilterBuilder, may_hold};
use super::walk::walk;

/// What is kept in memory of a chunk of a list. Its filter stands before it in the file.
#[derive(Clone, Copy, Debug)]
struct Fence {
    first: u64,
    filter: ChunkRef,
    chunk_len: u32,
}

impl Fence {
    fn chunk(&self) -> ChunkRef {
        ChunkRef { offset: self.filter.end(), len: self.chunk_len }
    }
}

/// Where a list stands in its file.
#[derive(Debug, Default)]
pub(super) struct List {
    fences: Vec<Fence>,
}

impl List {
    /// Appends it to a footer.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.put_u32_le(self.fences.len() as u32);
        for fence in &self.fences {
            out.put_u64_le(fence.first);
            out.put_u64_le(fence.filter.offset);
            out.put_u32_le(fence.filter.len);
            out.put_u32_le(fence.chunk_len);
        }
    }

    /// Takes it from a footer; `None`: the footer is too short.
    pub(super) fn get(footer: &mut &[u8]) -> Option<Self> {
        let count = footer.try_get_u32_le().ok()?;
        let mut fences = Vec::with_capacity((count as usize).min(footer.len()));
        for _ in 0..count {
            let first = footer.try_get_u64_le().ok()?;
            let offset = footer.try_get_u64_le().ok()?;
            let len = footer.try_get_u32_le().ok()?;
            let chunk_len = footer.try_get_u32_le().ok()?;
            fences.push(Fence { first, filter: ChunkRef { offset, len }, chunk_len });
        }
        Some(Self { fences })
    }

    /// Calls `found` with the tag of a probe and a row for every entry that has the probe's key, by key.
    ///
    /// # Errors
    /// Of the file.
    pub(super) fn look_up(
        &self,
        file: &FileReader,
        probes: &[Probe],
        scratch: &mut Scratch,
        found: &mut dyn FnMut(u32, u32),
    ) -> Result<()> {
        let key = |probe: &Probe| probe.high;
        walk(
            self.fences.len(),
            |part| self.fences[part].first,
            probes.len(),
            |i| key(&probes[i]),
            |part, range| {
                let fence = &self.fences[part];
                let mut probes = &probes[range];
                if filter_pays(probes.len(), fence) {
                    let filter = file.chunk(fence.filter, &mut scratch.bytes)?;
                    scratch.passed.clear();
                    scratch.passed.extend(probes.iter().filter(|p| may_hold(filter, p.high)));
                    probes = &scratch.passed;
                }
                if probes.is_empty() {
                    return Ok(());
                }
                let payload = file.chunk(fence.chunk(), &mut scratch.bytes)?;
                blocks_of(file, payload, &mut scratch.blocks)?;
                let blocks = &scratch.blocks;
                walk(
                    blocks.len(),
                    |block| blocks[block].first,
                    probes.len(),
                    |i| key(&probes[i]),
                    |block, range| {
                        match_block(&blocks[block], payload, &probes[range], found);
                        Ok(())
                    },
                )
            },
        )
    }
}

/// A key looked for, and a number by which its asker knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) high: u64,
    pub(super) low: u64,
    pub(super) tag: u32,
}

/// Buffers of a look-up.
#[derive(Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    passed: Vec<Probe>,
}

/// Whether reading the filter first is expected to read less than the chunk alone.
fn filter_pays(probes: usize, fence: &Fence) -> bool {
    let chunk = f64::from(fence.chunk_len);
    let still_read = (FALSE_POSITIVES * probes as f64).min(1.0);
    f64::from(fence.filter.len) + still_read * chunk < chunk
}

fn match_block(block: &Block, payload: &[u8], probes: &[Probe], found: &mut dyn FnMut(u32, u32)) {
    let mut keys = [0; BLOCK];
    block.keys(payload, &mut keys);
    let keys = &keys[..block.len];
    let mut at = 0;
    for probe in probes {
        while at < keys.len() && keys[at] < probe.high {
            at += 1;
        }
        // The next probe may have the same high half: `at` stays.
        let same = keys[at..].iter().take_while(|key| **key == probe.high).count();
        for index in at..at + same {
            if block.low(payload, index) == probe.low {
                found(probe.tag, block.row(payload, index));
            }
        }
    }
}

fn blocks_of(file: &FileReader, payload: &[u8], blocks: &mut Vec<Block>) -> Result<()> {
    read_blocks(payload, blocks).ok_or_else(|| file.damaged("a chunk of entries does not decode"))
}

/// Writes a list to a file.
pub(super) struct ListWriter<'a> {
    file: &'a mut FileWriter,
    encoder: ChunkEncoder,
    filter: FilterBuilder,
    list: List,
    last: Entry,
    payload: Vec<u8>,
}

impl<'a> ListWriter<'a> {
    /// Starts a list at the end of `file`.
    pub(super) fn new(file: &'a mut FileWriter) -> Self {
        Self {
            file,
            encoder: ChunkEncoder::default(),
            filter: FilterBuilder::default(),
            list: List::default(),
            last: Entry::default(),
            payload: Vec::new(),
        }
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// Of the file; `Class::Internal` if it is below the last one.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> Result<()> {
        if entry < self.last {
            return Err(Error::internal("entries of an index list are not sorted"));
        }
        self.last = entry;
        if self.encoder.push(entry) {
            self.end_chunk()?;
        }
        Ok(())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// Of the file.
    pub(super) fn finish(mut self) -> Result<List> {
        self.end_chunk()?;
        Ok(self.list)
    }

    fn end_chunk(&mut self) -> Result<()> {
        let keys = self.encoder.end();
        let Some(first) = keys.first().copied() else {
            return Ok(());
        };
        self.filter.build(keys, &mut self.payload);
        let filter = self.file.chunk(&self.payload)?;
        self.encoder.finish(&mut self.payload);
        let chunk = self.file.chunk(&self.payload)?;
        self.list.fences.push(Fence { first, filter, chunk_len: chunk.len });
        Ok(())
    }
}

/// Reads a list from end to end, block by block.
pub(super) struct ListCursor<'a> {
    file: &'a FileReader,
    fences: std::slice::Iter<'a, Fence>,
    bytes: Vec<u8>,
    blocks: Vec<Block>,
    next: usize,
}

impl<'a> ListCursor<'a> {
    /// Starts before the first block.
    pub(super) fn new(file: &'a FileReader, list: &'a List) -> Self {
        Self { file, fences: list.fences.iter(), bytes: Vec::new(), blocks: Vec::new(), next: 0 }
    }

    /// Decodes the next block into `entries`; false at the end.
    ///
    /// # Errors
    /// Of the file.
    pub(super) fn next(&mut self, entries: &mut Entries) -> Result<bool> {
        if self.next == self.blocks.len() {
            let Some(fence) = self.fences.next() else {
                return Ok(false);
            };
            let payload = self.file.chunk(fence.chunk(), &mut self.bytes)?;
            blocks_of(self.file, payload, &mut self.blocks)?;
            self.next = 0;
        }
        let Some(block) = self.blocks.get(self.next) else {
            return Err(self.file.damaged("a chunk of entries is empty"));
        };
        self.next += 1;
        block.decode(FileReader::payload(&self.bytes), entries);
        Ok(true)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    const KIND: [u8; 8] = *b"TESTLIST";

    fn written(folder: &Path, entries: &[Entry]) -> (FileReader, List) {
        let path = folder.join("list");
        let mut file = FileWriter::create(&path, 0, KIND).unwrap();
        let mut writer = ListWriter::new(&mut file);
        for entry in entries {
            writer.push(*entry).unwrap();
        }
        let list = writer.finish().unwrap();
        let mut footer = Vec::new();
        list.put(&mut footer);
        let record = file.finish(&footer).unwrap();
        let (reader, footer) = FileReader::open(&path, &record, KIND).unwrap();
        (reader, List::get(&mut &footer[..]).unwrap())
    }

    fn found(file: &FileReader, list: &List, keys: &[(u64, u64)]) -> Vec<(u32, u32)> {
        let probes: Vec<Probe> = keys
            .iter()
            .enumerate()
            .map(|(i, (high, low))| Probe { high: *high, low: *low, tag: i as u32 })
            .collect();
        let mut hits = Vec::new();
        list.look_up(file, &probes, &mut Scratch::default(), &mut |tag, row| hits.push((tag, row))).unwrap();
        hits
    }

    fn spread(i: u64) -> u64 {
        i.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn look_ups_and_scans_agree_with_the_entries(
            seed in any::<u64>(),
            count in 0_u64..40_000,
            distinct in 1_u64..30_000,
            wide in any::<bool>(),
            asked in prop::collection::vec(0_u64..60_000, 0..300),
        ) {
            let key = |i: u64| {
                let high = spread(i / 2 + 1);
                (high, if wide { spread(i ^ seed) } else { 0 })
            };
            let mut entries: Vec<Entry> = (0..count)
                .map(|i| {
                    let (high, low) = key(spread(i ^ seed) % distinct);
                    Entry { high, low, row: i as u32 }
                })
                .collect();
            entries.sort_unstable();
            let mut keys: Vec<(u64, u64)> = asked.into_iter().map(key).collect();
            keys.sort_unstable();
            keys.dedup();

            let folder = tempfile::tempdir().unwrap();
            let (file, list) = written(folder.path(), &entries);
            let mut cursor = ListCursor::new(&file, &list);
            let (mut block, mut scanned) = (Entries::default(), Vec::new());
            while cursor.next(&mut block).unwrap() {
                scanned.extend((0..block.len()).map(|index| block.get(index)));
            }
            prop_assert_eq!(&scanned, &entries);

            let mut expected = Vec::new();
            for (tag, key) in keys.iter().enumerate() {
                let start = entries.partition_point(|e| (e.high, e.low) < *key);
                let same = entries[start..].iter().take_while(|e| (e.high, e.low) == *key);
                expected.extend(same.map(|e| (tag as u32, e.row)));
            }
            let mut all = found(&file, &list, &keys);
            all.sort_unstable();
            prop_assert_eq!(&all, &expected);
            // One key at a time goes through the filters.
            for (tag, key) in keys.iter().enumerate().take(20) {
                let alone: Vec<u32> = found(&file, &list, &[*key]).into_iter().map(|(_, row)| row).collect();
                let together: Vec<u32> =
                    expected.iter().filter(|(t, _)| *t == tag as u32).map(|(_, row)| *row).collect();
                prop_assert_eq!(alone, together);
            }
        }
    }

    #[test]
    fn one_key_over_many_chunks_is_found_whole() {
        let entries: Vec<Entry> = (0..200_000).map(|row| Entry { high: 77, low: 0, row }).collect();
        let folder = tempfile::tempdir().unwrap();
        let (file, list) = written(folder.path(), &entries);
        assert!(list.fences.len() > 3);
        let rows: Vec<u32> =
            found(&file, &list, &[(3, 0), (77, 0), (99, 0)]).into_iter().map(|h| h.1).collect();
        assert_eq!(rows, (0..200_000).collect::<Vec<u32>>());
    }

    #[test]
    fn filters_are_read_for_few_keys_only() {
        let fence = Fence { first: 0, filter: ChunkRef { offset: 0, len: 8_000 }, chunk_len: 65_000 };
        assert!(filter_pays(1, &fence));
        assert!(filter_pays(10, &fence));
        assert!(!filter_pays(100, &fence));
    }

    #[test]
    fn unsorted_entries_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = FileWriter::create(&folder.path().join("list"), 0, KIND).unwrap();
        let mut writer = ListWriter::new(&mut file);
        writer.push(Entry { high: 2, low: 0, row: 0 }).unwrap();
        assert!(writer.push(Entry { high: 1, low: 0, row: 0 }).is_err());
    }
}
