//! HTTP/1.1 over TCP or TLS: connections within the bounds, each with a peer that is known or not.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_stream::StreamExt as _;
use tower::ServiceExt as _;

use crate::access::HANDSHAKE_PATIENCE;
use crate::connections::{Bounds, connections};
use crate::server::stopped;

/// A client that sends its headers slower than this is not waited for.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// Headers, the longest of which is a token, in bytes.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// What is known of the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Whether it showed a certificate that an authority of the coordinator's signed.
    pub(super) has_certificate: bool,
}

/// Serves until the coordinator stops.
pub(crate) async fn serve(
    listener: TcpListener,
    bounds: Bounds,
    tls: Option<ServerConfig>,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let mut connections = Box::pin(connections(listener, bounds, "http"));
    loop {
        let connection = tokio::select! {
            () = stopped(&mut stop) => return,
            connection = connections.next() => connection,
        };
        let Some(Ok(connection)) = connection else { return };
        let (acceptor, routes, stop) = (acceptor.clone(), routes.clone(), stop.clone());
        tokio::spawn(async move {
            let Some(acceptor) = acceptor else {
                return talk(connection, Peer { has_certificate: false }, routes, stop).await;
            };
            match tokio::time::timeout(HANDSHAKE_PATIENCE, acceptor.accept(connection)).await {
                Ok(Ok(stream)) => {
                    let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                    talk(stream, Peer { has_certificate }, routes, stop).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                Err(_) => tracing::debug!("a handshake took too long"),
            }
        });
    }
}

async fn talk<S>(stream: S, peer: Peer, routes: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routes.clone().oneshot(request.map(axum::body::Body::new))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
