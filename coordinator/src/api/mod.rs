//! The gRPC services: each call is decoded, handed to the control off the async threads, and its answer encoded.

pub(crate) mod explain;
mod indexes;
mod jobs;
pub(crate) mod views;
mod workers;

use std::sync::Arc;

use tamis_common::{Error, Result};
use tamis_proto::to_status;
use tonic::{Response, Status};

pub(crate) use indexes::{Indexes, describe};
pub(crate) use jobs::Jobs;
pub(crate) use workers::{Workers, wire_worker};

use crate::control::Control;

/// Runs a call of a client where it may block, once there is a place for it.
pub(crate) async fn for_client<T: Send + 'static>(
    control: &Arc<Control>,
    call: impl FnOnce(&Control) -> Result<T> + Send + 'static,
) -> Result<T> {
    // It fails once the places are closed, which they never are.
    let _place = control.calls().acquire().await;
    blocking(control, call).await
}

/// Runs a call where it may block.
async fn blocking<T: Send + 'static>(
    control: &Arc<Control>,
    call: impl FnOnce(&Control) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (control, span) = (control.clone(), tracing::Span::current());
    let call = tokio::task::spawn_blocking(move || span.in_scope(|| call(&control)));
    call.await.unwrap_or_else(|e| Err(Error::internal(format!("the call ended badly: {e}"))))
}

fn reply<T>(result: Result<T>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|error| {
        tracing::debug!(%error, class = ?error.class(), "a call was refused");
        to_status(&error)
    })
}
