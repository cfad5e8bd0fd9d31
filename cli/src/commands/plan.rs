//! `tamis plan`: what a job would read, make and need, before it runs.

use std::process::ExitCode;

use serde_json::json;
use tamis_common::spec::JobSpec;
use tamis_common::storage::{Storage, Uri};
use tamis_common::{Error, Result};
use tamis_coordinator::plan::{self, DiskEstimate};
use tamis_worker::rehearsal::{RehearsalContext, rehearse};
use tamis_worker::tokenize::Tokenizer;

use super::serve::{cores, places, roots_here};
use super::submit;
use super::trial::named_files;
use crate::args::PlanArgs;
use crate::forecast::{Forecast, Room, forecast};
use crate::ui;

/// `tamis plan`
pub(crate) async fn plan(args: PlanArgs, json: bool) -> Result<ExitCode> {
    let slots = args.workers.unwrap_or_else(cores);
    if slots == 0 || args.sample_docs == 0 {
        let name = if slots == 0 { "workers" } else { "sample-docs" };
        return Err(Error::spec(format!("--{name} must be at least 1, got 0")));
    }
    let spec = submit::read_spec(&args.spec)?;
    let (_, work) = places(&args.data_dir, args.work.as_deref())?;
    let runtime = tokio::runtime::Handle::current();
    let storage = Storage::within(runtime.clone(), roots_here(&args.allow)?.with_work(&work)?);
    // What is rehearsed stands in a folder of its own, wherever jobs may write.
    let scratch = Storage::new(runtime);
    let sample = args.sample_docs;
    let foreseeing =
        tokio::task::spawn_blocking(move || foresee(&storage, &scratch, &spec, &work, sample, slots));
    let forecast =
        foreseeing.await.unwrap_or_else(|e| Err(Error::internal(format!("planning ended badly: {e}"))))?;
    match json {
        true => ui::print(&json!(forecast).to_string()),
        false => ui::forecast_text(&forecast).iter().for_each(|line| ui::print(line)),
    }
    // A job that must fail is told by the exit code, too.
    Ok(ExitCode::from(u8::from(forecast.sources.iter().any(|source| source.would_fail))))
}

fn foresee(
    storage: &Storage,
    scratch: &Storage,
    spec: &JobSpec,
    work: &Uri,
    sample: usize,
    slots: usize,
) -> Result<Forecast> {
    let planned = plan::plan(storage, spec)?;
    let files = named_files(storage, spec)?;
    let tokenizer = tokenizer_of(storage, spec)?;
    let folder = tempfile::tempdir().map_err(|e| Error::io("make", "a temporary folder", e))?;
    let folder = Uri::from_path(folder.path()).map(|uri| (folder, uri))?;
    let ctx = RehearsalContext {
        storage,
        spec,
        shards: &planned.shards,
        files: &files,
        tokenizer: tokenizer.as_ref(),
        scratch: (scratch, &folder.1),
    };
    let rehearsed = rehearse(&ctx, sample)?;
    let DiskEstimate { work_bytes, output_bytes } = plan::estimate(&planned, spec);
    let output = Uri::parse(&spec.output.uri)?;
    let room = Room {
        refused_below: work_bytes.saturating_add(output_bytes),
        free: storage.free_bytes(work)?,
        work: work.clone(),
        is_one_disk: storage.on_one_disk(work, &output)?,
    };
    Ok(forecast(spec, &planned, &rehearsed, room, slots))
}

/// The tokenizer of a job, loaded; `None`: it has none.
///
/// # Errors
/// Of the store, or `Class::Spec` for a file that is none.
pub(crate) fn tokenizer_of(storage: &Storage, spec: &JobSpec) -> Result<Option<Tokenizer>> {
    let Some(named) = &spec.tokenizer else { return Ok(None) };
    let naming = |e: Error| e.context("`tokenizer.path`");
    let bytes = storage.read(&Uri::parse(&named.path).map_err(naming)?).map_err(naming)?;
    Tokenizer::load(&bytes, &named.path).map(Some)
}
