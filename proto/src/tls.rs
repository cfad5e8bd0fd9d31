//! The files that TLS needs, read and checked with errors that name them.

use std::path::{Path, PathBuf};

use tamis_common::secret::{Secret, read_private};
use tamis_common::{Error, Result};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tonic::transport::{Certificate, Identity};

/// A certificate (with those between it and its authority, if any) and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate first, then those that lead to its authority.
    pub cert: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

impl IdentityFiles {
    /// Reads both.
    ///
    /// # Errors
    /// Of the file system, or `Class::Spec` for a file that holds something else; the file is named.
    pub fn read(&self) -> Result<Identity> {
        let (cert, key) = self.read_pem()?;
        Ok(Identity::from_pem(cert, key.expose()))
    }

    /// The text of both.
    ///
    /// # Errors
    /// As [`IdentityFiles::read`].
    pub fn read_pem(&self) -> Result<(String, Secret<String>)> {
        let cert = certificates(&self.cert)?;
        let key = read_private("the private key", &self.key)?;
        if !key.expose().contains("PRIVATE KEY-----") {
            return Err(Error::spec(format!("`{}` holds no private key in PEM", self.key.display()))
                .with_hint("a private key begins with `-----BEGIN PRIVATE KEY-----`"));
        }
        Ok((cert, key))
    }
}

/// Reads certificates.
///
/// # Errors
/// Of the file system, or `Class::Spec` for a file without any; the file is named.
pub fn read_certificates(path: &Path) -> Result<Certificate> {
    certificates(path).map(Certificate::from_pem)
}

/// The certificates of a file as authorities.
///
/// # Errors
/// As [`read_certificates`].
pub fn authorities(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(certificates(path)?.as_bytes()).flatten());
    Ok(roots)
}

/// When the first certificate of a PEM text ends, seconds since the Unix epoch; `None` if it cannot be read.
pub fn not_after(pem: &str) -> Option<i64> {
    let first = CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&first).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn certificates(path: &Path) -> Result<String> {
    let pem =
        std::fs::read_to_string(path).map_err(|e| Error::io("read the certificate", path.display(), e))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Error::spec(format!("`{}` holds no certificate in PEM", path.display()))
            .with_hint("a certificate begins with `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(pem)
}
