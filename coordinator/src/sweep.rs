//! What of an ended job's work is removed.

use std::collections::BTreeSet;

use tamis_common::artefact::{BANDS, DOCUMENTS, VERDICTS};
use tamis_common::ids::{AttemptId, Phase, TaskId};
use tamis_common::spec::KeepWork;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Result};

use crate::copy;

/// Removes below a job's folder what `keep` and the committed attempts do not keep. Attempts from `next` on are left
/// alone: they were granted after a retry that came while the job was swept.
///
/// # Errors
/// Of the store.
pub(crate) fn sweep(
    storage: &Storage,
    work: &Uri,
    committed: &BTreeSet<(TaskId, AttemptId)>,
    next: AttemptId,
    keep: KeepWork,
) -> Result<()> {
    if keep == KeepWork::Nothing {
        return storage.remove(work);
    }
    let found = match storage.expand(work.as_str()) {
        Err(e) if e.class() == Class::NotFound => return Ok(()),
        found => found?,
    };
    let prefix = format!("{}/", work.as_str().trim_end_matches('/'));
    let names = found.iter().filter_map(|object| object.uri.as_str().strip_prefix(&prefix));
    for name in doomed(names, committed, next, keep) {
        storage.remove(&work.join(&name))?;
    }
    Ok(())
}

/// The attempt in whose folder a file stands, below a job's folder.
pub(crate) fn attempt_of(work: &Uri, file: &Uri) -> Option<(TaskId, AttemptId)> {
    let name = file.as_str().strip_prefix(work.as_str().trim_end_matches('/'))?.strip_prefix('/')?;
    split(name).map(|(attempt, _)| attempt)
}

/// The attempt in whose folder a file stands, and its name there, from the name below the job's folder.
fn split(name: &str) -> Option<((TaskId, AttemptId), &str)> {
    let mut parts = name.splitn(3, '/');
    let (task, attempt, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some(((TaskId::parse(task)?, AttemptId(attempt.parse().ok()?)), file))
}

/// Files and folders to remove, from the names of all files below the job's folder.
fn doomed<'a>(
    names: impl Iterator<Item = &'a str>,
    committed: &BTreeSet<(TaskId, AttemptId)>,
    next: AttemptId,
    keep: KeepWork,
) -> BTreeSet<String> {
    let mut doomed = BTreeSet::new();
    for name in names {
        let is_kept = match split(name) {
            Some(((_, attempt), _)) if attempt >= next => true,
            // A whole folder at once: on local disks it goes, too.
            Some((of @ (task, attempt), _)) if !committed.contains(&of) => {
                doomed.insert(format!("{task}/{attempt}"));
                continue;
            }
            _ if keep == KeepWork::All => true,
            Some(((task, _), file)) => task.phase == Phase::Scan && matches!(file, DOCUMENTS | BANDS),
            None => {
                name.starts_with(&format!("{}/", copy::FOLDER)) || name.ends_with(&format!("/{VERDICTS}"))
            }
        };
        if !is_kept {
            doomed.insert(name.to_owned());
        }
    }
    doomed
}

#[cfg(test)]
mod tests {
    use tamis_common::ids::ShardId;

    use super::*;

    const NAMES: [&str; 9] = [
        "emit-00000/5/text/part-00000.jsonl.zst",
        "resolve/00000/verdicts.parquet",
        "scan-00000/1/survivors.parquet",
        "scan-00000/2/bands.parquet",
        "scan-00000/2/documents.parquet",
        "scan-00000/2/survivors.parquet",
        "spec.json",
        "state/job.json",
        "tokenizer-ab.json",
    ];

    fn committed() -> BTreeSet<(TaskId, AttemptId)> {
        let task = |phase| TaskId { phase, shard: ShardId(0) };
        [(task(Phase::Scan), AttemptId(2)), (task(Phase::Emit), AttemptId(5))].into()
    }

    fn removed(keep: KeepWork) -> Vec<String> {
        doomed(NAMES.into_iter(), &committed(), AttemptId(6), keep).into_iter().collect()
    }

    #[test]
    fn keeping_all_removes_only_what_lost_attempts_left() {
        assert_eq!(removed(KeepWork::All), ["scan-00000/1"]);
    }

    #[test]
    fn attempts_of_a_retry_that_came_meanwhile_are_left_alone() {
        let names = ["scan-00000/1/survivors.parquet", "scan-00000/6/survivors.parquet"];
        let doomed = doomed(names.into_iter(), &BTreeSet::new(), AttemptId(6), KeepWork::All);
        assert_eq!(Vec::from_iter(doomed), ["scan-00000/1"]);
    }

    #[test]
    fn keeping_the_index_leaves_verdicts_and_documents_and_bands_of_committed_scans() {
        let left: Vec<&str> = NAMES
            .into_iter()
            .filter(|name| !removed(KeepWork::Index).iter().any(|gone| name.starts_with(gone.as_str())))
            .collect();
        assert_eq!(
            left,
            [
                "resolve/00000/verdicts.parquet",
                "scan-00000/2/bands.parquet",
                "scan-00000/2/documents.parquet",
                "state/job.json"
            ]
        );
    }
}
