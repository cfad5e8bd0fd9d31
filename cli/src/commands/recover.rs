//! `tamis recover`: the coordinator's state made anew from the work folder.

use std::process::ExitCode;

use serde_json::json;
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};
use tamis_coordinator::recover::recover;

use super::serve::places;
use crate::args::RecoverArgs;
use crate::ui;

/// Does it, and tells job by job what was found. Exit code 1 if a job could not be recovered.
pub(crate) async fn recovered(args: RecoverArgs, json: bool) -> Result<ExitCode> {
    let (data_dir, work) = places(&args.data_dir, args.work.as_deref())?;
    let has_index = data_dir.join("index").exists();
    let storage = Storage::new(tokio::runtime::Handle::current());
    let recovering = tokio::task::spawn_blocking(move || recover(&data_dir, &work, &storage));
    let recovered = recovering
        .await
        .unwrap_or_else(|e| Err(Error::internal(format!("the recovery ended badly: {e}"))))?;
    for job in &recovered.jobs {
        ui::print(&match json {
            true => json!({
                "job_id": job.id, "name": job.name, "state": job.state.to_string(),
                "scans": job.scans, "emits": job.emits,
            })
            .to_string(),
            false => format!(
                "{}  {}  {}  {} scans and {} emits are done",
                job.id,
                job.state,
                ui::plain(&job.name),
                job.scans,
                job.emits
            ),
        });
    }
    for (folder, error) in &recovered.damaged {
        ui::note(&format!("error: the job in {folder} is not recovered: {}", ui::plain(error.message())));
    }
    if let Some(old) = &recovered.old {
        ui::note(&format!("the old state stands in {}: remove it when all is well", old.display()));
    }
    if !has_index {
        ui::note("there is no index in the data folder: `tamis index rebuild` makes it anew");
    }
    Ok(ExitCode::from(u8::from(!recovered.is_whole())))
}
