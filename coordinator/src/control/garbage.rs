//! What stands below WORK and in the data folder although nobody needs it.

use std::collections::{BTreeMap, BTreeSet};

use tamis_common::Result;
use tamis_common::ids::{AttemptId, JobId, TaskId};
use tamis_common::storage::{ObjectMeta, Uri};

use super::Control;
use crate::copy;
use crate::sweep;

/// Something that nobody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Garbage {
    /// A folder, or a file.
    pub(crate) uri: Uri,
    /// What it takes.
    pub(crate) bytes: u64,
    /// Why nobody needs it.
    pub(crate) reason: String,
    /// Whether it may belong to another coordinator that shares WORK: then it is removed on demand only.
    pub(crate) is_foreign: bool,
}

impl Control {
    /// Finds what nobody needs, and removes it if asked to: what is foreign only with `foreign`.
    ///
    /// # Errors
    /// Of the stores.
    pub(crate) fn collect_garbage(&self, remove: bool, foreign: bool) -> Result<Vec<Garbage>> {
        let mut found = Vec::new();
        for (job, objects) in self.work_by_job()? {
            let known = self.lock().jobs.get(&job).map(|job| job.record.clone());
            match known {
                None => found.push(self.unowned(&job, &objects)),
                Some(record) if record.state.is_ended() && !record.swept => {}
                Some(_) => found.extend(self.left_by_attempts(&job, &objects)?),
            }
        }
        if remove {
            for garbage in found.iter().filter(|garbage| foreign || !garbage.is_foreign) {
                self.storage.remove(&garbage.uri)?;
                tracing::info!(uri = %garbage.uri, bytes = garbage.bytes, garbage.reason, "garbage was removed");
            }
        }
        Ok(found)
    }

    /// Everything below WORK, by the first folder.
    fn work_by_job(&self) -> Result<BTreeMap<JobId, Vec<ObjectMeta>>> {
        let prefix = format!("{}/", self.settings.work.as_str().trim_end_matches('/'));
        let mut jobs: BTreeMap<JobId, Vec<ObjectMeta>> = BTreeMap::new();
        for object in self.storage.list(&self.settings.work)? {
            let below = object.uri.as_str().strip_prefix(&prefix).and_then(|name| name.split_once('/'));
            if let Some((job, _)) = below {
                jobs.entry(JobId(job.to_owned())).or_default().push(object);
            }
        }
        Ok(jobs)
    }

    fn unowned(&self, job: &JobId, objects: &[ObjectMeta]) -> Garbage {
        let uri = self.settings.work.join(job.as_str());
        let (reason, is_foreign) = match copy::job_in(&self.storage, &uri) {
            Ok(copy) if copy.coordinator == self.coordinator => {
                ("a job of this coordinator that its state no longer holds".to_owned(), false)
            }
            Ok(copy) => (format!("a job of another coordinator, {}", copy.coordinator), true),
            Err(_) => ("no job of this coordinator; whose it is, it does not say".to_owned(), true),
        };
        Garbage { uri, bytes: bytes_of(objects), reason, is_foreign }
    }

    /// Folders of attempts that neither run nor have committed, and half-written files, of a job that is known.
    fn left_by_attempts(&self, job: &JobId, objects: &[ObjectMeta]) -> Result<Vec<Garbage>> {
        let (needed, work) = {
            // Both at once: between them an attempt that runs could commit.
            let state = self.lock();
            let record = &state.job(job)?.record;
            let running = state.job(job)?.live.iter().flat_map(|live| &live.attempts);
            let mut needed: BTreeSet<_> = running.map(|(number, attempt)| (attempt.task, *number)).collect();
            needed.extend(self.committed(job)?);
            (needed, record.work.clone())
        };
        let mut folders: BTreeMap<(TaskId, AttemptId), Vec<ObjectMeta>> = BTreeMap::new();
        for object in objects {
            if let Some(attempt) =
                sweep::attempt_of(&work, &object.uri).filter(|attempt| !needed.contains(attempt))
            {
                folders.entry(attempt).or_default().push(object.clone());
            }
        }
        let left = folders.into_iter().map(|((task, attempt), objects)| Garbage {
            uri: crate::drive::attempt_uri(&work, task, attempt),
            bytes: bytes_of(&objects),
            reason: format!("left by a lost attempt of job {job}"),
            is_foreign: false,
        });
        Ok(left.collect())
    }
}

fn bytes_of(objects: &[ObjectMeta]) -> u64 {
    objects.iter().map(|object| object.size).sum()
}
