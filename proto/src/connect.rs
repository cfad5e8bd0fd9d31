//! How a client or a worker reaches a coordinator: over TLS or not, with a certificate and a token or without.

use std::net::IpAddr;
use std::path::PathBuf;

use tamis_common::secret::Secret;
use tamis_common::telemetry::trace;
use tamis_common::{Class, Error, Result};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::status::causes_of;
use crate::tls::{IdentityFiles, read_certificates};

/// A connection on which every call carries the token.
pub type Connection = InterceptedService<Channel, Bearer>;

/// With what a coordinator is reached. The default is plain HTTP without a token.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The authorities, one of which signed the coordinator's certificate; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The certificate that is shown to the coordinator.
    pub identity: Option<IdentityFiles>,
    /// The secret that says who calls.
    pub token: Option<Secret<String>>,
    /// Whether a token may travel unencrypted to another machine.
    pub insecure: bool,
}

impl Access {
    /// Where to connect, with TLS for `https://`. `host:port` stands for `http://host:port`.
    ///
    /// # Errors
    /// `Class::Spec` for a URL that is none, for certificates or a token that would travel unencrypted, and for files that
    /// do not hold what they should; else of the file system.
    pub fn endpoint(&self, url: &str) -> Result<Endpoint> {
        let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let endpoint = Endpoint::from_shared(full)
            .map_err(|e| Error::spec(format!("`{url}` is no URL of a coordinator: {e}")))?;
        match endpoint.uri().scheme_str() {
            Some("https") => self.encrypted(endpoint, url),
            Some("http") => {
                self.check_plain(&endpoint, url)?;
                Ok(endpoint)
            }
            _ => Err(Error::spec(format!("`{url}` must begin with http:// or https://"))),
        }
    }

    /// What puts the token into each call.
    ///
    /// # Errors
    /// `Class::Spec` for a token of characters that no token has.
    pub fn bearer(&self) -> Result<Bearer> {
        let Some(token) = &self.token else { return Ok(Bearer(None)) };
        // The error would show the value.
        let mut value = MetadataValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
            Error::spec("the token holds characters that no token has")
                .with_hint("a token is one line, as `tamis token new` printed it")
        })?;
        // Masked in logs, and never put into a table of headers that compression keeps.
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }

    /// Connects at the first call, and again whenever the connection is lost.
    ///
    /// # Errors
    /// As [`Access::bearer`].
    pub fn connect_lazy(&self, endpoint: &Endpoint) -> Result<Connection> {
        Ok(InterceptedService::new(endpoint.connect_lazy(), self.bearer()?))
    }

    /// Connects now.
    ///
    /// # Errors
    /// As [`Access::bearer`]; `Class::Permission` if one side does not accept the other's certificate, else
    /// `Class::Unavailable`. `url` is what the errors name.
    pub async fn connect(&self, endpoint: &Endpoint, url: &str) -> Result<Connection> {
        let bearer = self.bearer()?;
        let channel = endpoint.connect().await.map_err(|error| match refusal_of(&causes_of(&error)) {
            Some(refusal) => refusal.context(format!("no connection with `{url}`")),
            None => Error::new(Class::Unavailable, format!("no coordinator answers at `{url}`"))
                .with_source(error)
                .with_hint("start one with `tamis coordinator`, or name another with --coordinator"),
        })?;
        Ok(InterceptedService::new(channel, bearer))
    }

    fn encrypted(&self, endpoint: Endpoint, url: &str) -> Result<Endpoint> {
        let mut tls = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(read_certificates(ca)?),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let Some(identity) = &self.identity {
            tls = tls.identity(identity.read()?);
        }
        endpoint.tls_config(tls).map_err(|e| {
            Error::spec(format!("TLS with `{url}` cannot be set up: {}", causes_of(&e)))
                .with_source(e)
                .with_hint("look at the files of --tls-ca, --client-cert and --client-key; the key must fit the certificate")
        })
    }

    fn check_plain(&self, endpoint: &Endpoint, url: &str) -> Result<()> {
        if self.ca.is_some() || self.identity.is_some() {
            return Err(Error::spec(format!("`{url}` is not encrypted, but certificates are given for it"))
                .with_hint(
                    "write https:// in --coordinator, or leave --tls-ca, --client-cert and --client-key out",
                ));
        }
        let host = endpoint.uri().host().unwrap_or_default();
        if self.token.is_some() && !self.insecure && !is_loopback(host) {
            return Err(Error::spec(format!(
                "a token is not sent to `{url}`: unencrypted, it could be read on its way to another machine"
            ))
            .with_hint(
                "write https:// in --coordinator; or say --insecure if the network between is trusted",
            ));
        }
        Ok(())
    }
}

/// Puts the token into each call, and the context of the span from which it is made.
#[derive(Clone, Debug)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        if let Some(context) = trace::current().and_then(|context| context.parse().ok()) {
            request.metadata_mut().insert(trace::TRACEPARENT, context);
        }
        Ok(request)
    }
}

/// Whether a host of a URL can only be this machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What a client says of a server's certificate that it does not take.
pub(crate) const UNKNOWN_SERVER: &str = "invalid peer certificate";

/// What TLS says when one side does not take the other, and what to do. By its text: HTTP/2 keeps no types of errors.
const REFUSALS: [(&str, &str); 5] = [
    (
        "received fatal alert: CertificateRequired",
        "the coordinator wants to see a certificate: give one with --client-cert and --client-key",
    ),
    (
        "received fatal alert",
        "the coordinator does not accept this certificate: --client-cert must be valid now and signed by the \
         authority of its --tls-client-ca",
    ),
    (
        "certificate not valid for name",
        "the certificate does not hold the host that --coordinator names: call it by a name that it holds, or make one \
         that holds this name, too (`tamis certs init FOLDER --host NAME` for a test cluster)",
    ),
    (
        UNKNOWN_SERVER,
        "--tls-ca must name the authority that signed the coordinator's certificate, which must be valid now and hold the \
         host that --coordinator names",
    ),
    ("received corrupt message", "the other side does not speak TLS: write http:// in --coordinator"),
];

/// The error behind what a broken connection said, if TLS broke it.
pub(crate) fn refusal_of(said: &str) -> Option<Error> {
    let (mark, hint) = REFUSALS.iter().find(|(mark, _)| said.contains(mark))?;
    let from = said.find(mark).unwrap_or_default();
    Some(Error::new(Class::Permission, format!("TLS: {}", &said[from..])).with_hint(*hint))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn with_token() -> Access {
        Access { token: Some(Secret::new("tamis_abc".to_owned())), ..Access::default() }
    }

    #[test]
    fn a_token_goes_unencrypted_to_this_machine_only() {
        for url in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "127.9.9.9:1"] {
            with_token().endpoint(url).unwrap();
        }
        for url in ["http://10.0.0.1:1", "http://example.com", "host:7171", "http://127.0.0.1.example.com:1"]
        {
            let refused = with_token().endpoint(url).unwrap_err();
            assert!(refused.message().contains("a token is not sent to"), "{refused}");
            assert!(!refused.message().contains("tamis_abc"), "{refused}");
            Access { insecure: true, ..with_token() }.endpoint(url).unwrap();
            Access::default().endpoint(url).unwrap();
        }
    }

    #[test]
    fn certificates_are_not_forgotten_over_plain_http() {
        let access = Access { ca: Some("ca.pem".into()), ..Access::default() };
        let refused = access.endpoint("http://127.0.0.1:1").unwrap_err();
        assert!(refused.message().contains("is not encrypted, but certificates are given"), "{refused}");
        assert_eq!(access.endpoint("https://127.0.0.1:1").unwrap_err().class(), Class::NotFound);
        let scheme = Access::default().endpoint("ftp://127.0.0.1:1").unwrap_err();
        assert!(scheme.message().contains("must begin with http:// or https://"), "{scheme}");
    }

    #[test]
    fn neither_access_nor_call_shows_the_token() {
        let access = with_token();
        let mut bearer = access.bearer().unwrap();
        let request = bearer.call(Request::new(())).unwrap();
        let shown = format!("{access:?} {bearer:?} {request:?}");
        assert!(shown.contains("[redacted]") && !shown.contains("tamis_abc"), "{shown}");
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer tamis_abc");

        let two_lines = Access { token: Some(Secret::new("tamis_abc\nx".to_owned())), ..Access::default() };
        let refused = two_lines.bearer().unwrap_err();
        assert!(!format!("{refused:?}").contains("tamis_abc"), "{refused:?}");
    }

    #[test]
    fn what_tls_says_becomes_a_refusal_with_a_hint() {
        let said = "transport error: error reading: received fatal alert: CertificateRequired";
        let refusal = refusal_of(said).unwrap();
        assert_eq!(refusal.class(), Class::Permission);
        assert_eq!(refusal.message(), "TLS: received fatal alert: CertificateRequired");
        assert!(refusal.hint().unwrap().contains("--client-cert"));
        assert!(refusal_of("tcp connect error: Connection refused").is_none());
    }
}
