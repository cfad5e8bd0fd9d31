//! What the control has to say about indexes: which job has its turn, and what was forgotten.

use std::sync::PoisonError;

use tamis_common::ids::JobId;
use tamis_common::{Class, Error, Result};

use super::Control;
use crate::copy;
use crate::job::JobState;
use crate::store::Change;

impl Control {
    /// Removes a job's documents from an index and records it, so that a rebuild does not bring them back. Returns how
    /// many there were.
    ///
    /// # Errors
    /// `Class::NotFound` if the index or its job is not there; `Class::Conflict` while a job is between resolve and
    /// publish at the index: its verdicts may name what would go.
    pub(crate) fn forget(&self, index: &str, job: &JobId) -> Result<u64> {
        // The walk of the job may be about to copy what it was.
        let _alone = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        // No turn begins meanwhile.
        let mut state = self.lock();
        let found = self.steps.indexes()?.find(index)?;
        let jobs = found.stats()?.jobs;
        let Some(entered) = jobs.iter().find(|entered| entered.job == *job) else {
            return Err(Error::new(Class::NotFound, format!("index `{index}` holds nothing of job `{job}`"))
                .with_hint("`tamis index stats` lists its jobs"));
        };
        let busy = state.jobs.iter().find(|(_, other)| {
            let record = &other.record;
            record.index.as_deref() == Some(index)
                && record.turn.is_some()
                && !matches!(record.state, JobState::Waiting)
                && !record.state.is_ended()
        });
        if let Some((busy, other)) = busy {
            let message = format!("job {busy} is {} at the index `{index}`", other.record.state);
            return Err(
                Error::new(Class::Conflict, message).with_hint("try again when it has ended, or cancel it")
            );
        }
        // A job of another coordinator may stand in an index that was imported.
        if let Ok(known) = state.job_mut(job) {
            let mut record = known.record.clone();
            record.forgotten = true;
            let mut change = Change::default();
            change.put_job(job, &record)?;
            // First where a lost state is made anew from: what was forgotten shall not come back.
            copy::amend(&self.storage, &record)?;
            self.store.write(change)?;
            known.record = record;
        }
        found.forget(job)?;
        Ok(entered.documents)
    }
}
