//! Why TLS with a coordinator fails, where the connection itself does not tell.
//!
//! In TLS 1.3 a client learns that its certificate is refused only after the handshake. By then HTTP/2 is writing, and what
//! it reports is often only that the connection was closed. A handshake that is followed by nothing but a read gets the
//! reason each time. The same handshake tells whether a port that does not understand plain HTTP/2 speaks TLS.

use std::sync::Arc;
use std::time::Duration;

use tamis_common::{Class, Error, Result};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::Uri;

use crate::connect::{Access, UNKNOWN_SERVER, refusal_of};
use crate::tls::authorities;

/// Somebody waits for the error already.
const PATIENCE: Duration = Duration::from_secs(3);

impl Access {
    /// A clearer error for calls that failed with `error`, if TLS is why; else `error` itself.
    pub async fn diagnose(&self, url: &str, error: Error) -> Error {
        if error.class() != Class::Unavailable {
            return error;
        }
        let Ok(endpoint) = self.endpoint(url) else { return error };
        let asked = tokio::time::timeout(PATIENCE, self.ask(endpoint.uri(), url)).await;
        asked.ok().flatten().unwrap_or(error)
    }

    async fn ask(&self, uri: &Uri, url: &str) -> Option<Error> {
        if uri.scheme_str() == Some("https") {
            return refusal_of(&said(uri, self.client_config().ok()??).await?);
        }
        // Who trusts nobody is told the server's certificate before anything else.
        let nobody =
            ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        said(uri, nobody).await?.contains(UNKNOWN_SERVER).then(|| {
            Error::spec(format!("the port of `{url}` speaks TLS only")).with_hint(
                "write https:// in --coordinator, and name the authority of its certificate with --tls-ca",
            )
        })
    }

    /// `None` without a file of authorities: those of the machine are not read for this.
    fn client_config(&self) -> Result<Option<ClientConfig>> {
        let Some(ca) = &self.ca else { return Ok(None) };
        let config = ClientConfig::builder().with_root_certificates(authorities(ca)?);
        let Some(identity) = &self.identity else { return Ok(Some(config.with_no_client_auth())) };
        let (cert, key) = identity.read_pem()?;
        let unusable = |why: String| Error::spec(format!("the client certificate cannot be used: {why}"));
        let certs = CertificateDer::pem_slice_iter(cert.as_bytes()).flatten().collect();
        let key =
            PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|e| unusable(e.to_string()))?;
        config.with_client_auth_cert(certs, key).map(Some).map_err(|e| unusable(e.to_string()))
    }
}

/// What ends a handshake and a read after it; `None` if nothing does, or nobody listens.
async fn said(uri: &Uri, mut config: ClientConfig) -> Option<String> {
    config.alpn_protocols = vec![b"h2".to_vec()];
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let connection = TcpStream::connect((host.as_str(), port)).await.ok()?;
    let name = ServerName::try_from(host).ok()?;
    match TlsConnector::from(Arc::new(config)).connect(name, connection).await {
        Err(error) => Some(error.to_string()),
        Ok(mut encrypted) => encrypted.read(&mut [0; 1]).await.err().map(|error| error.to_string()),
    }
}
