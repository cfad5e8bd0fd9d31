//! What a published job wrote.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tamis_common::{Error, Result};
use tamis_proto::v1;

use super::Shared;
use super::answer::{Answer, Failure, json};
use crate::api::views;
use crate::publish::{HTML, REPORT};

/// The report's page brings its style with it, and nothing that runs.
const REPORT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                             form-action 'none'; frame-ancestors 'none'; sandbox allow-popups";

/// `report.json`
pub(super) async fn report(
    State(shared): State<Shared>,
    Path(job): Path<String>,
) -> Answer<serde_json::Value> {
    let report = shared.call(move |control| {
        let uri = control.published(&control.find(&job)?)?.output.join(REPORT);
        serde_json::from_slice(&control.storage().read(&uri)?)
            .map_err(|e| Error::storage(format!("`{uri}` is no JSON: {e}")))
    });
    json(report.await)
}

/// `report.html`, to be looked at.
pub(super) async fn report_html(
    State(shared): State<Shared>,
    Path(job): Path<String>,
) -> std::result::Result<Response, Failure> {
    let mut response = file(&shared, job, HTML.to_owned()).await?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(REPORT_POLICY));
    Ok(response)
}

/// All files.
pub(super) async fn list(
    State(shared): State<Shared>,
    Path(job): Path<String>,
) -> Answer<v1::ListOutputResponse> {
    let files = shared.call(move |control| control.output_files(&control.find(&job)?)).await;
    json(files.map(|files| v1::ListOutputResponse { files }))
}

/// A file, to be kept: whatever it holds, no browser shows it.
pub(super) async fn download(
    State(shared): State<Shared>,
    Path((job, path)): Path<(String, String)>,
) -> std::result::Result<Response, Failure> {
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_graphic() && *c != '"')
        .collect();
    let mut response = file(&shared, job, path).await?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(kept) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, kept);
    }
    Ok(response)
}

async fn file(shared: &Shared, job: String, path: String) -> Result<Response> {
    let object = shared.call(move |control| control.open_output(&control.find(&job)?, &path)).await?;
    let size = object.size();
    let mut response = Body::from_stream(views::pieces(&shared.control, object)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}
