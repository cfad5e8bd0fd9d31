//! What a supervisor and a monitor ask a worker, over HTTP: whether it lives, whether it works, and its figures. Nothing here
//! names a document, a file or a job, and nothing can be changed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tamis_common::telemetry::metrics;
use tamis_common::{Class, Error, Result};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Session;

/// Connections at the same time; further ones wait.
const MOST_CONNECTIONS: usize = 32;
/// A connection does not stay open longer.
const PATIENCE: Duration = Duration::from_secs(60);
const HEADER_PATIENCE: Duration = Duration::from_secs(5);

/// Takes the port.
///
/// # Errors
/// `Class::Conflict` for a port in use, else of the system.
pub(super) async fn listen(addr: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Error::new(Class::Conflict, format!("cannot listen on {addr}: the port is in use"))
                .with_hint("stop the process that listens there, or name another with --http")
        }
        _ => Error::io("listen on", addr, error),
    };
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((listener, addr))
}

/// Answers until it is aborted.
pub(super) async fn serve(session: Arc<Session>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, most likely: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let session = session.clone();
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&session, request.method(), request.uri().path());
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, connection).await {
                tracing::debug!(%error, "a probe broke");
            }
        });
    }
}

fn answer(session: &Session, method: &Method, path: &str) -> Response<Body> {
    let (status, text) = match (method, path) {
        (&Method::GET | &Method::HEAD, "/livez") => (StatusCode::OK, "ok\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/readyz") => readiness(session),
        (&Method::GET | &Method::HEAD, "/metrics") => {
            gauge(session);
            (StatusCode::OK, metrics::text())
        }
        _ => (StatusCode::NOT_FOUND, "a worker answers /livez, /readyz and /metrics\n".to_owned()),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = axum::http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn readiness(session: &Session) -> (StatusCode, String) {
    let why = match (session.is_draining(), session.is_connected.load(Ordering::Relaxed)) {
        (true, _) => "the worker drains\n",
        (_, false) => "the coordinator does not answer\n",
        _ => return (StatusCode::OK, "ok\n".to_owned()),
    };
    (StatusCode::SERVICE_UNAVAILABLE, why.to_owned())
}

/// Gauges say what is: they are set when somebody looks.
fn gauge(session: &Session) {
    let flag = |is: bool| f64::from(u8::from(is));
    metrics::WORKER_CONNECTED.set(&[], flag(session.is_connected.load(Ordering::Relaxed)));
    metrics::WORKER_DRAINING.set(&[], flag(session.is_draining()));
    metrics::WORKER_SLOTS.set(&[], session.config.slots as f64);
    metrics::WORKER_SLOTS_BUSY.set(&[], session.running().len() as f64);
}
