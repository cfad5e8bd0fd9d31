//! Calls to a coordinator.

use std::time::Duration;

use tamis_common::{Class, Error, Result};
use tamis_proto::v1::index_service_client::IndexServiceClient;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_proto::{MAX_MESSAGE_BYTES, from_status};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The services of one coordinator.
pub(crate) struct Client {
    pub(crate) jobs: JobServiceClient<Channel>,
    pub(crate) workers: WorkerServiceClient<Channel>,
    pub(crate) index: IndexServiceClient<Channel>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// `Class::Unavailable` that names the URL.
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let channel = Endpoint::from_shared(full)
            .map_err(|e| Error::spec(format!("`{url}` is no URL of a coordinator: {e}")))?
            .connect_timeout(CONNECT_TIMEOUT)
            .connect()
            .await
            .map_err(|e| {
                Error::new(Class::Unavailable, format!("no coordinator answers at `{url}`"))
                    .with_source(e)
                    .with_hint("start one with `tamis coordinator`, or name another with --coordinator")
            })?;
        Ok(Self {
            jobs: JobServiceClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            workers: WorkerServiceClient::new(channel.clone()),
            index: IndexServiceClient::new(channel),
        })
    }
}

/// The error behind a refused call.
pub(crate) fn refused(status: Status) -> Error {
    from_status(&status)
}
