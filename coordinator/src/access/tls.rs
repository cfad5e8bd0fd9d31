//! The coordinator's side of TLS.

use std::sync::Arc;
use std::time::Duration;

use tamis_common::{Error, Result};
use tamis_proto::tls::{authorities, read_certificates};
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tonic::transport::{Server, ServerTlsConfig};

use super::TlsFiles;

/// Who connects and then says nothing shall not hold a socket for long; a slow link answers within a second or two.
pub(crate) const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// Reads and checks the files.
///
/// # Errors
/// Of the file system, or `Class::Spec` that names the files that cannot be used together.
pub(crate) fn server_config(files: &TlsFiles) -> Result<ServerTlsConfig> {
    let mut config = ServerTlsConfig::new().identity(files.identity.read()?).timeout(HANDSHAKE_PATIENCE);
    if let Some(ca) = &files.client_ca {
        config = config.client_ca_root(read_certificates(ca)?);
    }
    // Tried here, where the names of the files are known.
    Server::builder().tls_config(config.clone()).map_err(|e| {
        let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        let (cert, key) = (files.identity.cert.display(), files.identity.key.display());
        Error::spec(format!("TLS cannot be served with the certificate `{cert}` and the key `{key}`: {why}"))
            .with_source(e)
            .with_hint("--tls-key must be the key of the first certificate in --tls-cert")
    })?;
    Ok(config)
}

/// The same for HTTP/1.1. A caller may come without a certificate: probes have none, and are answered; nothing else is.
///
/// # Errors
/// As [`server_config`].
pub(crate) fn http_config(files: &TlsFiles) -> Result<rustls::ServerConfig> {
    let (cert, key) = files.identity.read_pem()?;
    let unusable = |why: String| {
        let (cert, key) = (files.identity.cert.display(), files.identity.key.display());
        Error::spec(format!("TLS cannot be served with the certificate `{cert}` and the key `{key}`: {why}"))
            .with_hint("--tls-key must be the key of the first certificate in --tls-cert")
    };
    let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<std::result::Result<Vec<_>, _>>();
    let chain = chain.map_err(|e| unusable(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|e| unusable(e.to_string()))?;
    let config = rustls::ServerConfig::builder();
    let config = match &files.client_ca {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let verifier = WebPkiClientVerifier::builder(Arc::new(authorities(ca)?)).allow_unauthenticated();
            let verifier = verifier
                .build()
                .map_err(|e| Error::spec(format!("callers cannot be judged by `{}`: {e}", ca.display())))?;
            config.with_client_cert_verifier(verifier)
        }
    };
    let mut config = config.with_single_cert(chain, key).map_err(|e| unusable(e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// When the certificate that is shown ends, seconds since the Unix epoch.
///
/// # Errors
/// As [`server_config`].
pub(crate) fn expires_at(files: &TlsFiles) -> Result<Option<i64>> {
    let (cert, _) = files.identity.read_pem()?;
    Ok(tamis_proto::tls::not_after(&cert))
}
