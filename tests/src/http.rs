//! The coordinator's HTTP side as its callers see it: one request a connection, over TCP or TLS.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header; empty: it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The JSON of an answer that is good.
    ///
    /// # Panics
    /// If it is not.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }
}

/// Who asks whom, and with what.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `127.0.0.1:PORT`
    pub address: String,
    /// Headers of each request.
    pub headers: Vec<(String, String)>,
}

impl Caller {
    /// A caller of `http://ADDRESS/`, as a coordinator names itself.
    pub fn new(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { address, headers: Vec::new() }
    }

    /// The same with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.retain(|(own, _)| own != name);
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.call(self.connect(), "GET", path, None)
    }

    /// POST of JSON, as the dashboard sends it.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.with("x-tamis", "1").call(self.connect(), "POST", path, Some(body))
    }

    /// POST without the header that says that it is meant.
    pub fn post_as_a_stranger(&self, path: &str, body: &Value) -> Answer {
        self.call(self.connect(), "POST", path, Some(body))
    }

    /// DELETE, as the dashboard sends it.
    pub fn delete(&self, path: &str) -> Answer {
        self.with("x-tamis", "1").call(self.connect(), "DELETE", path, None)
    }

    /// One request over a connection.
    pub fn call(
        &self,
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        stream.write_all(&self.request(method, path, body)).unwrap();
        let mut answer = Vec::new();
        // A peer that ends TLS without saying so has sent all that it had.
        let _ = stream.read_to_end(&mut answer);
        parse(&answer)
    }

    /// Follows a stream of events until `take` is satisfied; its last answer.
    ///
    /// # Panics
    /// If the stream ends before.
    pub fn events<T>(&self, path: &str, mut take: impl FnMut(&str, Value) -> Option<T>) -> T {
        let mut stream = self.connect();
        stream.write_all(&self.request("GET", path, None)).unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        let status = lines.next().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let mut name = String::new();
        for line in lines {
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ")
                && let Some(taken) = take(&name, serde_json::from_str(data).unwrap())
            {
                return taken;
            }
        }
        panic!("the stream of {path} ended")
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Vec<u8> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !self.headers.iter().any(|(name, _)| name == "host") {
            request.push_str(&format!("host: {}\r\n", self.address));
        }
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        request.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        request.into_bytes()
    }
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no HTTP: {}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let body = &answer[end + 4..];
    let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_vec() };
    Answer { status, headers, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 2 + length + 2..];
    }
}
