//! A chunk of a sorted list of entries, delta bit-packed in blocks, so that a look-up decodes only the blocks it needs.
//!
//! ```text
//! entries u32 · a head a block · bodies · padding
//! head:  first key u64 · bits a delta u8 · bits a low half u8 · bits a row u8
//! body:  deltas of the keys but the first · low halves · rows, each packed to whole bytes
//! ```

use bytes::{Buf, BufMut};

use super::bits::{PAD, pack, packed_len, unpack, width};

/// Entries a block; the last one of a chunk may have fewer.
pub(super) const BLOCK: usize = 128;

/// Bytes from which a chunk is full: with its last block it stays near 64 KiB.
const FULL: usize = (64 << 10) - 1536;
const HEAD: usize = 11;

/// An entry of a list: a key, and the row of the run that has it. A band's key is `high`, a hash has both halves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) high: u64,
    pub(super) low: u64,
    pub(super) row: u32,
}

/// Packs sorted entries into a chunk.
#[derive(Default)]
pub(super) struct ChunkEncoder {
    heads: Vec<u8>,
    bodies: Vec<u8>,
    block: Vec<Entry>,
    entries: u32,
}

impl ChunkEncoder {
    /// Adds an entry that is not below the last one; says whether the chunk is full.
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        self.block.push(entry);
        self.entries += 1;
        if self.block.len() < BLOCK {
            return false;
        }
        self.end_block();
        self.heads.len() + self.bodies.len() >= FULL
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Moves the chunk to `payload`.
    pub(super) fn finish(&mut self, payload: &mut Vec<u8>) {
        self.end_block();
        payload.clear();
        payload.put_u32_le(self.entries);
        payload.extend_from_slice(&self.heads);
        payload.extend_from_slice(&self.bodies);
        payload.extend_from_slice(&[0; PAD]);
        self.heads.clear();
        self.bodies.clear();
        self.entries = 0;
    }

    fn end_block(&mut self) {
        let Some(first) = self.block.first() else {
            return;
        };
        let (mut deltas, mut lows, mut rows) = (0, 0, 0);
        let mut before = first.high;
        for entry in &self.block {
            deltas |= entry.high - before;
            lows |= entry.low;
            rows |= u64::from(entry.row);
            before = entry.high;
        }
        let widths = [deltas, lows, rows].map(width);
        self.heads.put_u64_le(first.high);
        self.heads.extend(widths.map(|bits| bits as u8));
        let pairs = self.block.iter().zip(&self.block[1..]);
        pack(pairs.map(|(before, entry)| entry.high - before.high), widths[0], &mut self.bodies);
        pack(self.block.iter().map(|entry| entry.low), widths[1], &mut self.bodies);
        pack(self.block.iter().map(|entry| u64::from(entry.row)), widths[2], &mut self.bodies);
        self.block.clear();
    }
}

/// Where a block of a chunk stands and how wide its numbers are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Its first key.
    pub(super) first: u64,
    /// Its entries.
    pub(super) len: usize,
    deltas_at: usize,
    widths: [u32; 3],
}

/// Fills `blocks` with those of a chunk; `None`: it is no such chunk.
pub(super) fn read_blocks(payload: &[u8], blocks: &mut Vec<Block>) -> Option<()> {
    blocks.clear();
    let mut heads = payload;
    let entries = heads.try_get_u32_le().ok()? as usize;
    let count = entries.div_ceil(BLOCK);
    let mut at = size_of::<u32>() + count * HEAD;
    for index in 0..count {
        let first = heads.try_get_u64_le().ok()?;
        let mut widths = [0; 3];
        for bits in &mut widths {
            *bits = u32::from(heads.try_get_u8().ok()?);
        }
        if widths[0] > 64 || widths[1] > 64 || widths[2] > 32 {
            return None;
        }
        let len = BLOCK.min(entries - index * BLOCK);
        let block = Block { first, len, deltas_at: at, widths };
        at = block.end();
        blocks.push(block);
    }
    (at + PAD == payload.len()).then_some(())
}

impl Block {
    /// The keys' high halves, as many as the block has entries; the rest of `keys` is left as it is.
    pub(super) fn keys(&self, payload: &[u8], keys: &mut [u64; BLOCK]) {
        let deltas = &payload[self.deltas_at..];
        let mut key = self.first;
        keys[0] = key;
        for (index, place) in keys[1..self.len].iter_mut().enumerate() {
            key = key.wrapping_add(unpack(deltas, index, self.widths[0]));
            *place = key;
        }
    }

    /// The low half of the key at `index`.
    pub(super) fn low(&self, payload: &[u8], index: usize) -> u64 {
        unpack(&payload[self.lows_at()..], index, self.widths[1])
    }

    /// The row at `index`.
    pub(super) fn row(&self, payload: &[u8], index: usize) -> u32 {
        unpack(&payload[self.rows_at()..], index, self.widths[2]) as u32
    }

    fn lows_at(&self) -> usize {
        self.deltas_at + packed_len(self.len - 1, self.widths[0])
    }

    fn rows_at(&self) -> usize {
        self.lows_at() + packed_len(self.len, self.widths[1])
    }

    fn end(&self) -> usize {
        self.rows_at() + packed_len(self.len, self.widths[2])
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(payload: &[u8]) -> Vec<Entry> {
        let mut blocks = Vec::new();
        read_blocks(payload, &mut blocks).unwrap();
        let mut keys = [0; BLOCK];
        let mut entries = Vec::new();
        for block in blocks {
            block.keys(payload, &mut keys);
            entries.extend((0..block.len).map(|i| Entry {
                high: keys[i],
                low: block.low(payload, i),
                row: block.row(payload, i),
            }));
        }
        entries
    }

    fn key() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), 0_u64..4, Just(u64::MAX)]
    }

    proptest! {
        #[test]
        fn entries_come_back_in_order(
            entries in prop::collection::vec((key(), key(), any::<u32>()), 1..600),
        ) {
            let mut entries: Vec<Entry> =
                entries.into_iter().map(|(high, low, row)| Entry { high, low, row }).collect();
            entries.sort_unstable();
            let mut encoder = ChunkEncoder::default();
            for entry in &entries {
                encoder.push(*entry);
            }
            let mut payload = Vec::new();
            encoder.finish(&mut payload);
            prop_assert!(encoder.is_empty());
            prop_assert_eq!(decoded(&payload), entries);
        }

        #[test]
        fn foreign_bytes_are_refused_and_never_read_beyond(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut blocks = Vec::new();
            if read_blocks(&bytes, &mut blocks).is_some() && !blocks.is_empty() {
                decoded(&bytes);
            }
        }
    }

    #[test]
    fn a_full_chunk_is_near_64_kib() {
        let mut encoder = ChunkEncoder::default();
        let mut key = 0_u64;
        let full = (0..20_000).find(|row| {
            key += 1 << 46 | u64::from(row % 97) << 40;
            encoder.push(Entry { high: key, low: 0, row: *row })
        });
        let mut payload = Vec::new();
        encoder.finish(&mut payload);
        assert!(full.is_some());
        assert!((62 << 10..66 << 10).contains(&payload.len()), "{} bytes", payload.len());
    }
}
