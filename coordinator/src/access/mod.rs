//! Who may do what: every call passes `Guard` before it comes to a service.
//!
//! A coordinator with a file of tokens asks each call for one and looks its role up in `roles`. Without such a file every
//! caller may do everything: then TLS with client certificates, or the loopback interface, decides who calls at all.

mod roles;
mod tls;
mod token_file;
mod tokens;

use std::future::ready;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::{BoxFuture, FutureExt as _};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tamis_common::telemetry::metrics;
use tamis_common::{Class, Error, Result};
use tamis_proto::tls::IdentityFiles;
use tamis_proto::{to_status, to_unauthenticated};
use tonic::Status;
use tower::{Layer, Service};

use crate::seats::{Seat, Seats};
use crate::store::Submitter;
pub use roles::Role;
use roles::Rule;
pub(crate) use tls::{HANDSHAKE_PATIENCE, expires_at, http_config, server_config};
use token_file::TokenFile;
pub use tokens::{NewToken, Token, Tokens, create, revoke};

/// With what callers are known. The default knows nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// Encrypts, and says who the coordinator is; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The file of tokens; `None`: no call needs one.
    pub tokens: Option<PathBuf>,
    /// Whether other machines may call though nobody is known.
    pub insecure: bool,
}

/// What the coordinator's side of TLS needs, all PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate that is shown to callers.
    pub identity: IdentityFiles,
    /// The authorities, one of which must have signed a caller's certificate; `None`: callers show none.
    pub client_ca: Option<PathBuf>,
}

impl AccessConfig {
    /// Whether callers are known by tokens or certificates.
    pub(crate) fn knows_callers(&self) -> bool {
        self.tokens.is_some() || self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }

    /// Whether a coordinator may listen there.
    ///
    /// # Errors
    /// `Class::Spec` if other machines could call and nobody would be asked who they are.
    pub(crate) fn validate(&self, listen: SocketAddr) -> Result<()> {
        if listen.ip().is_loopback() || self.knows_callers() || self.insecure {
            return Ok(());
        }
        Err(Error::spec(format!(
            "other machines could call `{listen}`, and each caller could do everything: neither tokens nor client \
             certificates are asked for"
        ))
        .with_hint(
            "give --tokens FILE (`tamis token new` makes it) or --tls-client-ca FILE (`tamis certs init` makes it), or \
             listen on 127.0.0.1; or say --insecure if everybody in the network may do everything",
        ))
    }

    /// Warns of tokens that others can read on their way.
    pub(crate) fn warn_if_tokens_travel_in_the_clear(&self, listen: SocketAddr) {
        if self.tokens.is_some() && self.tls.is_none() && !listen.ip().is_loopback() && !self.insecure {
            tracing::warn!(%listen, "tokens come unencrypted: give --tls-cert and --tls-key, or encrypt before the \
                coordinator and say --insecure");
        }
    }
}

/// Whether a gRPC path names a call of the coordinator's.
pub(crate) fn is_served(path: &str) -> bool {
    roles::rule_of(path).is_some()
}

/// Lets calls through, or refuses them.
#[derive(Clone)]
pub(crate) struct Guard {
    tokens: Option<Arc<TokenFile>>,
    /// Calls that are being answered, by the id of the caller's token.
    calls: Seats<String>,
    most_calls: usize,
}

impl Guard {
    /// Reads the tokens. Each lets `most_calls` be made at the same time.
    ///
    /// # Errors
    /// Of the file system, or `Class::Spec` with the line that is wrong.
    pub(crate) fn open(config: &AccessConfig, most_calls: usize) -> Result<Self> {
        let tokens =
            config.tokens.as_deref().map(|path| TokenFile::open(path, Instant::now())).transpose()?;
        Ok(Self { tokens: tokens.map(Arc::new), calls: Seats::default(), most_calls })
    }

    /// A place for a call of this caller, until it is answered.
    ///
    /// # Errors
    /// `Class::Resource` if the caller has all that one may.
    pub(crate) fn seat(&self, caller: &Caller) -> Result<Seat<String>> {
        self.calls.seat(caller.id.clone(), self.most_calls).ok_or_else(|| {
            let (name, most) = (&caller.name, self.most_calls);
            let message = format!("the token `{name}` has {most} calls open, as many as one may");
            Error::new(Class::Resource, message)
                .with_hint("wait for some, or start the coordinator with a higher --max-calls-of-client")
        })
    }

    /// Whether calls need a token.
    pub(crate) fn asks(&self) -> bool {
        self.tokens.is_some()
    }

    /// Whether a call of this gRPC path with this secret may go on, and who calls, if that is asked.
    pub(crate) fn admit(
        &self,
        path: &str,
        secret: std::result::Result<&str, &str>,
    ) -> std::result::Result<Option<Caller>, Refusal> {
        let Some(file) = &self.tokens else { return Ok(None) };
        let rule = roles::rule_of(path);
        if rule == Some(Rule::Open) {
            return Ok(None);
        }
        let tokens = file.tokens(Instant::now());
        let token = known(&tokens, secret, rule).map_err(|error| {
            tracing::info!(path, %error, "a call of a stranger was refused");
            metrics::CALLS_REFUSED.add(&[("reason", "unauthenticated")], 1);
            Refusal::Stranger(error)
        })?;
        let (id, name, role) = (&token.id, &token.name, token.role);
        let Some(Rule::Needs(needed)) = rule else { return Err(Refusal::Unknown) };
        if !role.includes(needed) {
            tracing::info!(path, token = id, name, %role, %needed, "a call was refused: the wrong role");
            metrics::CALLS_REFUSED.add(&[("reason", "forbidden")], 1);
            let message =
                format!("`{path}` needs the role {needed}; the token `{name}` ({id}) has the role {role}");
            return Err(Refusal::Role(Error::new(Class::Permission, message).with_hint(hint_for(needed))));
        }
        if needed.changes() {
            tracing::info!(path, token = id, name, %role, "a call that changes something");
        }
        Ok(Some(Caller { file: file.clone(), id: id.clone(), name: name.clone(), role }))
    }

    /// Whether a call of this path with these headers may go on, and who calls, if that is asked.
    fn check(&self, path: &str, headers: &HeaderMap) -> std::result::Result<Option<Caller>, Box<Status>> {
        self.admit(path, secret_of(headers)).map_err(|refusal| {
            Box::new(match refusal {
                Refusal::Stranger(error) => to_unauthenticated(&error),
                Refusal::Role(error) => to_status(&error),
                Refusal::Unknown => Status::unimplemented(format!("`{path}` is no call of this coordinator")),
            })
        })
    }
}

/// Why a call does not go on.
pub(crate) enum Refusal {
    /// Nobody knows who calls.
    Stranger(Error),
    /// Its role may not do this.
    Role(Error),
    /// There is no such call.
    Unknown,
}

/// Who calls, for calls that stay open: a token may be revoked meanwhile.
#[derive(Clone)]
pub(crate) struct Caller {
    file: Arc<TokenFile>,
    id: String,
    /// What its token is called.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
}

impl Caller {
    /// The caller as the submitter of a job.
    pub(crate) fn submitter(&self) -> Submitter {
        Submitter { token: self.id.clone(), name: self.name.clone() }
    }

    /// Whether the token is still one of the coordinator's.
    ///
    /// # Errors
    /// `Class::Permission` if it was revoked.
    pub(crate) fn check(&self) -> Result<()> {
        match self.file.tokens(Instant::now()).iter().any(|token| token.id == self.id) {
            true => Ok(()),
            false => Err(Error::new(Class::Permission, format!("the token {} was revoked", self.id))),
        }
    }
}

/// The secret that a call shows, or what is wrong with how it does.
pub(crate) fn secret_of(headers: &HeaderMap) -> std::result::Result<&str, &'static str> {
    let value = headers.get(AUTHORIZATION).ok_or("the call carries no token")?;
    let secret = value.to_str().ok().and_then(bearer);
    secret.ok_or("the call carries an `authorization` that is not `Bearer` and a token")
}

/// The token behind the secret that a call shows.
fn known<'t>(
    tokens: &'t Tokens,
    secret: std::result::Result<&str, &str>,
    rule: Option<Rule>,
) -> Result<&'t Token> {
    let needed = match rule {
        Some(Rule::Needs(role)) => role,
        _ => Role::Read,
    };
    let refused = |what: &str| {
        let message = format!("{what}; this call needs one with the role {needed}");
        Error::new(Class::Permission, message).with_hint(hint_for(needed))
    };
    let secret = secret.map_err(refused)?;
    tokens.find(secret).ok_or_else(|| refused("the coordinator does not know the token, or it was revoked"))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

fn hint_for(role: Role) -> String {
    format!(
        "`tamis token new --role {role} --name NAME --tokens FILE` on the coordinator's machine makes one; give it with \
         --token-file FILE or in TAMIS_TOKEN"
    )
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// The services behind a guard.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, std::result::Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let refuse = |status: Status| ready(Ok(status.into_http())).boxed();
        let caller = match self.guard.check(request.uri().path(), request.headers()) {
            Ok(caller) => caller,
            Err(status) => return refuse(*status),
        };
        // No service needs it; so none can log it.
        request.headers_mut().remove(AUTHORIZATION);
        let Some(caller) = caller else { return self.inner.call(request).boxed() };
        let seat = match self.guard.seat(&caller) {
            Ok(seat) => seat,
            Err(error) => return refuse(to_status(&error)),
        };
        request.extensions_mut().insert(caller);
        let calling = self.inner.call(request);
        async move {
            let _seat = seat;
            calling.await
        }
        .boxed()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tonic::Code;

    use super::*;

    const SUBMIT: &str = "/tamis.v1.JobService/Submit";
    const REGISTER: &str = "/tamis.v1.WorkerService/Register";

    struct Known {
        guard: Guard,
        _folder: tempfile::TempDir,
        secrets: Vec<(Role, String)>,
    }

    fn known_roles() -> Known {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let secrets = Role::ALL.map(|role| {
            let made = create(&path, role, "somebody").unwrap();
            (role, made.secret.expose().clone())
        });
        let config = AccessConfig { tokens: Some(path), ..AccessConfig::default() };
        Known { guard: Guard::open(&config, 2).unwrap(), _folder: folder, secrets: secrets.into() }
    }

    impl Known {
        fn call(&self, path: &str, authorization: Option<&str>) -> std::result::Result<(), Box<Status>> {
            let mut headers = HeaderMap::new();
            if let Some(value) = authorization {
                headers.insert(AUTHORIZATION, value.parse().unwrap());
            }
            self.guard.check(path, &headers).map(drop)
        }

        fn call_as(&self, role: Role, path: &str) -> std::result::Result<(), Box<Status>> {
            let (_, secret) = self.secrets.iter().find(|(known, _)| *known == role).unwrap();
            self.call(path, Some(&format!("Bearer {secret}")))
        }
    }

    #[test]
    fn a_call_without_a_known_token_is_unauthenticated_and_says_which_role_it_needs() {
        let known = known_roles();
        let secret = known.secrets[0].1.clone();
        for wrong in [None, Some("Bearer tamis_0"), Some("Basic abc"), Some("Bearer"), Some(secret.as_str())]
        {
            let status = known.call(SUBMIT, wrong).unwrap_err();
            assert_eq!(status.code(), Code::Unauthenticated, "{wrong:?}");
            assert!(status.message().contains("needs one with the role submit"), "{status}");
            assert!(!format!("{status:?}").contains(&secret), "{status:?}");
        }
        known.call(SUBMIT, Some(&format!("bearer {}", known.secrets[1].1))).unwrap();
    }

    #[test]
    fn a_role_does_what_it_includes_and_no_more() {
        let known = known_roles();
        for (path, may) in [
            ("/tamis.v1.JobService/Get", vec![Role::Read, Role::Submit, Role::Operate]),
            (SUBMIT, vec![Role::Submit, Role::Operate]),
            ("/tamis.v1.JobService/CollectGarbage", vec![Role::Operate]),
            (REGISTER, vec![Role::Worker]),
        ] {
            for role in Role::ALL {
                let called = known.call_as(role, path);
                assert_eq!(called.is_ok(), may.contains(&role), "{role} calls {path}");
                if let Err(status) = called {
                    assert_eq!(status.code(), Code::PermissionDenied);
                    assert!(status.message().contains("the token `somebody` ("), "{status}");
                    assert!(status.message().contains(&format!("has the role {role}")), "{status}");
                }
            }
        }
    }

    #[test]
    fn health_is_open_and_what_is_unknown_is_closed() {
        let known = known_roles();
        known.call("/grpc.health.v1.Health/Check", None).unwrap();
        let unknown = "/tamis.v1.JobService/Erase";
        assert_eq!(known.call(unknown, None).unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(known.call_as(Role::Operate, unknown).unwrap_err().code(), Code::Unimplemented);
        for path in ["", "/", "tamis.v1.JobService/Get", "//tamis.v1.JobService/Get"] {
            assert_eq!(known.call(path, None).unwrap_err().code(), Code::Unauthenticated, "{path}");
        }
    }

    #[test]
    fn without_tokens_every_call_goes_on() {
        let guard = Guard::open(&AccessConfig::default(), 2).unwrap();
        guard.check(SUBMIT, &HeaderMap::new()).unwrap();
    }

    #[test]
    fn strangers_on_other_machines_are_not_listened_to_unless_that_is_asked_for() {
        let everywhere: SocketAddr = "0.0.0.0:7171".parse().unwrap();
        let refused = AccessConfig::default().validate(everywhere).unwrap_err();
        assert!(refused.message().contains("other machines could call `0.0.0.0:7171`"), "{refused}");
        assert!(refused.hint().unwrap().contains("--tokens FILE"), "{refused:?}");
        let identity = IdentityFiles { cert: "c".into(), key: "k".into() };
        let only_encrypted = AccessConfig {
            tls: Some(TlsFiles { identity: identity.clone(), client_ca: None }),
            ..AccessConfig::default()
        };
        only_encrypted.validate(everywhere).unwrap_err();

        let mutual = TlsFiles { identity, client_ca: Some("ca".into()) };
        for config in [
            AccessConfig { tokens: Some("tokens".into()), ..AccessConfig::default() },
            AccessConfig { tls: Some(mutual), ..AccessConfig::default() },
            AccessConfig { insecure: true, ..AccessConfig::default() },
        ] {
            config.validate(everywhere).unwrap();
        }
        for here in ["127.0.0.1:0", "[::1]:7171"] {
            AccessConfig::default().validate(here.parse().unwrap()).unwrap();
        }
    }
}
