//! One function a command.

mod certs;
mod completions;
mod doctor;
mod filters;
mod gc;
mod index;
mod jobs;
mod plan;
mod recover;
mod run;
mod serve;
mod submit;
mod token;
mod trial;
mod workers;

use std::process::ExitCode;

use tamis_common::Result;

use crate::access::ConnectionArgs;
use crate::args::{Cli, Command};
use crate::client::Client;

/// Does what the command line says.
///
/// # Errors
/// Of the command; the class decides the exit code.
pub(crate) async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let (connection, json) = (cli.connection, cli.json);
    if !cli.command.calls() {
        connection.refuse_unused(matches!(cli.command, Command::Coordinator(_)))?;
    }
    match cli.command {
        Command::Run(args) => run::run(args, json).await,
        Command::Try(args) => trial::trial(args, json).await,
        Command::Plan(args) => plan::plan(args, json).await,
        Command::Doctor(args) => doctor::doctor(args, &connection, json).await,
        Command::Filters(args) => filters::list(args, json),
        Command::Coordinator(args) => serve::coordinator(args, connection.insecure, json).await,
        Command::Worker(args) => serve::worker(args, &connection, json).await,
        Command::Recover(args) => recover::recovered(args, json).await,
        Command::Token(command) => token::token(command, json),
        Command::Certs(command) => certs::certs(command, json),
        Command::Completions { shell } => Ok(completions::completions(shell)),
        command => match call(command, &connection, json).await {
            Err(error) => Err(connection.diagnose(error).await),
            ended => ended,
        },
    }
}

/// Commands that call a coordinator.
async fn call(command: Command, connection: &ConnectionArgs, json: bool) -> Result<ExitCode> {
    match command {
        Command::Submit(args) => return submit::submit(connection, args, json).await,
        Command::Index(command) => return index::index(connection, command, json).await,
        _ => {}
    }
    let mut client = Client::open(connection).await?;
    match command {
        Command::Watch { job } => jobs::watch(&mut client, &job.id, false, json).await,
        Command::Status { job } => jobs::status(&mut client, job.id, json).await,
        Command::Jobs(args) => jobs::list(&mut client, args, json).await,
        Command::Cancel { job } => jobs::cancel(&mut client, job.id, json).await,
        Command::Report { job } => jobs::report(&mut client, job.id, json).await,
        Command::Explain { job, document } => jobs::explain(&mut client, job.id, document, json).await,
        Command::Retry { job } => jobs::retry(&mut client, job.id, json).await,
        Command::Gc(args) => gc::collect(&mut client, args, json).await,
        Command::Workers => workers::list(&mut client, json).await,
        Command::Drain { worker } => workers::drain(&mut client, worker, json).await,
        // Done above.
        Command::Run(_)
        | Command::Try(_)
        | Command::Plan(_)
        | Command::Doctor(_)
        | Command::Filters(_)
        | Command::Coordinator(_)
        | Command::Worker(_)
        | Command::Submit(_)
        | Command::Index(_)
        | Command::Recover(_)
        | Command::Token(_)
        | Command::Certs(_)
        | Command::Completions { .. } => Ok(ExitCode::SUCCESS),
    }
}
