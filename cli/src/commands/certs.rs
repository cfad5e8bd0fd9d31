//! `tamis certs init`: an authority and what it signs, for test clusters. Others have an authority already.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;
use tamis_common::secret::{Secret, write_private};
use tamis_common::{Class, Error, Result};

use crate::access::CertsCommand;
use crate::ui;

/// A test cluster lives shorter; and a certificate that leaked ends.
const VALID: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Clocks of other machines may be behind.
const BEFORE: Duration = Duration::from_secs(24 * 3_600);
/// The names by which every machine calls itself.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];
const FILES: [&str; 6] = ["ca.pem", "ca.key", "server.pem", "server.key", "client.pem", "client.key"];

/// Does what the command line says.
pub(crate) fn certs(command: CertsCommand, json: bool) -> Result<ExitCode> {
    let CertsCommand::Init { folder, hosts } = command;
    if let Some(wrong) = hosts.iter().find(|host| !is_host(host)) {
        return Err(Error::spec(format!("--host must be a name or an address, got `{wrong}`")).with_hint(
            "a name has letters, digits, `-` and `.`; one with others is written in its ASCII form, xn--…",
        ));
    }
    std::fs::create_dir_all(&folder).map_err(|e| Error::io("make", folder.display(), e))?;
    if let Some(there) = FILES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        let message = format!("`{}` is there already, nothing is overwritten", there.display());
        return Err(Error::new(Class::Conflict, message).with_hint("name another folder"));
    }
    write_all(&folder, &hosts)?;
    let commands = commands(&folder, hosts.first().map_or(HERE[0], String::as_str));
    ui::note(&format!(
        "`{}` holds certificates for a year; its ca.key can sign more: keep it away from the cluster.
These start a cluster with mutual TLS and tokens:",
        folder.display()
    ));
    match json {
        true => ui::print(&json!({ "folder": folder, "commands": commands }).to_string()),
        false => commands.iter().for_each(|command| ui::print(command)),
    }
    Ok(ExitCode::SUCCESS)
}

fn write_all(folder: &Path, hosts: &[String]) -> Result<()> {
    let failed = |e: rcgen::Error| Error::internal(format!("the certificates could not be made: {e}"));
    let ca_key = KeyPair::generate().map_err(failed)?;
    let mut ca = params("tamis test authority", &[])?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key).map_err(failed)?.pem();

    let names: Vec<String> = HERE.into_iter().map(ToOwned::to_owned).chain(hosts.iter().cloned()).collect();
    let mut server = params("tamis coordinator", &names)?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut client = params("tamis client", &[])?;
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

    write(folder, "ca", &ca_pem, &ca_key)?;
    let authority = Issuer::new(ca, ca_key);
    for (name, mut params) in [("server", server), ("client", client)] {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed)?;
        let pem = params.signed_by(&key, &authority).map_err(failed)?.pem();
        write(folder, name, &pem, &key)?;
    }
    Ok(())
}

fn params(name: &str, hosts: &[String]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)
        .map_err(|e| Error::spec(format!("no certificate can name `{}`: {e}", hosts.join("`, `"))))?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (SystemTime::now() - BEFORE).into();
    params.not_after = (SystemTime::now() + VALID).into();
    Ok(params)
}

fn write(folder: &Path, name: &str, pem: &str, key: &KeyPair) -> Result<()> {
    let path = folder.join(format!("{name}.pem"));
    std::fs::write(&path, pem).map_err(|e| Error::io("write", path.display(), e))?;
    write_private("the private key", &folder.join(format!("{name}.key")), &Secret::new(key.serialize_pem()))
}

/// The five commands from certificates to a finished job.
fn commands(folder: &Path, host: &str) -> [String; 5] {
    let dir = quoted(folder);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let call = format!(
        "--coordinator https://{host}:7171 --tls-ca {dir}/ca.pem --client-cert {dir}/client.pem \
         --client-key {dir}/client.key"
    );
    let token = |role: &str| {
        format!("tamis token new --role {role} --name {role} --tokens {dir}/tokens --out {dir}/{role}.token")
    };
    [
        token("worker"),
        token("operate"),
        format!(
            "tamis coordinator --listen 0.0.0.0:7171 --tls-cert {dir}/server.pem --tls-key {dir}/server.key \
             --tls-client-ca {dir}/ca.pem --tokens {dir}/tokens --allow-write ."
        ),
        format!("tamis worker {call} --token-file {dir}/worker.token"),
        format!("tamis submit --wait JOB.toml {call} --token-file {dir}/operate.token"),
    ]
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:*".contains(&byte))
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let path = path.trim_end_matches('/');
    let plain = |c: char| c.is_alphanumeric() || "/._-+,@%:=".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_can_be_pasted_into_a_shell() {
        assert_eq!(quoted(Path::new("certs/")), "certs");
        assert_eq!(quoted(Path::new("my certs")), "'my certs'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        let commands = commands(Path::new("c"), "::1");
        assert!(commands[3].contains("--coordinator https://[::1]:7171 "), "{commands:?}");
        assert!(is_host("node-1.example") && is_host("10.0.0.1") && is_host("::1"));
        assert!(!is_host("") && !is_host("a b") && !is_host("$(x)") && !is_host("主机"));
    }
}
