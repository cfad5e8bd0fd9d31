//! One job at a time publishes into a folder, whichever coordinator it belongs to.

use serde::Deserialize;
use tamis_common::error::Found as _;
use tamis_common::ids::JobId;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Class, Error, Result};

use super::RUN;

/// Stands in an output folder while a job publishes there, and names the job.
const CLAIM: &str = ".tamis-publishing";

/// What is read of `run.json`.
#[derive(Deserialize)]
struct Run {
    job_id: String,
}

/// Takes the folder for the job; repeated by the same job it is no error. Unless `replace`, what another job has published
/// there since the folder was found empty stays.
///
/// # Errors
/// `Class::Conflict` if another job publishes or has published there; of the store.
pub fn claim(storage: &Storage, output: &Uri, job: &JobId, replace: bool) -> Result<()> {
    let place = output.join(CLAIM);
    // An answer may be lost: who finds the folder taken looks by whom.
    if !storage.put_if_absent(&place, job.as_str().as_bytes())? {
        let holder = storage.read(&place).found()?;
        if holder.as_deref() != Some(job.as_str().as_bytes()) {
            let holder = holder.map_or("another job".to_owned(), |holder| {
                format!("job {}", String::from_utf8_lossy(&holder).escape_debug())
            });
            let message = format!("{holder} is publishing into the output folder `{output}`");
            return Err(Error::new(Class::Conflict, message).with_hint(format!(
                "wait for it, then `tamis retry {job}`; if it failed and shall never go on, remove `{place}` first"
            )));
        }
    }
    if replace {
        return Ok(());
    }
    match job_of(storage, output)? {
        Some(owner) if owner != job.as_str() => {
            release(storage, output)?;
            let message = format!("job {owner} has published into the output folder `{output}` meanwhile");
            Err(Error::new(Class::Conflict, message)
                .with_hint(format!("move its output away, then `tamis retry {job}`")))
        }
        _ => Ok(()),
    }
}

/// The job that published into a folder, if its `run.json` names one.
///
/// # Errors
/// Of the store.
pub fn job_of(storage: &Storage, output: &Uri) -> Result<Option<String>> {
    let run = storage.read(&output.join(RUN)).found()?;
    Ok(run.and_then(|run| serde_json::from_slice::<Run>(&run).ok()).map(|run| run.job_id))
}

/// Lets others publish into the folder.
///
/// # Errors
/// Of the store.
pub fn release(storage: &Storage, output: &Uri) -> Result<()> {
    storage.remove(&output.join(CLAIM))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn one_job_at_a_time_publishes_into_a_folder() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let storage = Storage::new(runtime.handle().clone());
        let folder = tempfile::tempdir().unwrap();
        let output = Uri::from_path(folder.path()).unwrap();
        let [ours, theirs] = ["j-1", "j-2"].map(|id| JobId(id.into()));
        claim(&storage, &output, &ours, false).unwrap();
        claim(&storage, &output, &ours, false).unwrap();
        for replace in [false, true] {
            let error = claim(&storage, &output, &theirs, replace).unwrap_err();
            assert_eq!(error.class(), Class::Conflict);
            assert!(error.to_string().contains("job j-1 is publishing into"), "{error}");
            assert!(error.hint().unwrap().contains(CLAIM), "{error:?}");
        }
        storage.put(&output.join(RUN), b"{\"job_id\": \"j-1\", \"tamis\": \"0\"}").unwrap();
        claim(&storage, &output, &ours, false).unwrap();
        release(&storage, &output).unwrap();

        let error = claim(&storage, &output, &theirs, false).unwrap_err();
        assert!(error.to_string().contains("job j-1 has published into"), "{error}");
        claim(&storage, &output, &ours, false).unwrap();
        release(&storage, &output).unwrap();
        claim(&storage, &output, &theirs, true).unwrap();
        release(&storage, &output).unwrap();
        assert_eq!(storage.list(&output).unwrap().len(), 1, "only run.json is left");
    }
}
