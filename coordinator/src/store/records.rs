//! The records of the state: a version byte, then JSON.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tamis_common::ids::{JobId, TaskId, WorkerId};
use tamis_common::storage::Uri;
use tamis_common::{Class, Error, Result};

use crate::job::JobState;

/// Raised when a record of this version cannot be read by an older build.
const VERSION: u8 = 1;

/// Causes longer than this are cut, so that a record stays below 4 KiB.
const MAX_TEXT_BYTES: usize = 1_000;

/// A file that tasks read, with its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Where it stands.
    pub uri: Uri,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A file that the spec names, and the copy that tasks read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFile {
    /// What the spec calls it.
    pub name: String,
    /// The copy.
    pub file: FileRef,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// Whose fault it was.
    pub class: Class,
    /// The message.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Error> for ErrorRecord {
    fn from(error: &Error) -> Self {
        Self { class: error.class(), message: cut(error.message()), hint: error.hint().map(cut) }
    }
}

impl From<&ErrorRecord> for Error {
    fn from(record: &ErrorRecord) -> Self {
        let error = Self::new(record.class, record.message.clone());
        match &record.hint {
            Some(hint) => error.with_hint(hint.clone()),
            None => error,
        }
    }
}

/// Cuts a text to what a record may hold.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_TEXT_BYTES)])
}

/// What resolve and mix left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedRecord {
    /// The folder of the verdicts.
    pub verdicts: Uri,
    /// Digest of the summary, a blob.
    pub summary: String,
}

/// How far a phase was when its job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTotals {
    /// All tasks.
    pub tasks: u32,
    /// Committed tasks.
    pub done: u32,
    /// Input bytes of all tasks.
    pub bytes: u64,
    /// Input bytes of committed tasks.
    pub bytes_done: u64,
    /// Records of committed tasks.
    pub records_done: u64,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub state: JobState,
    /// Where a retry goes on: the state in which it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<JobState>,
    /// The spec in the object store; its digest also names the blob.
    pub spec: FileRef,
    /// The job's folder below WORK.
    pub work: Uri,
    /// The output folder.
    pub output: String,
    /// Whether a filled output folder may be replaced.
    pub replace: bool,
    /// The index that it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Its turn at the index, once it is scanned; smaller turns go first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// Digest of the plan, a blob: the shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The copy of the tokenizer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<FileRef>,
    /// Digest of the list of files that cleaners and filters name, a blob; none: they name no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// The pipeline fingerprint of the first worker that it met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What resolve and mix left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedRecord>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorRecord>,
    /// Why it was cancelled, in the words of the caller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cancel_reason: String,
    /// Milliseconds since the Unix epoch; 0: not yet.
    pub submitted_at_ms: u64,
    /// When the first task was granted.
    pub started_at_ms: u64,
    /// When it was published, failed or cancelled.
    pub ended_at_ms: u64,
    /// Attempts that ended without a commit.
    pub failed_attempts: u32,
    /// How far scan was when the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<PhaseTotals>,
    /// How far emit was when the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emit: Option<PhaseTotals>,
    /// Whether the ended job's work was swept.
    pub swept: bool,
    /// Id and name of the token with which it was submitted; none: no token was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitter: Option<Submitter>,
    /// The W3C trace context in which it was submitted; empty: nothing is traced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub traceparent: String,
    /// Whether its documents were removed from its index.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
}

/// Who submitted a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitter {
    /// The id of the token.
    pub token: String,
    /// What the token was called.
    pub name: String,
}

/// A granted attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// Who got it.
    pub worker: WorkerId,
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, record)
        .map_err(|e| Error::internal(format!("a record cannot be written as JSON: {e}")))?;
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T> {
    let key = key.escape_ascii();
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json)
            .map_err(|e| Error::storage(format!("the record `{key}` cannot be read: {e}")).with_source(e)),
        Some((version, _)) => Err(Error::storage(format!(
            "the record `{key}` has version {version}, this build reads {VERSION}"
        ))
        .with_hint("use the version of tamis that wrote the data folder, or a newer one")),
        None => Err(Error::storage(format!("the record `{key}` is empty"))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tamis_common::ids::{AttemptId, Phase, ShardId};

    use super::*;
    use crate::job::{Commit, TaskRecord};

    fn job() -> JobRecord {
        JobRecord {
            name: "finance".into(),
            state: JobState::Planning,
            resume: None,
            spec: FileRef { uri: Uri::parse("/w/j-1/spec.json").unwrap(), sha256: "ab".into() },
            work: Uri::parse("/w/j-1").unwrap(),
            output: "file:///out".into(),
            replace: false,
            index: Some("default".into()),
            turn: None,
            plan: None,
            tokenizer: None,
            files: None,
            fingerprint: None,
            resolved: None,
            error: None,
            cancel_reason: String::new(),
            submitted_at_ms: 5,
            started_at_ms: 0,
            ended_at_ms: 0,
            failed_attempts: 0,
            scan: None,
            emit: None,
            swept: false,
            submitter: None,
            traceparent: String::new(),
            forgotten: false,
        }
    }

    /// A record that was written once must be read for ever: these texts are never edited.
    #[test]
    fn records_keep_their_form() {
        let golden = concat!(
            "\u{1}{\"name\":\"finance\",\"state\":\"planning\",\"spec\":{\"uri\":\"file:///w/j-1/spec.json\",",
            "\"sha256\":\"ab\"},\"work\":\"file:///w/j-1\",\"output\":\"file:///out\",\"replace\":false,",
            "\"index\":\"default\",\"submitted_at_ms\":5,\"started_at_ms\":0,\"ended_at_ms\":0,",
            "\"failed_attempts\":0,\"swept\":false}"
        );
        assert_eq!(String::from_utf8(encode(&job()).unwrap()).unwrap(), golden);
        assert_eq!(decode::<JobRecord>(b"j/1", golden.as_bytes()).unwrap(), job());

        let commit = Commit { attempt: AttemptId(9), manifest: "cd".into(), records: 7 };
        let task = TaskRecord { counted: 1, uncounted: 2, commit: Some(commit), quarantined: false };
        let golden = concat!(
            "\u{1}{\"counted\":1,\"uncounted\":2,",
            "\"commit\":{\"attempt\":9,\"manifest\":\"cd\",\"records\":7}}"
        );
        assert_eq!(String::from_utf8(encode(&task).unwrap()).unwrap(), golden);
        assert_eq!(decode::<TaskRecord>(b"t/1", golden.as_bytes()).unwrap(), task);

        let attempt = AttemptRecord {
            job: "j-1".into(),
            task: TaskId { phase: Phase::Emit, shard: ShardId(2) },
            worker: "w".into(),
        };
        let golden = "\u{1}{\"job\":\"j-1\",\"task\":{\"phase\":\"emit\",\"shard\":2},\"worker\":\"w\"}";
        assert_eq!(String::from_utf8(encode(&attempt).unwrap()).unwrap(), golden);
        assert_eq!(decode::<AttemptRecord>(b"a/1", golden.as_bytes()).unwrap(), attempt);
    }

    #[test]
    fn a_record_of_another_version_says_so() {
        let error = decode::<AttemptRecord>(b"a/1", b"\x02{}").unwrap_err();
        assert_eq!(error.message(), "the record `a/1` has version 2, this build reads 1");
    }

    #[test]
    fn a_long_cause_is_cut_at_a_character() {
        let record = ErrorRecord::from(&Error::input("错".repeat(3_000)).with_hint("h".repeat(3_000)));
        assert!(record.message.len() < 1_010 && record.message.ends_with('…'));
        assert!(record.hint.unwrap().len() < 1_010);
    }
}
