//! `tamis run`: the same code paths as on a cluster, in this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use tamis_common::{Error, Result};
use tamis_worker::WorkerConfig;

use super::serve::{cores, start_coordinator, start_worker};
use super::{jobs, submit};
use crate::args::RunArgs;
use crate::client::Client;

/// Tasks of an interrupted run are given back at once: they begin anew with the next run.
const DRAIN_PATIENCE: Duration = Duration::from_millis(500);

/// `tamis run`
pub(crate) async fn run(args: RunArgs, json: bool) -> Result<ExitCode> {
    let slots = args.workers.unwrap_or_else(cores);
    if slots == 0 {
        return Err(Error::spec("--workers must be at least 1, got 0"));
    }
    let spec = submit::read_spec(&args.spec)?;
    let (coordinator, storage) = start_coordinator(&args.data_dir, args.work.as_deref(), |config| {
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    })
    .await?;
    let url = format!("http://{}", coordinator.addr);
    let worker = start_worker(WorkerConfig::new(&url, slots), storage).await?;
    let mut client = Client::connect(&url).await?;
    let job = submit::send(&mut client, &spec, args.replace, String::new()).await?;
    let ended = tokio::select! {
        ended = jobs::watch(&mut client, &job, json) => ended,
        _ = tokio::signal::ctrl_c() => {
            let mut client = Client::connect(&url).await?;
            jobs::cancel(&mut client, job, json).await?;
            Ok(ExitCode::from(1))
        }
    };
    worker.drain(DRAIN_PATIENCE).await;
    coordinator.shutdown().await;
    ended
}
