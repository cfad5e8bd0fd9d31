//! The ports of a coordinator: free, or who answers there.

use std::net::SocketAddr;

use tamis_common::{Class, Error};
use tamis_proto::connect::Access;
use tamis_proto::v1;
use tokio::net::TcpListener;
use tonic::Code;

use super::checks::Checks;
use super::http;
use crate::args::PortArgs;
use crate::client::Client;

pub(super) async fn check(checks: &mut Checks, ports: &PortArgs) {
    let grpc = ports.listen;
    let mut is_ours = false;
    match bound(grpc).await {
        Ok(()) => checks.ok("port gRPC", format!("{grpc} is free")),
        Err(error) if error.class() == Class::Conflict && answers(grpc).await => {
            is_ours = true;
            checks.ok("port gRPC", format!("a coordinator of tamis answers at {grpc}"));
        }
        Err(error) => checks.fail("port gRPC", &error),
    }
    let Some(address) = ports.http() else { return };
    match bound(address).await {
        Ok(()) => checks.ok("port HTTP", format!("{address} is free")),
        Err(error)
            if error.class() == Class::Conflict
                && (is_ours || http::version(&address.to_string()).await.is_some()) =>
        {
            checks
                .ok("port HTTP", format!("{address} is in use, as it is when a coordinator runs at {grpc}"));
        }
        Err(error) => checks.fail("port HTTP", &error),
    }
}

async fn bound(address: SocketAddr) -> Result<(), Error> {
    TcpListener::bind(address).await.map(drop).map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(Class::Conflict, format!("something else than tamis listens on {address}"))
                .with_hint("stop it, or name other ports with --listen and --http")
        }
        _ => Error::io("listen on", address, e),
    })
}

/// Whether a coordinator answers, be it by a refusal.
async fn answers(address: SocketAddr) -> bool {
    let Ok(mut client) = Client::connect(&format!("http://{address}"), &Access::default()).await else {
        return false;
    };
    let listed = client.workers.list(v1::ListWorkersRequest {}).await;
    listed.map_or_else(
        |status| status.code() == Code::Unauthenticated && !status.details().is_empty(),
        |_| true,
    )
}
