//! What emit measured of a shard: tables beside its output, which are read for the report and not published.

use super::FileEntry;
use super::numbers::{NumbersWriter, for_each_row};
use crate::error::Result;
use crate::ids::{DocRef, ShardId};
use crate::measure::{KEPT, LENGTHS, Neighbour, Neighbours, Theta, TokenMeasures};
use crate::stats::Measured;
use crate::storage::{Storage, Uri, Written};

/// The folder of these tables below that of an attempt.
pub const MEASURES: &str = "measure/";
const UNIGRAMS: &str = "measure/unigrams.parquet";
const UNIGRAM_COLUMNS: [&str; 3] = ["token", "first_half", "second_half"];
const NGRAMS: &str = "measure/ngrams.parquet";
const NGRAM_COLUMNS: [&str; 2] = ["length", "hash"];
const NEIGHBOURS: &str = "measure/neighbours.parquet";
const NEIGHBOUR_COLUMNS: [&str; 2] = ["record", "hash"];
const LEXICON: &str = "measure/lexicon.parquet";
const LEXICON_COLUMNS: [&str; 3] = ["term", "hits", "docs"];
const CONTENTS: &str = "measure/contents.parquet";
const CONTENT_COLUMNS: [&str; 2] = ["high", "low"];

/// How often a term of the lexicon was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermCount {
    /// Occurrences.
    pub hits: u64,
    /// Documents with one.
    pub docs: u64,
}

/// Writes the hash of each text that is written, as it is written.
pub struct ContentsWriter(NumbersWriter);

impl ContentsWriter {
    /// Starts the file below the folder of an attempt.
    ///
    /// # Errors
    /// As [`Storage::create`].
    pub fn create(storage: &Storage, work: &Uri) -> Result<Self> {
        NumbersWriter::create(storage, &work.join(CONTENTS), &CONTENT_COLUMNS).map(Self)
    }

    /// Appends the xxh3-128 of a text.
    ///
    /// # Errors
    /// Of the store.
    pub fn push(&mut self, hash: u128) -> Result<()> {
        self.0.push(&[(hash >> 64) as u64, hash as u64])
    }

    /// Ends the file; `docs` is the number of texts.
    ///
    /// # Errors
    /// Of the store.
    pub fn finish(self, docs: u64) -> Result<FileEntry> {
        Ok(entry(CONTENTS, self.0.finish()?, docs))
    }
}

/// Calls `each` with the hash of each text of a shard, in record order.
///
/// # Errors
/// Of the store, or of `each`.
pub fn for_each_content(storage: &Storage, work: &Uri, mut each: impl FnMut(u128)) -> Result<()> {
    for_each_row(storage.open(&work.join(CONTENTS))?, CONTENT_COLUMNS, |[high, low]| {
        each(u128::from(high) << 64 | u128::from(low));
        Ok(())
    })
}

fn entry(name: &str, written: Written, records: u64) -> FileEntry {
    FileEntry { name: name.to_owned(), written, content_sha256: None, records }
}

/// Writes the tables of a shard, and puts what is not in them into `measured`.
///
/// # Errors
/// As [`Storage::create`].
pub fn write_measures(
    storage: &Storage,
    work: &Uri,
    tokens: TokenMeasures,
    neighbours: &Neighbours,
    lexicon: &[TermCount],
    measured: &mut Measured,
) -> Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    let mut write = |name: &str, columns: &[&str], rows: &mut dyn Iterator<Item = Vec<u64>>| {
        let mut writer = NumbersWriter::create(storage, &work.join(name), columns)?;
        let mut records = 0;
        for row in rows {
            writer.push(&row)?;
            records += 1;
        }
        files.push(entry(name, writer.finish()?, records));
        Result::Ok(())
    };
    let [first, second] = &tokens.unigrams.0;
    let at = |half: &[u64], token: usize| half.get(token).copied().unwrap_or_default();
    let mut unigrams = (0..first.len().max(second.len()))
        .map(|token| vec![token as u64, at(first, token), at(second, token)])
        .filter(|row| row[1] + row[2] > 0);
    write(UNIGRAMS, &UNIGRAM_COLUMNS, &mut unigrams)?;

    measured.ngrams = tokens.ngrams.occurrences;
    let mut different = Vec::new();
    for (place, theta) in tokens.ngrams.different.into_iter().enumerate() {
        let (bound, hashes) = theta.into_parts();
        measured.ngram_bounds[place] = bound;
        different.extend(hashes.into_iter().map(|hash| vec![LENGTHS[place] as u64, hash]));
    }
    write(NGRAMS, &NGRAM_COLUMNS, &mut different.into_iter())?;

    measured.neighbours_bound = neighbours.bound();
    let mut rows = neighbours.iter().flat_map(|neighbour| {
        let record = u64::from(neighbour.doc.record());
        neighbour.sketch.iter().map(move |hash| vec![record, *hash])
    });
    write(NEIGHBOURS, &NEIGHBOUR_COLUMNS, &mut rows)?;

    let mut terms = (0..)
        .zip(lexicon)
        .filter(|(_, count)| count.hits > 0)
        .map(|(term, count)| vec![term, count.hits, count.docs]);
    write(LEXICON, &LEXICON_COLUMNS, &mut terms)?;
    Ok(files)
}

/// Adds the tables of a shard to those of its source, and its sampled documents to those of the job.
///
/// # Errors
/// Of the store.
pub fn read_measures(
    storage: &Storage,
    (work, shard): (&Uri, ShardId),
    measured: &Measured,
    tokens: &mut TokenMeasures,
    neighbours: &mut Neighbours,
    lexicon: &mut [TermCount],
) -> Result<()> {
    for_each_row(storage.open(&work.join(UNIGRAMS))?, UNIGRAM_COLUMNS, |[token, first, second]| {
        tokens.unigrams.add_count(0, token as u32, first);
        tokens.unigrams.add_count(1, token as u32, second);
        Ok(())
    })?;
    let mut different: [Vec<u64>; 3] = Default::default();
    for_each_row(storage.open(&work.join(NGRAMS))?, NGRAM_COLUMNS, |[length, hash]| {
        if let Some(place) = LENGTHS.iter().position(|known| *known as u64 == length) {
            different[place].push(hash);
        }
        Ok(())
    })?;
    for (place, hashes) in different.into_iter().enumerate() {
        tokens.ngrams.occurrences[place] += measured.ngrams[place];
        let theta = Theta::from_parts(KEPT, measured.ngram_bounds[place], hashes);
        tokens.ngrams.different[place].merge(&theta);
    }

    neighbours.bound_by(measured.neighbours_bound);
    let mut last: Option<Neighbour> = None;
    for_each_row(storage.open(&work.join(NEIGHBOURS))?, NEIGHBOUR_COLUMNS, |[record, hash]| {
        let doc = DocRef::new(shard, record as u32);
        match &mut last {
            Some(neighbour) if neighbour.doc == doc => neighbour.sketch.push(hash),
            other => {
                let begun = other.replace(Neighbour { doc, sketch: vec![hash] });
                begun.into_iter().for_each(|whole| neighbours.add(whole));
            }
        }
        Ok(())
    })?;
    last.into_iter().for_each(|whole| neighbours.add(whole));

    for_each_row(storage.open(&work.join(LEXICON))?, LEXICON_COLUMNS, |[term, hits, docs]| {
        if let Some(count) = lexicon.get_mut(term as usize) {
            count.hits += hits;
            count.docs += docs;
        }
        Ok(())
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::measure::Ngrams;

    #[tokio::test(flavor = "multi_thread")]
    async fn measures_of_shards_come_back_as_those_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(tokio::runtime::Handle::current());
        let documents: Vec<Vec<u32>> =
            (0..90_u32).map(|n| (0..20 + n % 50).map(|i| (i * 7 + n % 30) % 211).collect()).collect();
        let measure = |documents: &[Vec<u32>], shard: u32| {
            let mut tokens = TokenMeasures::default();
            let mut neighbours = Neighbours::new(1_000);
            for (record, ids) in (0..).zip(documents) {
                tokens.unigrams.add(ids.len(), ids);
                tokens.ngrams.add(ids);
                neighbours.add(Ngrams::neighbour(DocRef::new(ShardId(shard), record), ids));
            }
            (tokens, neighbours)
        };
        let (mut tokens, mut neighbours) = (TokenMeasures::default(), Neighbours::new(1_000));
        let mut lexicon = vec![TermCount::default(); 2];
        for (shard, part) in (0..).zip(documents.chunks(40)) {
            let work = Uri::from_path(folder.path()).unwrap().join(&shard.to_string());
            let (of_part, sample) = measure(part, shard);
            let terms = [TermCount::default(), TermCount { hits: 2, docs: 1 }];
            let mut measured = Measured::default();
            let files = write_measures(&storage, &work, of_part, &sample, &terms, &mut measured).unwrap();
            assert!(files.iter().all(|file| file.name.starts_with(MEASURES)));
            let place = (&work, ShardId(shard));
            read_measures(&storage, place, &measured, &mut tokens, &mut neighbours, &mut lexicon).unwrap();
        }
        let (whole, sample) = measure(&documents, 0);
        assert_eq!(tokens.unigrams, whole.unigrams);
        assert_eq!(tokens.ngrams.occurrences, whole.ngrams.occurrences);
        for (read, made) in tokens.ngrams.different.iter().zip(&whole.ngrams.different) {
            assert_eq!(read.distinct(), made.distinct());
        }
        assert_eq!(neighbours.len(), sample.len());
        assert_eq!(lexicon, [TermCount::default(), TermCount { hits: 6, docs: 3 }]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn hashes_of_texts_come_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::new(tokio::runtime::Handle::current());
        let work = Uri::from_path(folder.path()).unwrap();
        let mut writer = ContentsWriter::create(&storage, &work).unwrap();
        let hashes = [1_u128, u128::MAX, 1 << 100];
        hashes.iter().for_each(|hash| writer.push(*hash).unwrap());
        assert_eq!(writer.finish(3).unwrap().records, 3);
        let mut read = Vec::new();
        for_each_content(&storage, &work, |hash| read.push(hash)).unwrap();
        assert_eq!(read, hashes);
    }
}
