//! A rehearsal of a job: its tasks themselves, scan and emit, on a sample of each source, with what they took and wrote.
//!
//! The sample of a source is made of the first records of shards all over it. It is rehearsed in two halves, of different
//! shards where there are several, so that their difference tells how far a figure may be off.

use std::collections::HashSet;
use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use tamis_common::artefact::{DOCUMENTS, DocumentColumns, DocumentsReader, TaskManifest, VerdictsWriter};
use tamis_common::ids::ShardId;
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::sieve::resources::Resources;
use tamis_common::spec::{JobSpec, SourceSpec};
use tamis_common::stats::{EmitStats, ScanStats, is_bad_record};
use tamis_common::storage::{ObjectWriter, Storage, Uri};
use tamis_common::{Error, Result};

use crate::emit::{EmitContext, emit};
use crate::progress::Progress;
use crate::sample::{Drawn, Extent, Wanted, draw};
use crate::scan::{ScanContext, scan};
use crate::sieve::Sieve;
use crate::tokenize::{Encoder, Tokenizer};
use tamis_common::read::Body;

/// The fields that hold text and id in a rehearsed record, beside its own.
const TEXT: &str = "tamis rehearsed text";
const ID: &str = "tamis rehearsed id";
/// Bytes of a source's sample at most: long documents must not fill the disk.
const MOST_BYTES: u64 = 128 << 20;

/// What a rehearsal needs.
pub struct RehearsalContext<'a> {
    /// Where the inputs are read.
    pub storage: &'a Storage,
    /// The job.
    pub spec: &'a JobSpec,
    /// Its shards.
    pub shards: &'a [Shard],
    /// The files that its cleaners and filters name.
    pub files: &'a Resources,
    /// Its tokenizer; `None`: the job has none.
    pub tokenizer: Option<&'a Tokenizer>,
    /// Where the sample and what comes of it is written, and the folder.
    pub scratch: (&'a Storage, &'a Uri),
}

/// What came of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rehearsed {
    /// Whether the sample is all there is.
    pub is_whole: bool,
    /// The halves of the sample. That of a source of a single record has one that is empty.
    pub halves: [Half; 2],
}

/// What one half of a source's sample came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Half {
    /// Records that were drawn, those without a text included.
    pub drawn: u64,
    /// Records among them that are bad: `run.max_bad_share` bounds them.
    pub bad: u64,
    /// Records that the whole source has, if all of it is like this half.
    pub records: f64,
    /// What scan counted; its records are those with a text.
    pub scan: ScanStats,
    /// What emit counted, of all that scan kept.
    pub emit: EmitStats,
    /// Survivors of scan whose match text an earlier one of the sample had.
    pub repeated: u64,
    /// How long reading the inputs, scan and emit took, one after the other on one thread.
    pub took: Duration,
    /// Bytes of what scan and emit wrote.
    pub work_bytes: u64,
    /// Of that, what would be published.
    pub output_bytes: u64,
}

/// Rehearses a job on about `documents` records, of each source the same number; what came of each source, in the order of
/// the spec.
///
/// # Errors
/// Of the inputs, of the tasks and of the scratch folder; `Class::Spec` for what the spec names and the tokenizer or a
/// file does not have.
pub fn rehearse(ctx: &RehearsalContext<'_>, documents: usize) -> Result<Vec<Rehearsed>> {
    let sources = ctx.spec.sources.len();
    let of_source = Wanted { records: documents.div_ceil(sources.max(1)).max(1), bytes: MOST_BYTES };
    let mut copies = Copies::create(ctx)?;
    let extents = draw(ctx.storage, ctx.spec, ctx.shards, of_source, &mut |drawn| copies.take(drawn))?;
    let reading = copies.reading();
    let copied = copies.finish()?;

    let spec = rehearsed(ctx.spec);
    let encoder = match (ctx.tokenizer, &ctx.spec.tokenizer) {
        (Some(tokenizer), Some(named)) => Some(Encoder::new(tokenizer, named)?),
        _ => None,
    };
    let stage = Stage {
        ctx,
        spec: &spec,
        sieve: Sieve::build(ctx.spec, ctx.files)?,
        encoder,
        progress: Progress::default(),
    };
    let all_drawn = extents.iter().map(|extent| extent.records).sum::<u64>().max(1) as f64;
    let mut seen = HashSet::new();
    let mut rehearsed = Vec::with_capacity(sources);
    for (source, copies) in copied.iter().enumerate() {
        let drawn = Extents::of(ctx.shards, &extents, source);
        let mut of_source = Rehearsed { is_whole: drawn.is_whole(), ..Rehearsed::default() };
        for (side, (copy, half)) in copies.iter().zip(&mut of_source.halves).enumerate() {
            half.drawn = copy.drawn;
            half.bad = copy.bad;
            half.records = drawn.records_of_source(side);
            if copy.drawn > 0 {
                stage.play(copy, half, &mut seen)?;
                half.took += reading.mul_f64(copy.drawn as f64 / all_drawn);
            }
        }
        rehearsed.push(of_source);
    }
    Ok(rehearsed)
}

/// How far the sample went into a source.
struct Extents<'a> {
    of_it: Vec<&'a Extent>,
    shards: usize,
    bytes: u64,
}

impl<'a> Extents<'a> {
    fn of(shards: &[Shard], extents: &'a [Extent], source: usize) -> Self {
        let of_source = shards.iter().filter(|shard| usize::from(shard.source) == source);
        let (shards, bytes) = of_source.fold((0, 0), |(n, bytes), shard| (n + 1, bytes + shard.bytes));
        Self { of_it: extents.iter().filter(|extent| extent.source == source).collect(), shards, bytes }
    }

    fn is_whole(&self) -> bool {
        self.of_it.len() == self.shards && self.of_it.iter().all(|extent| extent.is_whole)
    }

    /// Records of the source, if it is like the shards of a side, or like the only one.
    fn records_of_source(&self, side: usize) -> f64 {
        let is_meant = |extent: &&&Extent| self.is_whole() || self.shards == 1 || extent.part % 2 == side;
        // Each shard by itself: those of long records shall not count more than others.
        let (mut records, mut bytes) = (0.0, 0);
        for extent in self.of_it.iter().filter(is_meant) {
            records += extent.in_all;
            bytes += extent.bytes;
        }
        if bytes == 0 { 0.0 } else { records * self.bytes as f64 / bytes as f64 }
    }
}

/// The spec under which copies are read.
fn rehearsed(spec: &JobSpec) -> JobSpec {
    let mut spec = spec.clone();
    for source in &mut spec.sources {
        *source = SourceSpec {
            format: Some(Format::Jsonl),
            text_field: TEXT.to_owned(),
            id_field: ID.to_owned(),
            encoding: "utf-8".to_owned(),
            ..source.clone()
        };
    }
    spec
}

/// A copy of half of a source's sample.
struct Copy {
    shard: Shard,
    drawn: u64,
    bad: u64,
}

/// A copy being written, and what was drawn for it.
struct Open {
    uri: Uri,
    file: ObjectWriter,
    drawn: u64,
    bad: u64,
}

/// Copies being written: by source, two.
struct Copies<'a> {
    ctx: &'a RehearsalContext<'a>,
    files: Vec<[Open; 2]>,
    line: Vec<u8>,
    begun: Instant,
    writing: Duration,
    /// Whether a source has more than one shard.
    several: Vec<bool>,
}

impl<'a> Copies<'a> {
    fn create(ctx: &'a RehearsalContext<'a>) -> Result<Self> {
        let (storage, folder) = ctx.scratch;
        let file = |source: usize, side: usize| -> Result<Open> {
            let uri = folder.join(&format!("sample-{source}-{side}.jsonl"));
            let file = storage.create(&uri)?;
            Ok(Open { uri, file, drawn: 0, bad: 0 })
        };
        let sources = 0..ctx.spec.sources.len();
        let files = sources.clone().map(|source| Ok([file(source, 0)?, file(source, 1)?]));
        let of_source =
            |source: usize| ctx.shards.iter().filter(|shard| usize::from(shard.source) == source).count();
        Ok(Self {
            ctx,
            files: files.collect::<Result<_>>()?,
            line: Vec::new(),
            begun: Instant::now(),
            writing: Duration::ZERO,
            several: sources.map(|source| of_source(source) > 1).collect(),
        })
    }

    fn take(&mut self, drawn: Drawn<'_>) -> Result<()> {
        let begun = Instant::now();
        let side = match self.several[drawn.source] {
            true => drawn.part,
            false => drawn.record.record as usize,
        };
        let copy = &mut self.files[drawn.source][side % 2];
        copy.drawn += 1;
        match &drawn.record.body {
            Ok(body) => {
                self.line.clear();
                push_copy(body, &mut self.line);
                copy.file.write_all(&self.line).map_err(|e| Error::io("write", &copy.uri, e))?;
            }
            Err(rejected) => copy.bad += u64::from(is_bad_record(&rejected.cause.rule)),
        }
        self.writing += begun.elapsed();
        Ok(())
    }

    /// How long the inputs were read.
    fn reading(&self) -> Duration {
        self.begun.elapsed().saturating_sub(self.writing)
    }

    fn finish(self) -> Result<Vec<[Copy; 2]>> {
        let (storage, _) = self.ctx.scratch;
        let copy = |source: usize, Open { uri, file, drawn, bad }: Open| -> Result<Copy> {
            let size = file.finish()?.size;
            let version = storage.head(&uri)?.version;
            let shard = Shard {
                id: ShardId(source as u32),
                source: source as u16,
                uri,
                size,
                version,
                format: Format::Jsonl,
                compression: Compression::None,
                part: Part::Whole,
                bytes: size,
            };
            Ok(Copy { shard, drawn, bad })
        };
        let copies = self.files.into_iter().enumerate();
        copies.map(|(source, [a, b])| Ok([copy(source, a)?, copy(source, b)?])).collect()
    }
}

/// Appends a record with its text and id under names that no field of its own has.
fn push_copy(body: &Body<'_>, line: &mut Vec<u8>) {
    let head = match &body.id {
        Some(id) => json!({ TEXT: body.text, ID: id }),
        None => json!({ TEXT: body.text }),
    };
    // Without its closing brace: the other fields come between.
    line.extend_from_slice(head.to_string().trim_end_matches('}').as_bytes());
    if !body.extra.is_empty() {
        line.push(b',');
        line.extend_from_slice(body.extra.as_bytes());
    }
    line.extend_from_slice(b"}\n");
}

/// Plays the tasks.
struct Stage<'a> {
    ctx: &'a RehearsalContext<'a>,
    spec: &'a JobSpec,
    sieve: Sieve,
    encoder: Option<Encoder<'a>>,
    progress: Progress,
}

impl Stage<'_> {
    /// Scan, then emit; `seen` holds the hashes of what was met before.
    fn play(&self, copy: &Copy, half: &mut Half, seen: &mut HashSet<u128>) -> Result<()> {
        let (storage, folder) = self.ctx.scratch;
        let stem = copy.shard.uri.file_name().trim_end_matches(".jsonl").to_owned();
        let (work, output) = (folder.join(&format!("{stem}-scan/")), folder.join(&format!("{stem}-emit/")));
        let (spec, shard, tokenizer, progress) = (self.spec, &copy.shard, self.encoder, &self.progress);

        let begun = Instant::now();
        let scanned = scan(&ScanContext {
            storage,
            spec,
            shard,
            work: &work,
            sieve: &self.sieve,
            tokenizer,
            progress,
        })?;
        half.took += begun.elapsed();
        let documents = DocumentsReader::open(storage.open(&work.join(DOCUMENTS))?, DocumentColumns::Hashes)?;
        documents.for_each(|row| {
            half.repeated += u64::from(!seen.insert(row.hash));
            Ok(())
        })?;
        let verdicts = folder.join(&format!("{stem}-verdicts.parquet"));
        VerdictsWriter::create(storage, &verdicts)?.finish()?;

        let begun = Instant::now();
        let emitted = emit(&EmitContext {
            storage,
            spec,
            shard,
            scan: &work,
            verdicts: &verdicts,
            work: &output,
            tokenizer,
            budget: None,
            lexicon: None,
            progress,
        })?;
        half.took += begun.elapsed();
        half.output_bytes = bytes_of(&emitted);
        half.work_bytes = bytes_of(&scanned) + half.output_bytes;
        half.scan = scanned.scan.ok_or_else(|| Error::internal("a scan has no statistics"))?;
        half.emit = emitted.emit.ok_or_else(|| Error::internal("an emit has no statistics"))?;
        Ok(())
    }
}

fn bytes_of(made: &TaskManifest) -> u64 {
    made.files.iter().map(|file| file.written.size).sum()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::write::tests::Fixture;

    const SPEC: &str = "name = \"j\"\n[[source]]\nname = \"a\"\ninputs = [\"x\"]\ntext_field = \"body\"\n[output]\nuri = \"o\"\n\
        [filter.length]\nmin_chars = 20\n";

    /// Shards of lines whose texts are `texts`, a shard each list.
    fn shards(fixture: &Fixture, texts: &[Vec<String>]) -> Vec<Shard> {
        let shard = |(number, texts): (usize, &Vec<String>)| {
            let lines: String = texts
                .iter()
                .map(|text| format!("{}\n", json!({ "id": "d", "body": text, "text": "another field" })))
                .collect();
            let uri = fixture.work.join(&format!("in-{number}.jsonl"));
            fixture.storage.put(&uri, lines.as_bytes()).unwrap();
            let meta = fixture.storage.head(&uri).unwrap();
            Shard {
                id: ShardId(number as u32),
                source: 0,
                uri,
                size: meta.size,
                version: meta.version,
                format: Format::Jsonl,
                compression: Compression::None,
                part: Part::Whole,
                bytes: meta.size,
            }
        };
        texts.iter().enumerate().map(shard).collect()
    }

    fn rehearsal_of(texts: &[Vec<String>], documents: usize) -> Rehearsed {
        let fixture = Fixture::new();
        let shards = shards(&fixture, texts);
        let scratch = fixture.work.join("scratch/");
        let spec = JobSpec::parse(SPEC, "job.toml").unwrap();
        let ctx = RehearsalContext {
            storage: &fixture.storage,
            spec: &spec,
            shards: &shards,
            files: &Resources::default(),
            tokenizer: None,
            scratch: (&fixture.storage, &scratch),
        };
        rehearse(&ctx, documents).unwrap().remove(0)
    }

    fn text(number: usize) -> String {
        format!("document number {number} says something of its own")
    }

    #[test]
    fn a_sample_of_everything_counts_everything_once() {
        let mut all: Vec<Vec<String>> =
            (0..4).map(|shard| (0..25).map(|n| text(shard * 25 + n)).collect()).collect();
        all[0][3] = "short".to_owned();
        all[1][4] = all[0][0].clone();
        let Rehearsed { is_whole, halves } = rehearsal_of(&all, 1_000);
        assert!(is_whole);
        let sum = |of: fn(&Half) -> u64| halves.iter().map(of).sum::<u64>();
        assert_eq!((sum(|half| half.drawn), sum(|half| half.scan.records)), (100, 100));
        assert_eq!(sum(|half| half.scan.filtered.docs), 99, "one is too short");
        assert_eq!(sum(|half| half.emit.emitted.docs), 99);
        assert_eq!(sum(|half| half.repeated), 1);
        for half in &halves {
            assert_eq!(half.records, 100.0, "each half speaks for the whole source");
            assert!(half.work_bytes > half.output_bytes && half.output_bytes > 0, "{half:?}");
        }
    }

    #[test]
    fn a_part_tells_how_much_there_is_in_all() {
        let all: Vec<Vec<String>> = vec![(0..2_000).map(text).collect()];
        let Rehearsed { is_whole, halves } = rehearsal_of(&all, 200);
        assert!(!is_whole);
        assert_eq!([halves[0].drawn, halves[1].drawn], [100, 100], "one shard is halved by records");
        for half in &halves {
            assert!((half.records / 2_000.0 - 1.0).abs() < 0.05, "{half:?}");
        }
    }

    #[test]
    fn one_record_leaves_a_half_empty_and_a_bad_one_counts_as_drawn() {
        let halves = rehearsal_of(&[vec![text(0)]], 10).halves;
        assert_eq!([halves[0].drawn, halves[1].drawn], [1, 0]);
        let halves = rehearsal_of(&[vec![text(0), " ".to_owned()]], 10).halves;
        assert_eq!([halves[1].drawn, halves[1].scan.records], [1, 0]);
    }
}
