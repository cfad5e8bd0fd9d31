//! Files of the operator: roots, certificates, keys, tokens.

use std::fs;
use std::io::BufReader;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rcgen::{KeyPair, PublicKeyData as _};
use tamis_common::clock::{rfc3339, wall_ms};
use tamis_common::secret::others_may_read;
use tamis_common::storage::Uri;
use tamis_common::{Error, Result};
use tamis_coordinator::access::Tokens;
use x509_parser::pem::Pem;

use super::checks::Checks;
use crate::access::ConnectionArgs;
use crate::args::{AllowArgs, DoctorArgs};
use crate::commands::serve::roots;
use crate::ui::{age, counted};

/// A certificate that ends earlier should be made anew.
const SOON_MS: u64 = 30 * 86_400_000;

pub(super) fn check(checks: &mut Checks, args: &DoctorArgs, connection: &ConnectionArgs) {
    checks.judge("allowed roots", allowed(&args.allow));
    let server = &args.access;
    for path in [&server.tls_cert, &server.tls_client_ca, &connection.tls_ca, &connection.client_cert] {
        path.iter().for_each(|path| certificates(checks, path));
    }
    let pairs = [(&server.tls_cert, &server.tls_key), (&connection.client_cert, &connection.client_key)];
    for (cert, key) in pairs {
        if let Some(key) = key {
            private_key(checks, key, cert.as_deref());
        }
    }
    if let Some(path) = &server.tokens {
        private(checks, "tokens", path);
        checks.judge(
            "tokens",
            Tokens::read(path).map(|tokens| {
                let count = counted(tokens.iter().count() as u64, "token");
                format!("`{}` has {count}", path.display())
            }),
        );
    }
    if let Some(path) = &connection.token_file {
        private(checks, "token", path);
    }
    if let Err(error) = connection.access() {
        checks.fail("token", &error);
    }
}

/// The roots, of which local ones must be there.
fn allowed(allow: &AllowArgs) -> Result<String> {
    roots(allow)?;
    let all: Vec<&String> = allow.allow_read.iter().chain(&allow.allow_write).collect();
    for name in &all {
        let path = Uri::parse(name).ok().and_then(|uri| uri.local_path()).unwrap_or_else(|| name.into());
        if !name.contains("://") && !path.exists() {
            return Err(Error::spec(format!("`{name}` is not there")).with_hint(
                "a root that does not exist allows nothing: make it, or correct --allow-read or --allow-write",
            ));
        }
    }
    Ok(match all.is_empty() {
        true => "none beside the working directory (`tamis run`); a coordinator needs --allow-read or --allow-write"
            .to_owned(),
        false => all.into_iter().cloned().collect::<Vec<_>>().join(", "),
    })
}

/// Each certificate of a file: whether it holds now, and for how long.
fn certificates(checks: &mut Checks, path: &Path) {
    let name = path.display();
    let found = match read_pem(path) {
        Ok(found) => found,
        Err(error) => return checks.fail("certificate", &error),
    };
    let now_ms = wall_ms();
    for pem in &found {
        let certificate = match pem.parse_x509() {
            Ok(certificate) => certificate,
            Err(e) => {
                let error = Error::spec(format!("`{name}` holds a certificate that does not read: {e}"));
                checks.fail("certificate", &error);
                continue;
            }
        };
        let validity = certificate.validity();
        let ms = |seconds: i64| u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000);
        let (from, until) = (ms(validity.not_before.timestamp()), ms(validity.not_after.timestamp()));
        let subject = certificate.subject();
        let told = format!("`{name}` ({subject}) is valid until {}", rfc3339(until));
        if now_ms >= until {
            let error = Error::spec(format!("`{name}` ({subject}) ended at {}", rfc3339(until)));
            checks.fail("certificate", &error.with_hint("have its authority make a new one"));
        } else if now_ms < from {
            let error = Error::spec(format!("`{name}` ({subject}) is not valid before {}", rfc3339(from)));
            checks.fail("certificate", &error.with_hint("see whether the clock of this machine is right"));
        } else if until - now_ms < SOON_MS {
            let left = age(until - now_ms);
            checks.warn(
                "certificate",
                format!("{told}: {left} are left"),
                "have its authority make a new one in time",
            );
        } else {
            checks.ok("certificate", told);
        }
    }
}

fn read_pem(path: &Path) -> Result<Vec<Pem>> {
    let name = path.display();
    let file = fs::File::open(path).map_err(|e| Error::io("read the certificate", &name, e))?;
    let all: std::result::Result<Vec<Pem>, _> = Pem::iter_from_reader(BufReader::new(file)).collect();
    let all = all.map_err(|e| Error::spec(format!("`{name}` is no PEM: {e}")))?;
    let found: Vec<Pem> = all.into_iter().filter(|pem| pem.label == "CERTIFICATE").collect();
    match found.is_empty() {
        true => Err(Error::spec(format!("`{name}` holds no certificate in PEM"))
            .with_hint("a certificate begins with `-----BEGIN CERTIFICATE-----`")),
        false => Ok(found),
    }
}

/// Whether a key is for its owner only, and is that of its certificate.
fn private_key(checks: &mut Checks, path: &Path, cert: Option<&Path>) {
    private(checks, "private key", path);
    let name = path.display();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) => return checks.fail("private key", &Error::io("read the private key", &name, e)),
    };
    let Ok(key) = KeyPair::from_pem(&text) else {
        return match text.contains("PRIVATE KEY-----") {
            true => checks.ok("private key", format!("`{name}` is of a kind that is not looked into")),
            false => {
                checks.fail("private key", &Error::spec(format!("`{name}` holds no private key in PEM")))
            }
        };
    };
    let certificates = cert.map(read_pem).transpose().ok().flatten().unwrap_or_default();
    let fits = certificates.first().and_then(|pem| {
        pem.parse_x509()
            .ok()
            .map(|certificate| certificate.public_key().subject_public_key.data.as_ref() == key.der_bytes())
    });
    match (fits, cert) {
        (Some(false), Some(cert)) => checks.fail(
            "private key",
            &Error::spec(format!("`{name}` is not the key of `{}`", cert.display()))
                .with_hint("name the key with which that certificate was asked for"),
        ),
        (Some(true), Some(cert)) => {
            checks.ok("private key", format!("`{name}` is the key of `{}`", cert.display()))
        }
        _ => checks.ok("private key", format!("`{name}` reads")),
    }
}

/// Warns of a secret that others may read.
fn private(checks: &mut Checks, what: &'static str, path: &Path) {
    // That it is missing is said by who reads it.
    let Ok(meta) = fs::metadata(path) else { return };
    if others_may_read(meta.mode(), meta.uid()) {
        let name = path.display();
        checks.warn(what, format!("others than its owner may read `{name}`"), format!("chmod 600 {name}"));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use rcgen::{CertificateParams, date_time_ymd};

    use super::*;

    /// Writes a certificate with its key; the states of the checks of both.
    fn states(until: i32, key_of_another: bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("c.pem"), folder.path().join("c.key"));
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(until, 1, 1));
        fs::write(&cert, params.self_signed(&pair).unwrap().pem()).unwrap();
        let other = KeyPair::generate().unwrap();
        let written = if key_of_another { &other } else { &pair };
        fs::write(&key, written.serialize_pem()).unwrap();
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut checks = Checks::default();
        certificates(&mut checks, &cert);
        private_key(&mut checks, &key, Some(&cert));
        let json = checks.to_json();
        json["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["state"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn certificates_that_have_ended_and_keys_of_others_are_found() {
        assert_eq!(states(2150, false), ["ok", "ok"]);
        assert_eq!(states(2002, false), ["fail", "ok"]);
        assert_eq!(states(2150, true), ["ok", "fail"]);
    }

    #[test]
    fn a_secret_that_others_may_read_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        for (mode, warnings) in [(0o600, 0), (0o644, 1)] {
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            let mut checks = Checks::default();
            private(&mut checks, "tokens", &path);
            assert_eq!(checks.to_json()["warnings"], warnings, "{mode:o}");
        }
    }
}
