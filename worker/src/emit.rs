//! Emit: the survivors of a shard without those that got a verdict become text, tokens and statistics; all drops of
//! the shard stand in one file.

#[cfg(test)]
mod bench;
mod budget;
mod measure;
mod merge;

pub use budget::Budget;

use tamis_common::artefact::{
    DROPS, Drop, DropCause, FileEntry, SURVIVORS, Survivor, SurvivorsReader, TaskManifest,
};
use tamis_common::shard::Shard;
use tamis_common::sieve::filter::Terms;
use tamis_common::spec::{JobSpec, SourceSpec};
use tamis_common::stats::{Counts, EmitStats, Log2Histogram};
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};

use self::measure::Measuring;
use self::merge::{ScanDrops, Verdicts};
use crate::progress::Progress;
use crate::tokenize::Encoder;
use crate::write::{DropsFile, TextWriter, TokenWriter, text_writer, token_writer};

/// What emit works on.
pub struct EmitContext<'a> {
    /// Where everything is read and written.
    pub storage: &'a Storage,
    /// The job.
    pub spec: &'a JobSpec,
    /// The shard.
    pub shard: &'a Shard,
    /// The folder of its committed scan.
    pub scan: &'a Uri,
    /// The file of its verdicts.
    pub verdicts: &'a Uri,
    /// The folder of this attempt: everything is written below it, under the names that are published.
    pub work: &'a Uri,
    /// The target tokenizer; `None`: no tokens are counted or written.
    pub tokenizer: Option<Encoder<'a>>,
    /// What the shard may give; `None`: all that has no verdict.
    pub budget: Option<Budget>,
    /// The terms whose coverage the report shows.
    pub lexicon: Option<&'a Terms>,
    /// Told of every batch, and asked whether to go on.
    pub progress: &'a Progress,
}

/// Emits a shard: survivors and verdicts merged by record, each survivor dropped or kept, what is kept tokenized,
/// measured and written, all drops of the shard written in record order.
///
/// # Errors
/// Of the store; `Class::Cancelled`; `Class::Internal` if verdicts and survivors do not belong together, or if the
/// fast tokenizer disagrees with the reference.
pub fn emit(ctx: &EmitContext<'_>) -> Result<TaskManifest> {
    let mut tokenizing = ctx.tokenizer.map(Tokenizing::new);
    let mut chosen = match (ctx.budget, &mut tokenizing) {
        (Some(budget), Some(tokenizing)) => Some(budget::choose(ctx, budget, tokenizing)?),
        (Some(_), None) => return Err(Error::internal("a budget of tokens came without a tokenizer")),
        (None, _) => None,
    };
    let mut survivors = SurvivorsReader::open(ctx.storage.open(&ctx.scan.join(SURVIVORS))?)?;
    let mut verdicts = Verdicts::open(ctx.storage.open(ctx.verdicts)?)?;
    let mut drops = DropsOutput::create(ctx)?;
    let mut kept = KeptOutput::create(ctx)?;
    let mut ids = Vec::new();
    let mut read = 0;

    while let Some(batch) = survivors.next_batch()? {
        ctx.progress.check()?;
        let mut batch_bytes = 0;
        for survivor in batch.iter() {
            batch_bytes += survivor.text.len() as u64;
            let record = survivor.record;
            if let Some(verdict) = verdicts.take(record)? {
                drops.push(&survivor, verdict.cause)?;
                continue;
            }
            match (&mut chosen, &mut tokenizing) {
                (Some(chosen), _) => match chosen.take(record, &mut ids)? {
                    Some(cause) => drops.push(&survivor, cause)?,
                    None => kept.push(&survivor, Some(&ids))?,
                },
                (None, Some(tokenizing)) => kept.push(&survivor, Some(tokenizing.tokenize(&survivor)?))?,
                (None, None) => kept.push(&survivor, None)?,
            }
        }
        read += batch.len() as u64;
        ctx.progress.advance(batch_bytes, batch.len() as u64);
    }
    verdicts.finish()?;

    let mut files = Vec::new();
    let mut stats = EmitStats { cutoff: chosen.map(|chosen| chosen.cutoff()), ..EmitStats::default() };
    drops.finish(&mut files, &mut stats)?;
    kept.finish(ctx, &mut files, &mut stats)?;
    if let Some(tokenizing) = tokenizing {
        tokenizing.finish(&mut stats);
    }
    check_sums(read, &stats)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(TaskManifest { files, scan: None, emit: Some(stats) })
}

/// Every survivor ends in exactly one place.
fn check_sums(read: u64, stats: &EmitStats) -> Result<()> {
    let dropped: u64 = stats.dropped.values().map(|counts| counts.docs).sum();
    let by_rule: u64 = stats.drops.values().sum();
    let emitted = stats.emitted.docs;
    if dropped + emitted != read || by_rule != dropped {
        return Err(Error::internal(format!(
            "{read} survivors were read, but {emitted} written and {dropped} dropped, {by_rule} by a rule"
        )));
    }
    Ok(())
}

/// The drops of a shard: those of scan, and the survivors that got a verdict.
struct DropsOutput<'a> {
    source: &'a SourceSpec,
    uri: &'a Uri,
    of_scan: ScanDrops,
    file: DropsFile,
    stats: EmitStats,
}

impl<'a> DropsOutput<'a> {
    fn create(ctx: &EmitContext<'a>) -> Result<Self> {
        let shard = ctx.shard;
        let source = ctx.spec.sources.get(usize::from(shard.source)).ok_or_else(|| {
            Error::internal(format!(
                "shard {} names source {}, which the spec does not have",
                shard.id, shard.source
            ))
        })?;
        Ok(Self {
            source,
            uri: &shard.uri,
            of_scan: ScanDrops::open(ctx.storage.open(&ctx.scan.join(DROPS))?)?,
            file: DropsFile::create(ctx.storage, ctx.work, shard.id)?,
            stats: EmitStats::default(),
        })
    }

    fn push(&mut self, survivor: &Survivor<'_>, cause: DropCause) -> Result<()> {
        while let Some(earlier) = self.of_scan.take_before(survivor.record)? {
            self.file.push(&earlier)?;
        }
        *self.stats.drops.entry(cause.key()).or_default() += 1;
        let counts = self.stats.dropped.entry(cause.stage).or_default();
        counts.add(chars(survivor.text), survivor.text.len() as u64);
        self.file.push(&Drop {
            record: survivor.record,
            source: self.source.name.clone(),
            uri: self.uri.as_str().to_owned(),
            offset: survivor.offset,
            id: Some(survivor.id.to_owned()),
            cause,
        })
    }

    fn finish(mut self, files: &mut Vec<FileEntry>, stats: &mut EmitStats) -> Result<()> {
        while let Some(last) = self.of_scan.take_rest()? {
            self.file.push(&last)?;
        }
        files.push(self.file.finish()?);
        (stats.dropped, stats.drops) = (self.stats.dropped, self.stats.drops);
        Ok(())
    }
}

/// The documents that stay: as text and as tokens.
struct KeptOutput<'a> {
    text: Option<Box<dyn TextWriter>>,
    tokens: Option<Box<dyn TokenWriter>>,
    measuring: Measuring<'a>,
    emitted: Counts,
    token_count: u64,
    token_lengths: Log2Histogram,
}

impl<'a> KeptOutput<'a> {
    fn create(ctx: &EmitContext<'a>) -> Result<Self> {
        let (storage, work, shard, output) = (ctx.storage, ctx.work, ctx.shard.id, &ctx.spec.output);
        let tokens = match ctx.tokenizer {
            Some(encoder) => {
                let vocab_size = encoder.tokenizer().vocab_size();
                token_writer(output.tokens, storage, work, shard, vocab_size, output.level)?
            }
            None => None,
        };
        Ok(Self {
            text: text_writer(output.text, storage, work, shard, output.level)?,
            tokens,
            measuring: Measuring::create(ctx)?,
            emitted: Counts::default(),
            token_count: 0,
            token_lengths: Log2Histogram::default(),
        })
    }

    fn push(&mut self, document: &Survivor<'_>, ids: Option<&[u32]>) -> Result<()> {
        if let Some(text) = &mut self.text {
            text.push(document)?;
        }
        if let Some(ids) = ids {
            let count = ids.len() as u64;
            self.token_count += count;
            self.token_lengths.add(count);
            if let Some(tokens) = &mut self.tokens {
                tokens.push(document, ids)?;
            }
        }
        self.emitted.add(chars(document.text), document.text.len() as u64);
        self.measuring.add(document, ids)
    }

    fn finish(self, ctx: &EmitContext<'_>, files: &mut Vec<FileEntry>, stats: &mut EmitStats) -> Result<()> {
        if let Some(text) = self.text {
            files.push(text.finish()?);
        }
        if let Some(tokens) = self.tokens {
            files.extend(tokens.finish()?);
        }
        let (tables, measured) = self.measuring.finish(ctx.storage, ctx.work)?;
        files.extend(tables);
        stats.emitted = self.emitted;
        stats.tokens = ctx.tokenizer.map(|_| self.token_count);
        stats.token_lengths = self.token_lengths;
        stats.measured = measured;
        Ok(())
    }
}

/// The target tokenizer at work.
struct Tokenizing<'a> {
    encoder: Encoder<'a>,
    ids: Vec<u32>,
    reference_ids: Vec<u32>,
    reference_checked: u64,
    bytes: u64,
}

impl<'a> Tokenizing<'a> {
    fn new(encoder: Encoder<'a>) -> Self {
        Self { encoder, ids: Vec::new(), reference_ids: Vec::new(), reference_checked: 0, bytes: 0 }
    }

    /// The token ids of a document.
    fn tokenize(&mut self, document: &Survivor<'_>) -> Result<&[u32]> {
        self.encode(document.text).map_err(|e| e.context(format_args!("document `{}`", document.id)))?;
        Ok(&self.ids)
    }

    fn encode(&mut self, text: &str) -> Result<()> {
        self.bytes += text.len() as u64;
        self.encoder.encode(text, &mut self.ids)?;
        if self.encoder.tokenizer().is_sampled_for_reference(text) {
            self.encoder.encode_reference(text, &mut self.reference_ids)?;
            agree(&self.ids, &self.reference_ids)?;
            self.reference_checked += 1;
        }
        Ok(())
    }

    fn finish(self, stats: &mut EmitStats) {
        stats.engine = Some(self.encoder.tokenizer().engine().to_owned());
        stats.reference_checked = self.reference_checked;
        stats.tokenized_bytes = self.bytes;
    }
}

/// The sample on which a fast engine is held to the reference.
fn agree(ids: &[u32], reference: &[u32]) -> Result<()> {
    if ids == reference {
        return Ok(());
    }
    let at = ids.iter().zip(reference).take_while(|(id, expected)| id == expected).count();
    Err(Error::internal(format!(
        "fastokens and the reference tokenizer give different ids from token {at} on: {:?} and {:?}",
        ids.get(at),
        reference.get(at)
    ))
    .with_hint("report this document and its tokenizer: its tokens would not be those of the target model"))
}

fn chars(text: &str) -> u64 {
    text.chars().count() as u64
}

#[cfg(test)]
mod tests;
