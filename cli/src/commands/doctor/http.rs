//! The version of a coordinator, which its HTTP side tells.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(2);
/// The answer is a few hundred bytes; who sends more is something else.
const MOST: u64 = 64 << 10;

/// The version of the coordinator whose HTTP side has this address; `None`: it asks for a token or speaks TLS, or something
/// else is there.
pub(super) async fn version(address: &str) -> Option<String> {
    let answer = tokio::time::timeout(PATIENCE, get(address, "/api/v1/me")).await.ok()?.ok()?;
    version_in(&answer)
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(MOST).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn version_in(answer: &str) -> Option<String> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.strip_prefix("HTTP/1.1 200 ")?;
    let me: Value = serde_json::from_str(body).ok()?;
    // Only tamis tells both.
    me.get("coordinator")?;
    Some(me.get("version")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn only_a_coordinator_has_a_version() {
        let body = r#"{"role":"operate","token":null,"version":"0.1.0","coordinator":"c-1"}"#;
        let answer =
            |status: &str, body: &str| version_in(&format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}"));
        assert_eq!(answer("200 OK", body).as_deref(), Some("0.1.0"));
        assert_eq!(answer("401 Unauthorized", body), None);
        assert_eq!(answer("200 OK", r#"{"version":"7"}"#), None);
        assert_eq!(answer("200 OK", "<html>"), None);
    }
}
