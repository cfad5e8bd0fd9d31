//! Bands propose: documents that share an LSH key, and documents and entries that do.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use rayon::prelude::*;
use tamis_common::artefact::{BandRow, BandsReader};
use tamis_common::dedup::radix_sort_by_key;
use tamis_common::{Error, Result};

use super::documents::{Documents, RankedSet};
use super::exact::Exact;
use super::{ResolveInput, ResolveShard};
use crate::index::EntryRef;

/// What bands propose.
pub(super) struct Proposed {
    /// A list of buckets a band.
    pub(super) bands: Vec<Buckets>,
    /// Entries and documents that share a key in any band; sorted, distinct.
    pub(super) with_index: Vec<(EntryRef, u32)>,
    /// Documents whose signatures are to be compared.
    pub(super) needed: RankedSet,
}

/// The buckets of a band with at least two documents: the number of members, then the members in canonical order.
pub(super) enum Buckets {
    Memory(Vec<u32>),
    /// As many words, little-endian.
    File(File, usize),
}

impl Buckets {
    fn keep(words: Vec<u32>, input: &ResolveInput<'_>) -> Result<Self> {
        let bytes = words.len() as u64 * 4 * u64::from(input.params.bands);
        if bytes <= input.memory / 4 {
            return Ok(Self::Memory(words));
        }
        let wrong = |e| Error::io("write buckets to", input.scratch.display(), e);
        let mut file = tempfile::tempfile_in(input.scratch).map_err(wrong)?;
        let mut buffer = Vec::with_capacity(1 << 16);
        for words in words.chunks(1 << 14) {
            buffer.clear();
            buffer.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            file.write_all(&buffer).map_err(wrong)?;
        }
        Ok(Self::File(file, words.len()))
    }

    /// Calls `each` with the members of every bucket.
    pub(super) fn for_each(
        &self,
        input: &ResolveInput<'_>,
        mut each: impl FnMut(&[u32]) -> Result<()>,
    ) -> Result<()> {
        let read;
        let mut words = match self {
            Self::Memory(words) => words.as_slice(),
            Self::File(file, len) => {
                read = read_words(file, *len)
                    .map_err(|e| Error::io("read buckets from", input.scratch.display(), e))?;
                read.as_slice()
            }
        };
        while let Some((count, rest)) = words.split_first() {
            let (members, rest) = rest.split_at(*count as usize);
            each(members)?;
            words = rest;
        }
        Ok(())
    }
}

fn read_words(mut file: &File, len: usize) -> std::io::Result<Vec<u32>> {
    file.seek(SeekFrom::Start(0))?;
    let mut words = Vec::with_capacity(len);
    let mut buffer = vec![0; 1 << 16];
    while words.len() < len {
        let bytes = buffer.len().min((len - words.len()) * 4);
        file.read_exact(&mut buffer[..bytes])?;
        let (read, _) = buffer[..bytes].as_chunks::<4>();
        words.extend(read.iter().map(|word| u32::from_le_bytes(*word)));
    }
    Ok(words)
}

/// Sorts each band and collects what shares a key, as many bands at once as memory allows.
pub(super) fn propose(
    input: &ResolveInput<'_>,
    shards: &[&ResolveShard],
    documents: &Documents,
    exact: &Exact,
) -> Result<Proposed> {
    let budget = (input.memory / 4).max(1);
    let bytes = u64::from(documents.len()).max(1) * 2 * size_of::<BandRow>() as u64;
    let at_once = (budget / bytes).clamp(1, rayon::current_num_threads() as u64) as usize;
    let parts = ResolveInput::parts(bytes, budget);
    let all: Vec<u32> = (0..input.params.bands).collect();
    let mut proposed = Proposed { bands: Vec::new(), with_index: Vec::new(), needed: RankedSet::default() };
    for bands in all.chunks(at_once) {
        let sorted: Vec<_> = bands
            .par_iter()
            .map(|band| Band { input, documents, exact, band: *band }.propose(shards, parts))
            .collect::<Result<_>>()?;
        for (buckets, with_index) in sorted {
            buckets.for_each(input, |members| {
                members.iter().for_each(|doc| proposed.needed.insert(*doc));
                Ok(())
            })?;
            proposed.bands.push(buckets);
            with_index.iter().for_each(|(_, doc)| proposed.needed.insert(*doc));
            // Most pairs stand in several bands.
            proposed.with_index.extend(with_index);
            proposed.with_index.sort();
            proposed.with_index.dedup();
        }
    }
    proposed.needed.rank();
    Ok(proposed)
}

struct Band<'a> {
    input: &'a ResolveInput<'a>,
    documents: &'a Documents,
    exact: &'a Exact,
    band: u32,
}

impl Band<'_> {
    fn propose(&self, shards: &[&ResolveShard], parts: u64) -> Result<(Buckets, Vec<(EntryRef, u32)>)> {
        let (mut rows, mut scratch) = (Vec::new(), Vec::new());
        let (mut words, mut with_index) = (Vec::new(), Vec::new());
        for part in 0..parts {
            self.read(shards, (part, parts), &mut rows)?;
            // Rows of equal keys stand in canonical order, and keep it.
            radix_sort_by_key(&mut rows, &mut scratch, |row| row.key);
            self.collect_buckets(&rows, &mut words)?;
            self.look_up(&mut rows, &mut with_index)?;
        }
        Ok((Buckets::keep(words, self.input)?, with_index))
    }

    /// Reads the rows of one of several parts of equal size, without copies of earlier documents.
    fn read(
        &self,
        shards: &[&ResolveShard],
        (part, parts): (u64, u64),
        rows: &mut Vec<BandRow>,
    ) -> Result<()> {
        rows.clear();
        let mut of_shard = Vec::new();
        for shard in shards {
            self.input.check_cancelled()?;
            of_shard.clear();
            let object = self.input.storage.open(&shard.bands)?;
            BandsReader::read_band(object, self.band, &mut of_shard)?;
            for row in &of_shard {
                let in_part = (u128::from(row.key) * u128::from(parts)) >> 64 == u128::from(part);
                if in_part && !self.exact.is_copy(self.documents.number(row.doc)?) {
                    rows.push(*row);
                }
            }
        }
        Ok(())
    }

    fn collect_buckets(&self, rows: &[BandRow], words: &mut Vec<u32>) -> Result<()> {
        for bucket in rows.chunk_by(|a, b| a.key == b.key).filter(|bucket| bucket.len() > 1) {
            words.push(bucket.len() as u32);
            for row in bucket {
                words.push(self.documents.number(row.doc)?);
            }
        }
        Ok(())
    }

    /// Asks the index, but not for documents whose equal it holds.
    fn look_up(&self, rows: &mut Vec<BandRow>, found: &mut Vec<(EntryRef, u32)>) -> Result<()> {
        let Some(index) = self.input.index else { return Ok(()) };
        let mut missing = Ok(());
        rows.retain(|row| match self.documents.number(row.doc) {
            Ok(doc) => !self.exact.in_index.contains(doc),
            Err(e) => {
                missing = Err(e);
                false
            }
        });
        missing?;
        let mut hits = Vec::new();
        index.lookup_band(self.band, rows, &mut |doc, entry| hits.push((entry, doc)))?;
        for (entry, doc) in hits {
            found.push((entry, self.documents.number(doc)?));
        }
        Ok(())
    }
}
