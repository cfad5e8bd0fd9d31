//! `tamis try`: cleaners and filters of a job on a sample, here.

use std::process::ExitCode;

use tamis_common::sieve::resources::Resources;
use tamis_common::spec::JobSpec;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};
use tamis_coordinator::plan;
use tamis_worker::trial::{Trial, run};

use super::serve::roots_here;
use super::submit;
use crate::args::TryArgs;
use crate::ui;

/// `tamis try`
pub(crate) async fn trial(args: TryArgs, json: bool) -> Result<ExitCode> {
    if args.docs == 0 {
        return Err(Error::spec("--docs must be at least 1, got 0"));
    }
    let spec = submit::read_spec(&args.spec)?;
    if spec.clean.cleaners.is_empty() && spec.filter.filters.is_empty() {
        return Err(Error::spec("the job names no cleaner and no filter: there is nothing to try")
            .with_hint("add [filter] preset = \"recommended\", or see `tamis filters`"));
    }
    let storage = Storage::within(tokio::runtime::Handle::current(), roots_here(&args.allow)?);
    let trying = tokio::task::spawn_blocking(move || of_sample(&storage, &spec, args.docs));
    let trial =
        trying.await.unwrap_or_else(|e| Err(Error::internal(format!("the trial ended badly: {e}"))))?;
    if let Some(path) = &args.html {
        std::fs::write(path, ui::trial_html(&trial)).map_err(|e| Error::io("write", path.display(), e))?;
        ui::note(&format!("written: {}", path.display()));
    }
    ui::print(&match json {
        true => serde_json::to_string(&trial)
            .map_err(|e| Error::internal(format!("the trial cannot be written as JSON: {e}")))?,
        false => ui::trial_text(&trial),
    });
    Ok(ExitCode::SUCCESS)
}

fn of_sample(storage: &Storage, spec: &JobSpec, docs: usize) -> Result<Trial> {
    let files = named_files(storage, spec)?;
    let plan = plan::plan(storage, spec)?;
    run(storage, spec, &plan.shards, &files, docs)
}

/// The files that cleaners, filters and report of a job name.
///
/// # Errors
/// Of the store, with the section that names the file.
pub(crate) fn named_files(storage: &Storage, spec: &JobSpec) -> Result<Resources> {
    let mut files = Resources::default();
    for (key, name) in spec.named_files() {
        let naming = |e: Error| e.context(format!("`{key}`"));
        files.insert(name, storage.read(&Uri::parse(name).map_err(naming)?).map_err(naming)?);
    }
    Ok(files)
}
