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
    committed: &[(TaskId, AttemptId)],
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
    let mut parts = name.splitn(3, '/');
    let (task, attempt, _) = (parts.next()?, parts.next()?, parts.next()?);
    Some((TaskId::parse(task)?, AttemptId(attempt.parse().ok()?)))
}

/// Files and folders to remove, from the names of all files below the job's folder.
fn doomed<'a>(
    names: impl Iterator<Item = &'a str>,
    committed: &[(TaskId, AttemptId)],
    next: AttemptId,
    keep: KeepWork,
) -> BTreeSet<String> {
    let committed: BTreeSet<String> =
        committed.iter().map(|(task, attempt)| format!("{task}/{attempt}")).collect();
    let scan = format!("{}-", Phase::Scan.as_str());
    let emit = format!("{}-", Phase::Emit.as_str());
    let mut doomed = BTreeSet::new();
    for name in names {
        let mut parts = name.splitn(3, '/');
        let (task, attempt, file) = (parts.next(), parts.next(), parts.next());
        let is_task = task.is_some_and(|task| task.starts_with(&scan) || task.starts_with(&emit));
        if is_task
            && attempt.and_then(|number| number.parse().ok()).is_some_and(|number: u64| number >= next.0)
        {
            continue;
        }
        let attempt_folder = match (is_task, task, attempt, file) {
            (true, Some(task), Some(attempt), Some(_)) => Some(format!("{task}/{attempt}")),
            _ => None,
        };
        match attempt_folder {
            // A whole folder at once: on local disks it goes, too.
            Some(folder) if !committed.contains(&folder) => {
                doomed.insert(folder);
            }
            Some(_) if keep == KeepWork::All => {}
            Some(folder) if folder.starts_with(&scan) && matches!(file, Some(DOCUMENTS | BANDS)) => {}
            None if name.starts_with(&format!("{}/", copy::FOLDER)) => {}
            None if keep == KeepWork::All || name.ends_with(&format!("/{VERDICTS}")) => {}
            _ => {
                doomed.insert(name.to_owned());
            }
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

    fn committed() -> Vec<(TaskId, AttemptId)> {
        let task = |phase| TaskId { phase, shard: ShardId(0) };
        vec![(task(Phase::Scan), AttemptId(2)), (task(Phase::Emit), AttemptId(5))]
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
        let doomed = doomed(names.into_iter(), &[], AttemptId(6), KeepWork::All);
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
