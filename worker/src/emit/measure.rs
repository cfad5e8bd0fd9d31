//! What is measured of the documents that are written, for the readiness report.

use std::collections::BTreeMap;
use std::io::Write as _;

use tamis_common::artefact::{ContentsWriter, FileEntry, Survivor, TermCount, write_measures};
use tamis_common::ids::{DocRef, ShardId};
use tamis_common::measure::{NEIGHBOURS, Neighbours, Ngrams, TokenMeasures};
use tamis_common::sieve::filter::{Terms, likeliest_language};
use tamis_common::stats::Measured;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};
use xxhash_rust::xxh3::xxh3_128;

use super::EmitContext;
use crate::sample::one_in;

/// Below it the identifier guesses.
const LEAST_SURE: f32 = 0.5;
/// What is said of such a text.
const UNSURE: &str = "other";
/// The level at which compression ratios are told everywhere.
const LEVEL: i32 = 3;

/// The measures of one shard.
pub(super) struct Measuring<'a> {
    shard: ShardId,
    contents: ContentsWriter,
    tokens: TokenMeasures,
    neighbours: Neighbours,
    terms: Option<&'a Terms>,
    lexicon: Vec<TermCount>,
    /// By term, the last document that it was counted for.
    seen_in: Vec<u64>,
    sample_one_in: u128,
    languages: BTreeMap<&'static str, u64>,
    compressed: zstd::stream::write::Encoder<'static, CountBytes>,
    measured: Measured,
    docs: u64,
}

impl<'a> Measuring<'a> {
    /// # Errors
    /// As [`Storage::create`].
    pub(super) fn create(ctx: &EmitContext<'a>) -> Result<Self> {
        let terms = ctx.lexicon.map_or(0, Terms::len);
        Ok(Self {
            shard: ctx.shard.id,
            contents: ContentsWriter::create(ctx.storage, ctx.work)?,
            tokens: TokenMeasures::default(),
            neighbours: Neighbours::new(NEIGHBOURS),
            terms: ctx.lexicon,
            lexicon: vec![TermCount::default(); terms],
            seen_in: vec![0; terms],
            sample_one_in: one_in(ctx.shard),
            languages: BTreeMap::new(),
            compressed: zstd::stream::write::Encoder::new(CountBytes(0), LEVEL).map_err(compression)?,
            measured: Measured::default(),
            docs: 0,
        })
    }

    /// Measures a document; `ids`: its tokens, if the job has a tokenizer.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn add(&mut self, document: &Survivor<'_>, ids: Option<&[u32]>) -> Result<()> {
        let text = document.text;
        let hash = xxh3_128(text.as_bytes());
        self.docs += 1;
        self.contents.push(hash)?;
        if let Some(ids) = ids {
            // The lowest bit chooses samples, so another one halves.
            self.tokens.unigrams.add((hash >> 64) as usize & 1, ids);
            if let Some(smallest) = self.tokens.ngrams.add(ids)
                && self.neighbours.takes(smallest)
            {
                self.neighbours.add(Ngrams::neighbour(DocRef::new(self.shard, document.record), ids));
            }
        }
        if let Some(terms) = self.terms {
            terms.each_hit(text, |hit| {
                let count = &mut self.lexicon[hit.id];
                count.hits += 1;
                count.docs += u64::from(std::mem::replace(&mut self.seen_in[hit.id], self.docs) != self.docs);
                self.measured.lexicon_chars += u64::from(hit.chars);
            });
        }
        if hash.is_multiple_of(self.sample_one_in) {
            let sure = likeliest_language(text).filter(|(_, score)| *score >= LEAST_SURE);
            *self.languages.entry(sure.map_or(UNSURE, |(language, _)| language)).or_default() += 1;
            self.measured.sampled_bytes += text.len() as u64;
            self.compressed.write_all(text.as_bytes()).map_err(compression)?;
        }
        Ok(())
    }

    /// Writes the tables.
    ///
    /// # Errors
    /// Of the store.
    pub(super) fn finish(mut self, storage: &Storage, work: &Uri) -> Result<(Vec<FileEntry>, Measured)> {
        if self.measured.sampled_bytes > 0 {
            self.measured.compressed_bytes = self.compressed.finish().map_err(compression)?.0;
        }
        let languages = self.languages.into_iter();
        self.measured.languages = languages.map(|(name, docs)| (name.to_owned(), docs)).collect();
        let mut files =
            write_measures(storage, work, self.tokens, &self.neighbours, &self.lexicon, &mut self.measured)?;
        files.push(self.contents.finish(self.docs)?);
        Ok((files, self.measured))
    }
}

fn compression(error: std::io::Error) -> Error {
    Error::internal(format!("a sample cannot be compressed: {error}")).with_source(error)
}

/// Takes what is written and keeps its length.
struct CountBytes(u64);

impl std::io::Write for CountBytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
