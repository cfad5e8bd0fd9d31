//! A bucket on the S3 server that `.ci/run` starts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

static MADE: AtomicUsize = AtomicUsize::new(0);

/// moto wants to know who asks, and believes everybody.
const ANYBODY: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, \
                       SignedHeaders=host, Signature=0";

/// What must not stand in anything that a process says or writes.
pub const SECRET: &str = "planted/Secret+key";

/// A new bucket on the server at `TAMIS_TEST_S3_ENDPOINT`.
pub struct Bucket {
    endpoint: String,
    /// Its name.
    pub name: String,
    uri: String,
}

impl Bucket {
    /// Makes one of a name that nobody else uses.
    ///
    /// # Panics
    /// If no server answers: the test was asked for, and is not skipped in silence.
    pub fn create() -> Self {
        let endpoint = std::env::var("TAMIS_TEST_S3_ENDPOINT");
        let endpoint = endpoint.expect("set TAMIS_TEST_S3_ENDPOINT: `.ci/run` starts a server");
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("tamis-{}-{number}", std::process::id());
        let bucket = Self { endpoint, uri: format!("s3://{name}"), name };
        let answer = bucket.put(&format!("/{}", bucket.name), b"");
        assert!(answer.contains(" 200 "), "{answer}");
        bucket
    }

    /// Where its server listens, `HOST:PORT`.
    pub fn host(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    /// What a process needs to reach it, and what lets jobs use it.
    pub fn environment(&self) -> [(&'static str, &str); 6] {
        self.environment_through(&self.endpoint)
    }

    /// The same at another endpoint.
    pub fn environment_through<'a>(&'a self, endpoint: &'a str) -> [(&'static str, &'a str); 6] {
        [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_REGION", "us-east-1"),
            ("TAMIS_ALLOW_WRITE", &self.uri),
        ]
    }

    /// Stores an object.
    pub fn upload(&self, key: &str, bytes: &[u8]) {
        let answer = self.put(&format!("/{}/{key}", self.name), bytes);
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// The keys below a folder, up to 1,000 of them, without its name.
    pub fn keys_below(&self, folder: &str) -> Vec<String> {
        let answer = self.call("GET", &format!("/{}?list-type=2&prefix={folder}/", self.name), b"");
        let text = String::from_utf8(answer).unwrap();
        assert!(text.contains("<IsTruncated>false</IsTruncated>"), "{text}");
        let keys = text.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0);
        keys.map(|key| key.strip_prefix(folder).unwrap()[1..].to_owned()).collect()
    }

    /// Reads an object.
    pub fn download(&self, key: &str) -> Vec<u8> {
        let answer = self.call("GET", &format!("/{}/{key}", self.name), b"");
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.0 200"), "{key}");
        answer[head + 4..].to_vec()
    }

    fn put(&self, path: &str, bytes: &[u8]) -> String {
        String::from_utf8_lossy(&self.call("PUT", path, bytes)).into_owned()
    }

    fn call(&self, method: &str, path: &str, bytes: &[u8]) -> Vec<u8> {
        let host = self.host();
        let mut stream = TcpStream::connect(host).expect("an S3 server answers at TAMIS_TEST_S3_ENDPOINT");
        let length = bytes.len();
        let head = format!("Host: {host}\r\n{ANYBODY}\r\nContent-Length: {length}");
        write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\n\r\n").unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }
}
