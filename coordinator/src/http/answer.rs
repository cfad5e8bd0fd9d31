//! Results as HTTP answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use tamis_common::{Class, Error, Result};

/// An error as an answer: its status follows from its class, as the gRPC code does.
pub(super) struct Failure(pub(super) Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        failed(status_of(self.0.class()), &self.0)
    }
}

/// An error with a status of its own.
pub(super) fn failed(status: StatusCode, error: &Error) -> Response {
    tracing::debug!(%error, class = ?error.class(), "a request was refused");
    let (class, verdict) = (error.class(), error.verdict());
    let body = json!({ "error": {
        "class": class, "message": error.message(), "hint": error.hint(), "retryable": verdict.retryable,
    } });
    let mut response = (status, Json(body)).into_response();
    // It says something of now.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status_of(class: Class) -> StatusCode {
    match class {
        Class::Spec | Class::Input => StatusCode::BAD_REQUEST,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict | Class::LeaseLost | Class::Cancelled => StatusCode::CONFLICT,
        Class::Permission => StatusCode::FORBIDDEN,
        Class::Resource => StatusCode::TOO_MANY_REQUESTS,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Class::Storage | Class::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer of a handler.
pub(super) type Answer<T> = std::result::Result<Json<T>, Failure>;

/// A result as JSON.
pub(super) fn json<T: Serialize>(result: Result<T>) -> Answer<T> {
    result.map(Json).map_err(Failure)
}
