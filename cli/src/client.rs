//! Calls to a coordinator.

use std::time::Duration;

use tamis_common::{Error, Result};
use tamis_proto::connect::{Access, Connection};
use tamis_proto::v1::index_service_client::IndexServiceClient;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_proto::{MAX_MESSAGE_BYTES, from_status};
use tonic::Status;

use crate::access::ConnectionArgs;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The services of one coordinator.
pub(crate) struct Client {
    pub(crate) jobs: JobServiceClient<Connection>,
    pub(crate) workers: WorkerServiceClient<Connection>,
    pub(crate) index: IndexServiceClient<Connection>,
}

impl Client {
    /// Connects to the coordinator that the command line names.
    ///
    /// # Errors
    /// As [`Client::connect`], and of the files that the command line names.
    pub(crate) async fn open(connection: &ConnectionArgs) -> Result<Self> {
        Self::connect(&connection.coordinator, &connection.access()?).await
    }

    /// Connects.
    ///
    /// # Errors
    /// `Class::Unavailable` that names the URL, `Class::Permission` if one side does not take the other, `Class::Spec` for
    /// what must not be sent there.
    pub(crate) async fn connect(url: &str, access: &Access) -> Result<Self> {
        let endpoint = access.endpoint(url)?.connect_timeout(CONNECT_TIMEOUT);
        let connection = access.connect(&endpoint, url).await?;
        Ok(Self {
            jobs: JobServiceClient::new(connection.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES),
            workers: WorkerServiceClient::new(connection.clone()),
            index: IndexServiceClient::new(connection),
        })
    }
}

/// The error behind a refused call.
pub(crate) fn refused(status: Status) -> Error {
    from_status(&status)
}
