//! Scan: the records of a shard are read, cleaned, filtered, hashed and signed; what survives is written with what the later
//! phases need to know of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tamis_common::artefact::{
    BANDS, BandRow, BandsWriter, DOCUMENTS, DROPS, DocumentRow, DocumentsWriter, Drop, DropCause,
    DropsWriter, FileEntry, SAMPLES, SURVIVORS, Samples, Stage, Survivor, SurvivorsWriter, TaskManifest,
};
use tamis_common::dedup::Signer;
use tamis_common::ids::DocRef;
use tamis_common::shard::{Format, Shard};
use tamis_common::spec::{JobSpec, OnBadRecord};
use tamis_common::stats::{ScanStats, is_bad_record};
use tamis_common::storage::{Storage, Uri, Written};
use tamis_common::{Error, Result};
use xxhash_rust::xxh3::Xxh3;

use crate::progress::Progress;
use crate::sample::one_in;
use crate::sieve::{Sieve, counts_of};
use crate::tokenize::Encoder;
use tamis_common::read::{Body, RawRecord, Rejected, read_shard};

/// Records between two looks at the cancel flag: even of long ones some milliseconds.
const CHECK_EVERY: u64 = 256;

/// What scan works on.
pub struct ScanContext<'a> {
    /// Where everything is read and written.
    pub storage: &'a Storage,
    /// The job.
    pub spec: &'a JobSpec,
    /// The shard.
    pub shard: &'a Shard,
    /// The folder of this attempt.
    pub work: &'a Uri,
    /// Its cleaners and filters.
    pub sieve: &'a Sieve,
    /// The target tokenizer; `None`: nothing is sampled.
    pub tokenizer: Option<Encoder<'a>>,
    /// Told of what is read, and asked whether to go on.
    pub progress: &'a Progress,
}

/// Scans a shard.
///
/// # Errors
/// `Class::Input` for an input that changed, is truncated or corrupt, or a bad record where none may be; of the store; `Class::Cancelled`.
pub fn scan(ctx: &ScanContext<'_>) -> Result<TaskManifest> {
    let source = ctx.spec.sources.get(usize::from(ctx.shard.source)).ok_or_else(|| {
        Error::internal(format!(
            "shard {} is of source {}, which the spec does not have",
            ctx.shard.id, ctx.shard.source
        ))
    })?;
    let mut tally = ctx.sieve.tally();
    let mut output = Output::create(ctx, &source.name)?;
    let mut stats = ScanStats::default();
    let mut content = Xxh3::new();
    let mut reported = 0;

    let end = read_shard(
        ctx.storage,
        ctx.shard,
        source,
        ctx.spec.run.on_corrupt,
        &ctx.spec.limits,
        &mut |record: RawRecord<'_>| {
            stats.records += 1;
            stats.raw_bytes += record.raw_bytes;
            if stats.records % CHECK_EVERY == 0 {
                ctx.progress.check()?;
                ctx.progress.advance(record.input_bytes.saturating_sub(reported), CHECK_EVERY);
                reported = reported.max(record.input_bytes);
            }
            let place = Place { record: record.record, offset: record.offset };
            let body = match record.body {
                Ok(body) => body,
                Err(Rejected { cause, id }) => {
                    refuse_bad(ctx, place, &cause)?;
                    add_part(&mut content, &cause.rule);
                    return output.drop(place, id.as_deref(), cause);
                }
            };
            for part in [body.id.as_deref().unwrap_or_default(), &body.text, body.extra] {
                add_part(&mut content, part);
            }
            let url = ctx.sieve.url_of(&body, source);
            let Body { id, text, extra } = body;
            stats.parsed.merge(&counts_of(&text));
            let sieved = ctx.sieve.sieve(text, url.as_deref(), &mut tally);
            if let Some(cleaned) = &sieved.cleaned {
                stats.cleaned.merge(cleaned);
            }
            match sieved.outcome {
                Err((cause, text)) => output.sift(place, id.as_deref(), cause, &text),
                Ok(text) => output.keep(place, &Body { id, text, extra }, &mut stats),
            }
        },
    )?;
    ctx.progress.advance(ctx.shard.bytes.saturating_sub(reported), stats.records % CHECK_EVERY);
    ctx.progress.check()?;

    stats.corrupt.extend(end.corrupt);
    stats.content_xxh3 = format!("{:032x}", content.digest128());
    tally.finish(&mut stats);
    output.finish(stats)
}

/// Ends the job at its first bad record, if it says so.
fn refuse_bad(ctx: &ScanContext<'_>, place: Place, cause: &DropCause) -> Result<()> {
    if ctx.spec.run.on_bad_record == OnBadRecord::Drop || !is_bad_record(&cause.rule) {
        return Ok(());
    }
    let unit = if ctx.shard.format == Format::Parquet { "row" } else { "byte" };
    let detail = cause.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let message =
        format!("`{}` has a bad record at {unit} {}: {}{detail}", ctx.shard.uri, place.offset, cause.rule);
    Err(Error::input(message)
        .with_hint("mend the input or set run.on_bad_record = \"drop\", and submit the job again"))
}

/// Adds a text with its length, so that texts do not run together.
fn add_part(content: &mut Xxh3, part: &str) {
    content.update(&(part.len() as u64).to_le_bytes());
    content.update(part.as_bytes());
}

/// Where a record stands.
#[derive(Clone, Copy)]
struct Place {
    record: u32,
    offset: u64,
}

/// The artefacts of a scan.
struct Output<'a> {
    ctx: &'a ScanContext<'a>,
    signer: Signer,
    survivors: SurvivorsWriter,
    documents: DocumentsWriter,
    drops: DropsWriter,
    dropped: u64,
    drop_counts: BTreeMap<String, u64>,
    samples: Samples,
    /// Rows by band; a shard is bounded, so these are.
    bands: Vec<Vec<BandRow>>,
    /// One survivor in so many, chosen by hash, is tokenized to estimate characters a token.
    sample_one_in: u128,
    /// Reused from document to document.
    row: DocumentRow,
    /// Reused from drop to drop.
    drop: Drop,
}

impl<'a> Output<'a> {
    fn create(ctx: &'a ScanContext<'a>, source: &str) -> Result<Self> {
        let dedup = &ctx.spec.dedup;
        let bands = if dedup.near { dedup.params.bands as usize } else { 0 };
        Ok(Self {
            ctx,
            signer: Signer::new(&dedup.params),
            survivors: SurvivorsWriter::create(ctx.storage, &ctx.work.join(SURVIVORS))?,
            documents: DocumentsWriter::create(ctx.storage, &ctx.work.join(DOCUMENTS), dedup.params.k)?,
            drops: DropsWriter::create(ctx.storage, &ctx.work.join(DROPS))?,
            dropped: 0,
            drop_counts: BTreeMap::new(),
            samples: Samples::default(),
            bands: vec![Vec::new(); bands],
            sample_one_in: one_in(ctx.shard),
            row: DocumentRow::default(),
            drop: Drop {
                record: 0,
                source: source.to_owned(),
                uri: ctx.shard.uri.to_string(),
                offset: 0,
                id: None,
                cause: DropCause::new(Stage::Parse, ""),
            },
        })
    }

    fn drop(&mut self, place: Place, id: Option<&str>, cause: DropCause) -> Result<()> {
        self.dropped += 1;
        *self.drop_counts.entry(cause.key()).or_default() += 1;
        let drop = &mut self.drop;
        (drop.record, drop.offset) = (place.record, place.offset);
        (drop.id, drop.cause) = (id.map(str::to_owned), cause);
        self.drops.push(drop)
    }

    /// Drops what a cleaner or filter refused.
    fn sift(&mut self, place: Place, id: Option<&str>, cause: DropCause, text: &str) -> Result<()> {
        match id {
            Some(id) => self.samples.offer(&cause, &self.drop.source, id, text),
            None => {
                let id = format!("{}#{}", self.ctx.shard.uri, place.offset);
                self.samples.offer(&cause, &self.drop.source, &id, text);
            }
        }
        self.drop(place, id, cause)
    }

    fn keep(&mut self, place: Place, body: &Body<'_>, stats: &mut ScanStats) -> Result<()> {
        let counts = counts_of(&body.text);
        stats.filtered.merge(&counts);
        let row = &mut self.row;
        row.id.clear();
        match &body.id {
            Some(id) => row.id.push_str(id),
            // Writing to a string cannot fail.
            None => drop(write!(row.id, "{}#{}", self.ctx.shard.uri, place.offset)),
        }
        self.survivors.push(&Survivor {
            record: place.record,
            offset: place.offset,
            id: &row.id,
            text: &body.text,
            extra: body.extra,
        })?;

        (row.record, row.offset) = (place.record, place.offset);
        (row.chars, row.bytes) = (counts.chars, counts.bytes);
        if self.ctx.spec.dedup.near {
            let signed = self.signer.sign(&body.text);
            row.hash = signed.hash;
            match signed.signature {
                None => row.signature = None,
                Some(signature) => {
                    let values = row.signature.get_or_insert_default();
                    values.clear();
                    values.extend_from_slice(signature);
                }
            }
            let doc = DocRef::new(self.ctx.shard.id, place.record);
            for (rows, key) in self.bands.iter_mut().zip(signed.band_keys) {
                rows.push(BandRow { key: *key, doc });
            }
        } else {
            row.hash = self.signer.hash(&body.text);
        }
        self.documents.push(row)?;
        if let Some(tokenizer) = self.ctx.tokenizer
            && row.hash.is_multiple_of(self.sample_one_in)
        {
            stats.sampled.merge(&counts);
            stats.sampled_tokens += tokenizer.count(&body.text)? as u64;
        }
        Ok(())
    }

    fn finish(mut self, mut stats: ScanStats) -> Result<TaskManifest> {
        let ctx = self.ctx;
        let (survivors, records) = (stats.filtered.docs, stats.records);
        if records != survivors + self.dropped {
            return Err(Error::internal(format!(
                "shard {} read {records} records but kept {survivors} and dropped {}",
                ctx.shard.id, self.dropped
            )));
        }
        stats.drops = self.drop_counts;
        let mut writer = BandsWriter::create(ctx.storage, &ctx.work.join(BANDS))?;
        let mut keys = 0;
        for rows in &mut self.bands {
            let mut rows = std::mem::take(rows);
            rows.sort_unstable();
            writer.write_band(&rows)?;
            keys += rows.len() as u64;
        }
        let entry = |name: &str, written: Written, records: u64| FileEntry {
            name: name.to_owned(),
            written,
            content_sha256: None,
            records,
        };
        let sampled = self.samples.0.values().map(|samples| samples.len() as u64).sum();
        let files = vec![
            entry(BANDS, writer.finish()?, keys),
            entry(DOCUMENTS, self.documents.finish()?, survivors),
            entry(DROPS, self.drops.finish()?, self.dropped),
            entry(SAMPLES, self.samples.write(ctx.storage, &ctx.work.join(SAMPLES))?, sampled),
            entry(SURVIVORS, self.survivors.finish()?, survivors),
        ];
        Ok(TaskManifest { files, scan: Some(stats), emit: None })
    }
}

#[cfg(test)]
mod tests;
