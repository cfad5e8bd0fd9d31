//! The `tamis` command: data to stdout, progress and errors to stderr.
//!
//! Exit codes: 0 done, 1 the job failed or the other side is not there, 2 the call was wrong.

mod access;
mod args;
mod client;
mod commands;
mod forecast;
#[cfg(test)]
mod reference;
mod telemetry;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;
use tamis_common::{Class, Error};

use args::Cli;
use telemetry::Telemetry;
use tracing::Instrument as _;

/// Measured on 200,000 documents with two workers: 430 MB at the peak, with the allocator of glibc 540 to 660.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's number of `mi_option_purge_delay`, which its crate does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long free memory is kept for the next shard, in milliseconds. Measured on 200,000 documents with two workers:
/// with the default of a second the kernel spent a fifth of all CPU time on clearing pages again.
const PURGE_DELAY_MS: std::ffi::c_long = 60_000;

#[expect(unsafe_code, reason = "the allocator's settings have no other door")]
fn keep_free_memory() {
    // SAFETY: sets an integer of the allocator that is linked in; no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
}

/// Threads for calls that block. Each keeps some MB, so there shall not be one for each of a hundred jobs; but enough for
/// all steps and calls that a coordinator lets run at the same time, and as many short ones.
fn blocking_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    2 * tamis_coordinator::CLIENT_CALLS + 4 * cores
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.command.does_tasks() {
        keep_free_memory();
    }
    let json = cli.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads())
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::io("start", "the async threads", error), json),
    };
    let begun = {
        // The exporter's connection lives on the async threads.
        let _within = runtime.enter();
        Telemetry::begin(&cli.telemetry, cli.command.service_name(), cli.command.log_filter())
    };
    let telemetry = match begun {
        Ok(telemetry) => telemetry,
        Err(error) => return fail(&error, json),
    };
    let span = cli.command.span();
    let ended = runtime.block_on(commands::dispatch(cli).instrument(span));
    telemetry.end();
    // Threads that still run belong to work that was given up.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => fail(&error, json),
    }
}

fn fail(error: &Error, json: bool) -> ExitCode {
    if json {
        let (class, message, hint) = (error.class(), error.message(), error.hint());
        ui::print(
            &serde_json::json!({ "error": { "class": class, "message": message, "hint": hint } }).to_string(),
        );
    }
    ui::note(&format!("error: {}", ui::plain(error.message())));
    if let Some(hint) = error.hint() {
        ui::note(&format!("hint: {}", ui::plain(hint)));
    }
    match error.class() {
        Class::Spec | Class::NotFound | Class::Conflict | Class::Permission => ExitCode::from(2),
        _ => ExitCode::from(1),
    }
}
