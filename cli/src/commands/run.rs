//! `tamis run`: the same code paths as on a cluster, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use tamis_common::{Class, Error, Result};
use tamis_proto::connect::Access;
use tamis_worker::WorkerConfig;

use super::serve::{Signals, cores, roots_here, start_coordinator, start_worker};
use super::{jobs, submit};
use crate::args::RunArgs;
use crate::client::Client;
use crate::ui;

/// Tasks of an interrupted run are given back at once: they begin anew with the next run.
const DRAIN_PATIENCE: Duration = Duration::from_millis(500);

/// `tamis run`
pub(crate) async fn run(args: RunArgs, json: bool) -> Result<ExitCode> {
    let slots = args.workers.unwrap_or_else(cores);
    if slots == 0 {
        return Err(Error::spec("--workers must be at least 1, got 0"));
    }
    let spec = submit::read_spec(&args.spec)?;
    // From here on a signal waits for the watch, so that no job is left behind.
    let mut signals = Signals::listen()?;
    let roots = roots_here(&args.allow)?;
    let (coordinator, storage) = start_coordinator(&args.data_dir, args.work.as_deref(), roots, |config| {
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    })
    .await?;
    let url = format!("http://{}", coordinator.addr);
    let worker = start_worker(WorkerConfig::new(&url, slots), storage).await?;
    let mut client = Client::connect(&url, &Access::default()).await?;
    let job = submit::send(&mut client, &spec, args.replace, String::new()).await?;
    let watched = tokio::select! {
        ended = jobs::watch(&mut client, &job.id, !job.existed, json) => Some(ended),
        () = signals.next() => None,
    };
    let leave = async {
        let ended = match watched {
            Some(ended) => ended,
            None => cancel(&mut client, job.id, json).await,
        };
        worker.drain(DRAIN_PATIENCE).await;
        coordinator.shutdown().await;
        ended
    };
    tokio::select! {
        ended = leave => ended,
        () = signals.next() => Err(Error::new(Class::Cancelled, "stopped before everything had ended")),
    }
}

/// Ends the job of an interrupted run.
async fn cancel(client: &mut Client, job: String, json: bool) -> Result<ExitCode> {
    ui::note("cancelling the job; a second signal ends at once");
    match jobs::cancel(client, job, json).await {
        Ok(_) => Ok(ExitCode::from(1)),
        Err(error) if error.class() == Class::Conflict => {
            Err(Error::new(Class::Cancelled, format!("interrupted: {}", error.message())).with_hint(
                "what is past its commit point is finished when a coordinator starts on this --data-dir",
            ))
        }
        Err(error) => Err(error),
    }
}
