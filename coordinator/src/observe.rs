//! What is told of each gRPC call: a count by method and status, how long it took to answer, and a span whose parent is that
//! of the caller.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use http::{HeaderMap, Request, Response};
use tamis_common::telemetry::{metrics, trace};
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field};

use crate::access::is_served;

/// Observes all calls that pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observe;

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed(inner)
    }
}

/// The services behind it.
#[derive(Clone, Debug)]
pub(crate) struct Observed<S>(S);

impl<S, B, R> Service<Request<B>> for Observed<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let begun = Instant::now();
        // Strangers choose paths: a name that is not served is no label.
        let method = match request.uri().path().strip_prefix('/') {
            Some(method) if is_served(request.uri().path()) => method.to_owned(),
            _ => "other".to_owned(),
        };
        let span = span_of(&method, request.headers());
        let calling = span.in_scope(|| self.0.call(request));
        let observed = async move {
            let answered = calling.await;
            let code = answered.as_ref().map_or(Code::Unavailable, |response| code_of(response));
            tracing::Span::current().record("rpc.grpc.status_code", code as i64);
            metrics::RPC_REQUESTS.add(&[("method", &method), ("code", name_of(code))], 1);
            metrics::RPC_DURATION.record(&[("method", &method)], begun.elapsed().as_secs_f64());
            answered
        };
        Box::pin(observed.instrument(span))
    }
}

/// The span of a call. What workers ask all the time has none unless it belongs to something: a poll is nobody's.
fn span_of(method: &str, headers: &HeaderMap) -> Span {
    let parent = headers.get(trace::TRACEPARENT).and_then(|value| value.to_str().ok());
    if parent.is_none() && !method.starts_with("tamis.v1.JobService/") {
        return Span::none();
    }
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        rpc.grpc.status_code = field::Empty
    );
    if let Some(parent) = parent {
        trace::adopt(&span, parent);
    }
    span
}

/// The status of an answer that begins: one that fails at once says so in its head.
fn code_of<R>(response: &Response<R>) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
