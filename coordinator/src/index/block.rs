//! A chunk of a sorted list of entries, delta bit-packed in blocks, so that a look-up decodes only the blocks it needs.
//!
//! ```text
//! entries u32 · a head a block · bodies · padding
//! head:  first key u64 · bits a delta u8 · bits a low half u8 · bits a row u8
//! body:  deltas of the keys but the first · low halves · rows, each packed to whole bytes
//! ```

use bytes::{Buf, BufMut};

use super::bits::{PAD, pack, packed_len, unpack, unpack_all, width};

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

/// The entries of a block, field by field, since each field is packed by itself.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    highs: [u64; BLOCK],
    lows: [u64; BLOCK],
    rows: [u64; BLOCK],
    len: usize,
}

impl Default for Entries {
    fn default() -> Self {
        Self { highs: [0; BLOCK], lows: [0; BLOCK], rows: [0; BLOCK], len: 0 }
    }
}

impl Entries {
    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry at `index`.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Entry {
        Entry { high: self.highs[index], low: self.lows[index], row: self.rows[index] as u32 }
    }

    /// Gives each entry the row that `row` makes of its own; those for which it makes none go.
    ///
    /// # Errors
    /// Of `row`.
    pub(super) fn map_rows<E>(&mut self, row: impl Fn(u32) -> Result<Option<u32>, E>) -> Result<(), E> {
        let mut kept = 0;
        for index in 0..self.len {
            if let Some(row) = row(self.rows[index] as u32)? {
                self.highs[kept] = self.highs[index];
                self.lows[kept] = self.lows[index];
                self.rows[kept] = u64::from(row);
                kept += 1;
            }
        }
        self.len = kept;
        Ok(())
    }

    /// Appends an entry; says whether the block is full.
    #[inline]
    fn push(&mut self, entry: Entry) -> bool {
        self.highs[self.len] = entry.high;
        self.lows[self.len] = entry.low;
        self.rows[self.len] = u64::from(entry.row);
        self.len += 1;
        self.len == BLOCK
    }
}

/// Packs sorted entries into a chunk.
#[derive(Default)]
pub(super) struct ChunkEncoder {
    heads: Vec<u8>,
    bodies: Vec<u8>,
    block: Entries,
    /// Distinct high halves of the blocks that are packed, in order.
    keys: Vec<u64>,
    entries: u32,
}

impl ChunkEncoder {
    /// Adds an entry that is not below the last one; says whether the chunk is full.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> bool {
        self.block.push(entry) && self.end_block()
    }

    /// Ends the chunk: no entry follows. Returns the distinct high halves of its keys, in order.
    pub(super) fn end(&mut self) -> &[u64] {
        if self.block.len > 0 {
            self.end_block();
        }
        &self.keys
    }

    /// Moves the chunk, which has ended, to `payload`.
    pub(super) fn finish(&mut self, payload: &mut Vec<u8>) {
        payload.clear();
        payload.put_u32_le(self.entries);
        payload.extend_from_slice(&self.heads);
        payload.extend_from_slice(&self.bodies);
        payload.extend_from_slice(&[0; PAD]);
        self.heads.clear();
        self.bodies.clear();
        self.keys.clear();
        self.entries = 0;
    }

    /// Packs the block, which is not empty; says whether the chunk is full.
    fn end_block(&mut self) -> bool {
        let len = self.block.len;
        let first = self.block.highs[0];
        let mut deltas = [0; BLOCK];
        for (delta, pair) in deltas.iter_mut().zip(self.block.highs[..len].windows(2)) {
            *delta = pair[1] - pair[0];
        }
        self.heads.put_u64_le(first);
        for numbers in [&deltas[..len - 1], &self.block.lows[..len], &self.block.rows[..len]] {
            let bits = width(numbers.iter().fold(0, |all, number| all | number));
            self.heads.push(bits as u8);
            pack(numbers, bits, &mut self.bodies);
        }
        if self.keys.last() != Some(&first) {
            self.keys.push(first);
        }
        if deltas[..len - 1].contains(&0) {
            let pairs = self.block.highs[..len].windows(2);
            self.keys.extend(pairs.filter(|pair| pair[0] != pair[1]).map(|pair| pair[1]));
        } else {
            self.keys.extend_from_slice(&self.block.highs[1..len]);
        }
        self.entries += len as u32;
        self.block.len = 0;
        self.heads.len() + self.bodies.len() >= FULL
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
    #[inline]
    pub(super) fn keys(&self, payload: &[u8], keys: &mut [u64; BLOCK]) {
        unpack_all(&payload[self.deltas_at..], self.widths[0], &mut keys[1..self.len]);
        keys[0] = self.first;
        let mut key = self.first;
        for place in &mut keys[1..self.len] {
            key = key.wrapping_add(*place);
            *place = key;
        }
    }

    /// All entries.
    pub(super) fn decode(&self, payload: &[u8], entries: &mut Entries) {
        entries.len = self.len;
        self.keys(payload, &mut entries.highs);
        unpack_all(&payload[self.lows_at()..], self.widths[1], &mut entries.lows[..self.len]);
        unpack_all(&payload[self.rows_at()..], self.widths[2], &mut entries.rows[..self.len]);
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
        let mut all = Vec::new();
        let mut entries = Entries::default();
        for block in blocks {
            block.decode(payload, &mut entries);
            for index in 0..entries.len() {
                let entry = entries.get(index);
                assert_eq!((entry.low, entry.row), (block.low(payload, index), block.row(payload, index)));
                all.push(entry);
            }
        }
        all
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
            let mut keys: Vec<u64> = entries.iter().map(|entry| entry.high).collect();
            keys.dedup();
            prop_assert_eq!(encoder.end(), keys);
            encoder.finish(&mut payload);
            prop_assert!(encoder.end().is_empty());
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
        encoder.end();
        encoder.finish(&mut payload);
        assert!(full.is_some());
        assert!((62 << 10..66 << 10).contains(&payload.len()), "{} bytes", payload.len());
    }
}
