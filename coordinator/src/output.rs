//! What a published job left: its files, its report, its drops by pages, and the documents behind them.

use tamis_common::artefact::DropsReader;
use tamis_common::error::Found as _;
use tamis_common::ids::JobId;
use tamis_common::read::{RawRecord, read_shard};
use tamis_common::shard::{Compression, Format, Part, Shard};
use tamis_common::spec::{JobSpec, OnCorrupt};
use tamis_common::storage::{ObjectReader, Storage};
use tamis_common::{Class, Error, Result};
use tamis_proto::v1;

use crate::api::explain::{drop_files, explain_drop};
use crate::control::{Control, JobTables, Watched};
use crate::job::JobState;
use crate::publish::{HTML, MANIFEST, Manifest, REPORT, RUN, TRAINING, job_of};
use crate::report::Report;

/// Rows that one call looks at: a rare rule is found by several.
const MOST_ROWS: usize = 200_000;
/// Bytes of a text that are shown.
const MOST_TEXT_BYTES: usize = 256 << 10;
/// Bytes of the other fields of a record that are shown.
const MOST_EXTRA_BYTES: usize = 64 << 10;

impl Control {
    /// The report of a published job.
    ///
    /// # Errors
    /// As [`Control::published`], or `Class::Storage` for a report that this build cannot read.
    pub(crate) fn published_report(&self, id: &JobId) -> Result<Report> {
        let uri = self.published(id)?.output.join(REPORT);
        serde_json::from_slice(&self.storage().read(&uri)?)
            .map_err(|e| Error::storage(format!("`{uri}` is no report of this build: {e}")))
    }

    /// A job whose output stands where it was published.
    ///
    /// # Errors
    /// `Class::NotFound`, `Class::Conflict` for a job that is not published, or whose output another job has replaced.
    pub(crate) fn published(&self, id: &JobId) -> Result<JobTables> {
        let tables = self.tables(id)?;
        if tables.state != JobState::Published {
            let message = format!("job {id} is {}: only a published job has an output", tables.state);
            return Err(Error::new(Class::Conflict, message));
        }
        if let Some(owner) = job_of(self.storage(), &tables.output)?
            && owner != id.as_str()
        {
            let owner = owner.escape_debug();
            let message = format!("the output of job {id} was replaced by that of job {owner}");
            return Err(Error::new(Class::Conflict, message)
                .with_hint(format!("`tamis report {owner}` shows that one")));
        }
        Ok(tables)
    }

    /// The files of a published job, by path.
    ///
    /// # Errors
    /// As [`Control::published`]; of the store.
    pub(crate) fn output_files(&self, id: &JobId) -> Result<Vec<v1::OutputFile>> {
        let output = self.published(id)?.output;
        let uri = output.join(MANIFEST);
        let manifest: Manifest = serde_json::from_slice(&self.storage().read(&uri)?)
            .map_err(|e| Error::storage(format!("`{uri}` is no manifest of this build: {e}")))?;
        let mut files: Vec<v1::OutputFile> = manifest
            .files
            .into_iter()
            .map(|file| v1::OutputFile {
                path: file.file.name,
                bytes: file.file.written.size,
                sha256: file.file.written.sha256,
            })
            .collect();
        for name in [MANIFEST, RUN] {
            if let Some(meta) = self.storage().head(&output.join(name)).found()? {
                files.push(v1::OutputFile { path: name.to_owned(), bytes: meta.size, sha256: String::new() });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// A file of the output. Only what belongs to it is read, whatever the path says.
    ///
    /// # Errors
    /// As [`Control::output_files`]; `Class::NotFound` for a path that is not among them.
    pub(crate) fn open_output(&self, id: &JobId, path: &str) -> Result<ObjectReader> {
        let is_fixed = [MANIFEST, RUN, REPORT, HTML, TRAINING].contains(&path);
        if !is_fixed && !self.output_files(id)?.iter().any(|file| file.path == path) {
            let message = format!("`{}` is no file of the output of job {id}", path.escape_debug());
            return Err(Error::new(Class::NotFound, message).with_hint("ListOutput names the files"));
        }
        self.storage().open(&self.published(id)?.output.join(path))
    }

    /// A job whose output, if it is published, stands where it was published.
    ///
    /// # Errors
    /// As [`Control::published`], but for a job that is not.
    pub(crate) fn readable(&self, id: &JobId) -> Result<JobTables> {
        match self.state_of(id) {
            Some(JobState::Published) => self.published(id),
            _ => self.tables(id),
        }
    }

    /// A page of what a job dropped: of one that is not published, what its committed scans did.
    ///
    /// # Errors
    /// As [`Control::readable`]; `Class::Spec` for a page token that is none; of the store.
    pub(crate) fn list_drops(&self, id: &JobId, wanted: &DropsWanted) -> Result<v1::ListDropsResponse> {
        drops_page(self.storage(), &self.readable(id)?, wanted)
    }

    /// A document as its input holds it.
    ///
    /// # Errors
    /// `Class::NotFound` if the job read no such document; `Class::Input` if the input has changed since; of the store.
    pub(crate) fn read_document(
        &self,
        id: &JobId,
        wanted: v1::ReadDocumentRequest,
    ) -> Result<v1::ReadDocumentResponse> {
        let Watched { spec, shards, .. } = self.watched(id)?;
        let (uri, offset) = match wanted.uri.is_empty() {
            false => (wanted.uri, wanted.offset),
            true => self.place_of(id, &wanted.source, &wanted.document_id)?,
        };
        read_document(self.storage(), &spec, &shards, &uri, offset)
    }

    /// Where the first document of a source with this id stands.
    fn place_of(&self, id: &JobId, source: &str, document: &str) -> Result<(String, u64)> {
        let found = crate::api::explain::explain(self.storage(), &self.readable(id)?, document, usize::MAX)?;
        let place = found.into_iter().find(|found| source.is_empty() || found.source == source);
        place.map(|found| (found.uri, found.offset)).ok_or_else(|| {
            Error::new(Class::NotFound, format!("no document `{document}` of source `{source}` was met"))
        })
    }
}

/// Which drops are asked for; empty texts ask for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct DropsWanted {
    pub(crate) stage: String,
    pub(crate) rule: String,
    pub(crate) source: String,
    pub(crate) limit: usize,
    pub(crate) page_token: String,
}

/// Where a page begins: a shard, and a row of its drops.
fn page_start(token: &str) -> Result<(u32, usize)> {
    if token.is_empty() {
        return Ok((0, 0));
    }
    let parts = token.split_once('-').and_then(|(shard, row)| Some((shard.parse().ok()?, row.parse().ok()?)));
    parts.ok_or_else(|| Error::spec("`page_token` must be the `next_page_token` of the page before"))
}

fn drops_page(storage: &Storage, job: &JobTables, wanted: &DropsWanted) -> Result<v1::ListDropsResponse> {
    let (first_shard, first_row) = page_start(&wanted.page_token)?;
    let is_any = |asked: &str, is: &str| asked.is_empty() || asked == is;
    let mut page = v1::ListDropsResponse::default();
    let mut looked_at = 0;
    for (shard, file) in drop_files(storage, job)?.into_iter().skip_while(|(shard, _)| shard.0 < first_shard)
    {
        let mut drops = DropsReader::open(storage.open(&file)?)?;
        let skipped = if shard.0 == first_shard { first_row } else { 0 };
        let mut row = 0;
        while let Some(batch) = drops.next_batch()? {
            if row + batch.len() <= skipped {
                row += batch.len();
                continue;
            }
            for drop in batch {
                row += 1;
                if row <= skipped {
                    continue;
                }
                if page.drops.len() == wanted.limit || looked_at == MOST_ROWS {
                    page.next_page_token = format!("{}-{}", shard.0, row - 1);
                    return Ok(page);
                }
                looked_at += 1;
                let cause = &drop.cause;
                if is_any(&wanted.stage, cause.stage.as_str())
                    && is_any(&wanted.rule, &cause.rule)
                    && is_any(&wanted.source, &drop.source)
                {
                    let id = drop.id.clone().unwrap_or_else(|| format!("{}#{}", drop.uri, drop.offset));
                    page.drops.push(explain_drop(drop, &id));
                }
            }
        }
    }
    Ok(page)
}

/// Reads a record again, from the input as the plan pinned it.
fn read_document(
    storage: &Storage,
    spec: &JobSpec,
    shards: &[Shard],
    uri: &str,
    offset: u64,
) -> Result<v1::ReadDocumentResponse> {
    let of_input = shards.iter().filter(|shard| shard.uri.as_str() == uri);
    let may_hold = |shard: &&Shard| match shard.part {
        Part::Bytes { start, end } => (start..end).contains(&offset),
        Part::Whole | Part::RowGroups { .. } => true,
    };
    let missing = || {
        Error::new(Class::NotFound, format!("the job read no record at {offset} of `{}`", uri.escape_debug()))
            .with_hint("`uri` and `offset` are as Explain and ListDrops give them")
    };
    // An offset of a plain file is within it; of others nobody knows how far they go.
    let is_beyond = |shard: &&Shard| {
        shard.format == Format::Jsonl && shard.compression == Compression::None && offset >= shard.size
    };
    for shard in of_input.filter(may_hold).filter(|shard| !is_beyond(shard)) {
        let source = spec.sources.get(usize::from(shard.source)).ok_or_else(missing)?;
        let mut shard = shard.clone();
        if shard.format == Format::Jsonl
            && shard.compression == Compression::None
            && source.encoding == "utf-8"
        {
            // Lines begin anywhere: nothing before is read.
            shard.part = Part::Bytes { start: offset, end: offset + 1 };
        }
        let mut found = None;
        let reading = read_shard(storage, &shard, source, OnCorrupt::Skip, &spec.limits, &mut |record| {
            if record.offset < offset {
                return Ok(());
            }
            if record.offset == offset {
                found = Some(shown(record, &source.name, uri));
            }
            // Records come in the order of their offsets: there is nothing more to find.
            Err(Error::new(Class::Cancelled, "enough was read"))
        });
        match (found, reading) {
            (Some(found), _) => return found,
            (None, Err(error)) if error.class() != Class::Cancelled => return Err(error),
            (None, _) => {}
        }
    }
    Err(missing())
}

fn shown(record: RawRecord<'_>, source: &str, uri: &str) -> Result<v1::ReadDocumentResponse> {
    let offset = record.offset;
    let body = record.body.map_err(|rejected| {
        let message = format!("the record at {offset} of `{uri}` holds no text: {}", rejected.cause.rule);
        Error::new(Class::NotFound, message)
    })?;
    let text = &body.text[..body.text.floor_char_boundary(MOST_TEXT_BYTES)];
    let extra = if body.extra.len() <= MOST_EXTRA_BYTES { body.extra } else { "" };
    Ok(v1::ReadDocumentResponse {
        document_id: body.id.map_or_else(|| format!("{uri}#{offset}"), |id| id.into_owned()),
        source: source.to_owned(),
        uri: uri.to_owned(),
        offset,
        cut: text.len() < body.text.len(),
        text: text.to_owned(),
        extra_json: format!("{{{extra}}}"),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::artefact::{Drop, DropCause, DropsWriter, Stage};
    use tamis_common::ids::ShardId;
    use tamis_common::storage::Uri;

    use super::*;
    use crate::testing::spec;

    fn storage() -> Storage {
        Storage::new(tokio::runtime::Handle::current())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_of_drops_follow_one_another_through_all_files() {
        let (storage, dir) = (storage(), tempfile::tempdir().unwrap());
        let output = Uri::from_path(dir.path()).unwrap();
        let job = JobTables {
            state: JobState::Published,
            spec: spec("dropped", output.as_str()),
            shards: Vec::new(),
            output: output.clone(),
            scans: Vec::new(),
        };
        for (part, count) in [(0, 3), (1, 0), (2, 4)] {
            let uri = output.join(&format!("drops/part-{part:05}.parquet"));
            let mut drops = DropsWriter::create(&storage, &uri).unwrap();
            for record in 0..count {
                let (stage, rule) =
                    if record % 2 == 0 { (Stage::Exact, "match_text") } else { (Stage::Parse, "nul") };
                drops
                    .push(&Drop {
                        record,
                        source: "web".into(),
                        uri: "file:///in".into(),
                        offset: u64::from(record) * 10,
                        id: (record != 1).then(|| format!("{part}-{record}")),
                        cause: DropCause::new(stage, rule),
                    })
                    .unwrap();
            }
            drops.finish().unwrap();
        }
        let all = |wanted: DropsWanted| {
            let (mut ids, mut token, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let wanted = DropsWanted { page_token: token, ..wanted.clone() };
                let page = drops_page(&storage, &job, &wanted).unwrap();
                assert!(page.drops.len() <= wanted.limit);
                ids.extend(page.drops.into_iter().map(|drop| drop.document_id));
                (token, pages) = (page.next_page_token, pages + 1);
                if token.is_empty() {
                    return (ids, pages);
                }
            }
        };
        let every = ["0-0", "file:///in#10", "0-2", "2-0", "file:///in#10", "2-2", "2-3"];
        for limit in [1, 2, 3, 100] {
            let (ids, pages) = all(DropsWanted { limit, ..DropsWanted::default() });
            assert_eq!(ids, every, "{limit} a page");
            assert!(pages <= 7_usize.div_ceil(limit) + 1);
        }
        let exact = DropsWanted { stage: "exact".into(), limit: 2, ..DropsWanted::default() };
        assert_eq!(all(exact).0, ["0-0", "0-2", "2-0", "2-2"]);
        let none = DropsWanted { source: "news".into(), limit: 2, ..DropsWanted::default() };
        assert_eq!(all(none).0, [""; 0]);
        for token in ["x", "1", "1-", "-1", "1-2-3"] {
            let wanted = DropsWanted { page_token: token.into(), limit: 1, ..DropsWanted::default() };
            assert_eq!(drops_page(&storage, &job, &wanted).unwrap_err().class(), Class::Spec, "{token}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_document_is_read_again_where_it_stands() {
        let (storage, dir) = (storage(), tempfile::tempdir().unwrap());
        let path = dir.path().join("in.jsonl");
        let long = "错".repeat(MOST_TEXT_BYTES / 2);
        let lines = format!("{{\"id\":\"a\",\"text\":\"one\",\"k\":1}}\nno json\n{{\"text\":\"{long}\"}}\n");
        std::fs::write(&path, &lines).unwrap();
        let uri = Uri::from_path(&path).unwrap();
        let meta = storage.head(&uri).unwrap();
        let third = lines.find("{\"text\"").unwrap() as u64;
        let shard = |part| Shard {
            id: ShardId(0),
            source: 0,
            uri: uri.clone(),
            size: meta.size,
            version: meta.version.clone(),
            format: Format::Jsonl,
            compression: Compression::None,
            part,
            bytes: meta.size,
        };
        let spec = spec("read", "/out");
        for shards in [
            vec![shard(Part::Whole)],
            vec![shard(Part::Bytes { start: 0, end: 5 }), shard(Part::Bytes { start: 5, end: meta.size })],
        ] {
            let read = |offset| read_document(&storage, &spec, &shards, uri.as_str(), offset);
            let first = read(0).unwrap();
            assert_eq!((first.document_id.as_str(), first.text.as_str()), ("a", "one"));
            assert_eq!((first.extra_json.as_str(), first.cut), ("{\"k\":1}", false));
            let cut = read(third).unwrap();
            assert!(
                cut.cut
                    && cut.text.len() <= MOST_TEXT_BYTES
                    && cut.document_id.ends_with(&format!("#{third}"))
            );
            let second = lines.find("no json").unwrap() as u64;
            assert!(read(second).unwrap_err().message().contains("malformed_json"));
            for wrong in [1, third + 1, meta.size, u64::MAX - 1] {
                assert_eq!(read(wrong).unwrap_err().class(), Class::NotFound, "{wrong}");
            }
            let other = read_document(&storage, &spec, &shards, "file:///etc/passwd", 0).unwrap_err();
            assert_eq!(other.class(), Class::NotFound);
        }
        std::fs::write(&path, "changed").unwrap();
        let changed = read_document(&storage, &spec, &[shard(Part::Whole)], uri.as_str(), 0).unwrap_err();
        assert!(changed.message().contains("changed under the job"), "{changed}");
    }
}
