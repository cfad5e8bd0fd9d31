//! Samples: the documents of a shard on which costly figures are taken, and the records of a job on which it is tried.

use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::JobSpec;
use tamis_common::storage::Storage;
use tamis_common::{Class, Error, Result};

use tamis_common::read::{RawRecord, read_shard};

/// About this much text of a shard is sampled: enough to plan by, since budgets are filled by exact counts.
const SAMPLE_BYTES: u64 = 128 << 10;
/// Of a small shard, one document in this many: small shards may be many.
const MOST: u64 = 16;
/// Of a large one.
const LEAST: u64 = 1_024;
/// Shards of a source that records are drawn from: enough for variety, few enough to open.
const SHARDS: usize = 16;

/// One document in so many belongs to the sample: those whose hash is a multiple of it.
pub(crate) fn one_in(shard: &Shard) -> u128 {
    (shard.bytes / SAMPLE_BYTES).clamp(MOST, LEAST).into()
}

/// A record of the sample.
pub(crate) struct Drawn<'a> {
    /// The number of its source in the spec.
    pub(crate) source: usize,
    /// Which of the source's shards that were read it is from, counted from 0.
    pub(crate) part: usize,
    /// That shard.
    pub(crate) shard: &'a Shard,
    /// The record.
    pub(crate) record: RawRecord<'a>,
}

/// What the sample tells of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Extent {
    /// As in [`Drawn`].
    pub(crate) source: usize,
    /// As in [`Drawn`].
    pub(crate) part: usize,
    /// Input bytes of the shard.
    pub(crate) bytes: u64,
    /// Records that were drawn.
    pub(crate) records: u64,
    /// Records that the shard has, by those that were drawn.
    pub(crate) in_all: f64,
    /// Whether they are all that it has.
    pub(crate) is_whole: bool,
}

/// Finds how many bytes records take. A reader is ahead of what it has given by a block, but when it fetches one, what it
/// had before is used up.
#[derive(Debug, Default)]
struct Pace {
    /// Records and input bytes when the last block was fetched.
    fetched: Option<(u64, u64)>,
    input_bytes: u64,
}

impl Pace {
    /// Notes how far reading had come at the record of this number.
    fn note(&mut self, record: u64, input_bytes: u64) {
        if self.input_bytes > 0 && input_bytes > self.input_bytes {
            self.fetched = Some((record, self.input_bytes));
        }
        self.input_bytes = input_bytes;
    }

    /// Records of a shard of `bytes` of which `records` were read, the next one at `next`, if places are known.
    fn in_all(&self, bytes: u64, records: u64, next: Option<u64>) -> f64 {
        let (records, read) = match (next, self.fetched) {
            (Some(next), _) if next > 0 => (records, next),
            (_, Some(fetched)) => fetched,
            _ => (records, self.input_bytes),
        };
        if read == 0 { records as f64 } else { records as f64 * bytes as f64 / read as f64 }
    }
}

/// Where in its input, from the beginning of the shard, a record stands; `None`: only its place in the decompressed input,
/// or its row, is known.
fn place_of(shard: &Shard, offset: u64) -> Option<u64> {
    let is_plain = shard.compression == Compression::None && shard.format != Format::Parquet;
    let start = if let Part::Bytes { start, .. } = shard.part { start } else { 0 };
    is_plain.then(|| offset.saturating_sub(start))
}

/// How much is drawn of each source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Records.
    pub(crate) records: usize,
    /// Bytes of records at most, about.
    pub(crate) bytes: u64,
}

/// Draws the first records of shards all over each source.
///
/// # Errors
/// As [`read_shard`], and of `take`.
pub(crate) fn draw(
    storage: &Storage,
    spec: &JobSpec,
    shards: &[Shard],
    of_source: Wanted,
    take: &mut dyn FnMut(Drawn<'_>) -> Result<()>,
) -> Result<Vec<Extent>> {
    let mut extents = Vec::new();
    for (number, source) in spec.sources.iter().enumerate() {
        let of_it: Vec<&Shard> = shards.iter().filter(|shard| usize::from(shard.source) == number).collect();
        let step = of_it.len().div_ceil(SHARDS).max(1);
        let chosen: Vec<&Shard> = of_it.into_iter().step_by(step).collect();
        let mut left = of_source.records;
        for (part, shard) in chosen.iter().enumerate() {
            let wanted = left.div_ceil(chosen.len() - part) as u64;
            let mut extent = Extent { source: number, part, bytes: shard.bytes, ..Extent::default() };
            let most_bytes = of_source.bytes / chosen.len() as u64;
            let mut raw_bytes = 0;
            let mut pace = Pace::default();
            // Where the first record stands that is not drawn.
            let mut next = None;
            let mut is_full = false;
            let read = read_shard(storage, shard, source, spec.run.on_corrupt, &spec.limits, &mut |record| {
                if extent.records == wanted || raw_bytes > most_bytes {
                    is_full = true;
                    next = place_of(shard, record.offset);
                    return Err(Error::new(Class::Cancelled, "the sample is full"));
                }
                raw_bytes += record.raw_bytes;
                pace.note(extent.records, record.input_bytes);
                extent.records += 1;
                take(Drawn { source: number, part, shard, record })
            });
            match read {
                Err(_) if is_full => {}
                Err(error) => return Err(error),
                Ok(_) => extent.is_whole = true,
            }
            extent.in_all = match extent.is_whole {
                true => extent.records as f64,
                false => pace.in_all(shard.bytes, extent.records, next),
            };
            // What a short shard did not give, the next ones may.
            left -= extent.records as usize;
            extents.push(extent);
        }
    }
    Ok(extents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_has_fetched_ahead_does_not_count() {
        let mut pace = Pace::default();
        // Blocks of 1,000 bytes, records of 100: the reader is up to a block ahead.
        (0..25).for_each(|record| pace.note(record, 1_000 * (record / 10 + 1)));
        assert_eq!(pace.in_all(10_000, 25, None), 100.0);
        assert_eq!(pace.in_all(10_000, 25, Some(2_500)), 100.0);
        let mut pace = Pace::default();
        (0..5).for_each(|record| pace.note(record, 1_000));
        assert_eq!(pace.in_all(10_000, 5, None), 50.0, "with a single block nothing better is known");
        assert_eq!(Pace::default().in_all(10, 0, None), 0.0);
    }
}
