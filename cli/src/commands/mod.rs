//! One function a command.

mod filters;
mod gc;
mod index;
mod jobs;
mod recover;
mod run;
mod serve;
mod submit;
mod trial;
mod workers;

use std::process::ExitCode;

use tamis_common::Result;

use crate::args::{Cli, Command};
use crate::client::Client;

/// Does what the command line says.
///
/// # Errors
/// Of the command; the class decides the exit code.
pub(crate) async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let json = cli.json;
    match cli.command {
        Command::Run(args) => return run::run(args, json).await,
        Command::Try(args) => return trial::trial(args, json).await,
        Command::Filters(args) => return filters::list(args, json),
        Command::Coordinator(args) => return serve::coordinator(args, json).await,
        Command::Worker(args) => return serve::worker(args, &cli.coordinator, json).await,
        Command::Submit(args) => return submit::submit(&cli.coordinator, args, json).await,
        Command::Index(command) => return index::index(&cli.coordinator, command, json).await,
        Command::Recover(args) => return recover::recovered(args, json).await,
        _ => {}
    }
    let mut client = Client::connect(&cli.coordinator).await?;
    match cli.command {
        Command::Watch { job } => jobs::watch(&mut client, &job, json).await,
        Command::Status { job } => jobs::status(&mut client, job, json).await,
        Command::Jobs => jobs::list(&mut client, json).await,
        Command::Cancel { job } => jobs::cancel(&mut client, job, json).await,
        Command::Report { job } => jobs::report(&mut client, job, json).await,
        Command::Explain { job, document } => jobs::explain(&mut client, job, document, json).await,
        Command::Retry { job } => jobs::retry(&mut client, job, json).await,
        Command::Gc(args) => gc::collect(&mut client, args, json).await,
        Command::Workers => workers::list(&mut client, json).await,
        Command::Drain { worker } => workers::drain(&mut client, worker, json).await,
        // Done above.
        Command::Run(_)
        | Command::Try(_)
        | Command::Filters(_)
        | Command::Coordinator(_)
        | Command::Worker(_)
        | Command::Submit(_)
        | Command::Index(_)
        | Command::Recover(_) => Ok(ExitCode::SUCCESS),
    }
}
