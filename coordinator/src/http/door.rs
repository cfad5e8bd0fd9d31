//! What every request passes: who calls, from where, and what the answer may do in a browser.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tamis_common::{Class, Error};
use tokio::time::timeout;

use super::Shared;
use super::answer::{Failure, failed};
use super::serve::Peer;
use crate::access::{AccessConfig, Caller, Guard, Refusal, secret_of};

/// The cookie that holds the token of a browser.
pub(super) const COOKIE: &str = "tamis_token";
/// A page of another origin cannot send it without being asked, and is not answered when it asks.
const OWN_HEADER: &str = "x-tamis";
/// No answer begins later: the longest are explanations of documents of large jobs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Answered without a certificate and without a token.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// What is known of callers.
#[derive(Clone)]
pub(crate) struct Door {
    guard: Guard,
    /// Whether callers must show a certificate.
    wants_certificate: bool,
    /// Whether only this machine can call, and nobody is asked for who they are. A page of a stranger could then call
    /// through the browser by a name that it makes point here.
    trusts_this_machine: bool,
    pub(super) is_encrypted: bool,
}

impl Door {
    pub(super) fn new(guard: Guard, access: &AccessConfig, is_loopback: bool) -> Self {
        let wants_certificate = access.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        Self {
            guard,
            wants_certificate,
            trusts_this_machine: is_loopback && !access.knows_callers(),
            is_encrypted: access.tls.is_some(),
        }
    }

    /// Whether calls need a token.
    pub(super) fn asks(&self) -> bool {
        self.guard.asks()
    }

    /// Who calls with these headers.
    pub(super) fn caller(&self, method: &str, headers: &HeaderMap) -> Result<Option<Caller>, Refusal> {
        let secret = match secret_of(headers) {
            Err(_) if !headers.contains_key(header::AUTHORIZATION) => {
                cookie(headers).ok_or("the request carries no token")
            }
            secret => secret,
        };
        self.guard.admit(&format!("/tamis.v1.{method}"), secret)
    }

    /// Who would call with this secret.
    pub(super) fn caller_with(&self, secret: &str) -> Result<Option<Caller>, Refusal> {
        self.guard.admit("/tamis.v1.JobService/Get", Ok(secret))
    }
}

/// The token in the cookies of a request.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// Every request: certificate, host, origin; and what no answer is without.
pub(super) async fn enter(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match refused(&shared.door, &request) {
        Some(refused) => refused,
        None => match timeout(PATIENCE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let message = format!("no answer within {} s", PATIENCE.as_secs());
                failed(StatusCode::SERVICE_UNAVAILABLE, &Error::new(Class::Unavailable, message))
            }
        },
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn refused(door: &Door, request: &Request) -> Option<Response> {
    let refuse = |status, message: &str, hint: &str| {
        Some(failed(status, &Error::new(Class::Permission, message).with_hint(hint)))
    };
    if PROBES.contains(&request.uri().path()) {
        return None;
    }
    let peer = request.extensions().get::<Peer>();
    if door.wants_certificate && !peer.is_some_and(|peer| peer.has_certificate) {
        let hint = "show one that an authority of --tls-client-ca has signed";
        return refuse(StatusCode::UNAUTHORIZED, "the coordinator wants to see a certificate", hint);
    }
    if door.trusts_this_machine && !request.headers().get(header::HOST).is_some_and(is_here) {
        let hint = "call it 127.0.0.1 or localhost, or let the coordinator ask for tokens (--tokens FILE)";
        return refuse(StatusCode::FORBIDDEN, "the host of the request is not this machine", hint);
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && !request.headers().contains_key(OWN_HEADER) {
        let hint = "send the header `x-tamis: 1`";
        return refuse(
            StatusCode::FORBIDDEN,
            "a request that changes something must say that it means to",
            hint,
        );
    }
    None
}

/// Whether a `Host` can only be this machine.
fn is_here(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A route that stands for a gRPC method: lets through who may call that.
pub(super) async fn admit(
    State((shared, method)): State<(Shared, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    match shared.door.caller(method, request.headers()) {
        Ok(caller) => {
            let seat = match caller.as_ref().map(|caller| shared.door.guard.seat(caller)).transpose() {
                Ok(seat) => seat,
                Err(error) => return Failure(error).into_response(),
            };
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            // No handler needs them; so none can log them.
            request.headers_mut().remove(header::AUTHORIZATION);
            request.headers_mut().remove(header::COOKIE);
            let response = next.run(request).await;
            drop(seat);
            response
        }
        Err(refusal) => refusal_answer(refusal),
    }
}

/// A refusal as an answer.
pub(super) fn refusal_answer(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Stranger(error) => {
            let mut response = failed(StatusCode::UNAUTHORIZED, &error);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Refusal::Role(error) => failed(StatusCode::FORBIDDEN, &error),
        Refusal::Unknown => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_here() {
        for host in ["127.0.0.1:7172", "127.0.0.1", "localhost:7172", "LOCALHOST", "[::1]:7172", "127.9.9.9"]
        {
            assert!(is_here(&HeaderValue::from_static(host)), "{host}");
        }
        for host in [
            "",
            "example.com",
            "127.0.0.1.example.com:7172",
            "10.0.0.1",
            "[::2]:7172",
            "localhost.example.com",
        ] {
            assert!(!is_here(&HeaderValue::from_static(host)), "{host}");
        }
    }

    #[test]
    fn a_token_is_found_among_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; tamis_token=tamis_x; c=d"));
        assert_eq!(cookie(&headers), Some("tamis_x"));
        headers.insert(header::COOKIE, HeaderValue::from_static("xtamis_token=1"));
        assert_eq!(cookie(&headers), None);
    }
}
