//! The dashboard's files, which are part of the binary.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use tamis_common::storage::hex;
use tamis_common::{Class, Error};

use super::answer::Failure;

#[derive(RustEmbed)]
#[folder = "src/http/assets/"]
struct Assets;

/// Nothing but what this server sends runs or is shown, and no other page holds this one in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `/` and `/assets/NAME`.
pub(super) async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = match uri.path() {
        "/" => Some("index.html"),
        path => path.strip_prefix("/assets/"),
    };
    let is_read = method == Method::GET || method == Method::HEAD;
    match name.and_then(Assets::get).filter(|_| is_read) {
        Some(file) => answer(name.unwrap_or_default(), &file, &headers),
        None => Failure(Error::new(Class::NotFound, "there is no such page")).into_response(),
    }
}

fn answer(name: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", &hex(&file.metadata.sha256_hash())[..16]);
    // A new version of tamis has other files under the same names: they are asked for again each time.
    let cache = (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let Ok(etag) = HeaderValue::from_str(&tag) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let etag = (header::ETAG, etag);
    // A browser takes over the headers of an answer that says that nothing has changed, this one among them.
    let policy = (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [policy, cache, etag]).into_response();
    }
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind_of(name)));
    ([kind, policy, cache, etag], file.data.clone()).into_response()
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
