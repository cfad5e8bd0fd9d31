//! The coordinator's side of TLS.

use std::time::Duration;

use tamis_common::{Error, Result};
use tamis_proto::tls::read_certificates;
use tonic::transport::{Server, ServerTlsConfig};

use super::TlsFiles;

/// Who connects and then says nothing shall not hold a socket for long; a slow link answers within a second or two.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

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
