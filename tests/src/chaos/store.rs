//! A proxy before an object store that speaks S3: it notes what is asked, and answers amiss as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::listen::Port;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// An object's size and entity tag.
    Head,
    /// An object, or a range of it.
    Get,
    /// A page of names.
    List,
    /// To store an object.
    Put,
    /// To store an object where there is none.
    Create,
    /// To copy an object within the store.
    Copy,
    /// To remove objects.
    Delete,
    /// To begin an upload in parts.
    Begin,
    /// To take a part.
    Part,
    /// To make an object of parts.
    Complete,
}

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What it asked for.
    pub ask: Ask,
    /// Bucket and key, as they stand in the request.
    pub path: String,
    /// Whether it asked for a range of bytes.
    pub is_ranged: bool,
    /// Whether it asked for a further page of a listing.
    pub is_continued: bool,
}

/// An answer amiss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amiss {
    /// `500 InternalError`; nothing was done.
    Broken,
    /// `503 SlowDown`; nothing was done.
    SlowDown,
    /// `500 InternalError`, but it was done.
    LostAfter,
    /// An error in a body behind `200`, as S3 answers copies and uploads that it could not end.
    HiddenError,
    /// No answer until the client gives up.
    Silence,
    /// So many milliseconds late.
    Late(u64),
    /// The first half of the answer.
    Cut,
}

/// Stands before an object store. Its threads end with it.
pub struct StoreProxy {
    port: Port,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    budget: Mutex<Budget>,
}

#[derive(Default)]
struct Budget {
    armed: Vec<(Ask, Amiss)>,
    /// What is always answered so, by a part of its path.
    always: Option<(String, Amiss)>,
    fired: Vec<(Ask, Amiss)>,
    seen: Vec<Seen>,
}

impl StoreProxy {
    /// One on a free port before the store at `upstream`, `HOST:PORT`.
    pub fn start(upstream: &str) -> Self {
        let shared = Arc::new(Shared { upstream: upstream.to_owned(), budget: Mutex::default() });
        let serving = shared.clone();
        let port = Port::open(move |client| {
            let serving = serving.clone();
            // A client that goes away is none of our business.
            thread::spawn(move || drop(serving.serve(client)));
        });
        Self { port, shared }
    }

    /// Where clients reach it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.port.address)
    }

    /// The next request of this kind for which nothing was armed before is answered so, once.
    pub fn arm(&self, ask: Ask, amiss: Amiss) {
        self.shared.budget.lock().unwrap().armed.push((ask, amiss));
    }

    /// From now on every request whose path holds `part` is answered so.
    pub fn always(&self, part: &str, amiss: Amiss) {
        self.shared.budget.lock().unwrap().always = Some((part.to_owned(), amiss));
    }

    /// All is well from now on.
    pub fn mend(&self) {
        let mut budget = self.shared.budget.lock().unwrap();
        budget.armed.clear();
        budget.always = None;
    }

    /// What was armed and has not fired.
    pub fn waiting(&self) -> Vec<(Ask, Amiss)> {
        self.shared.budget.lock().unwrap().armed.clone()
    }

    /// What has fired, in order; what is always so aside.
    pub fn fired(&self) -> Vec<(Ask, Amiss)> {
        self.shared.budget.lock().unwrap().fired.clone()
    }

    /// All requests so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.budget.lock().unwrap().seen.clone()
    }
}

/// A request, read whole.
struct Request {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Request {
    fn read(client: &TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(client);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            head.push(line.to_owned());
        }
        let mut request = Self { head, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body)?;
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.iter().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    fn seen(&self) -> Seen {
        let mut words = self.head[0].split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asks = |key: &str| {
            query
                .split('&')
                .any(|part| part.strip_prefix(key).is_some_and(|r| r.is_empty() || r.starts_with('=')))
        };
        let ask = match method {
            "HEAD" => Ask::Head,
            "GET" if asks("list-type") => Ask::List,
            "GET" => Ask::Get,
            "PUT" if asks("partNumber") => Ask::Part,
            "PUT" if self.header("x-amz-copy-source").is_some() => Ask::Copy,
            "PUT" if self.header("if-none-match").is_some() => Ask::Create,
            "PUT" => Ask::Put,
            "POST" if asks("uploads") => Ask::Begin,
            "POST" if asks("uploadId") => Ask::Complete,
            "POST" | "DELETE" => Ask::Delete,
            other => panic!("a request that S3 does not know: {other} {target}"),
        };
        Seen {
            ask,
            path: path.to_owned(),
            is_ranged: self.header("range").is_some(),
            is_continued: asks("continuation-token"),
        }
    }
}

impl Shared {
    /// Notes the request, and says what is amiss with its answer.
    fn note(&self, seen: Seen) -> Option<Amiss> {
        let mut budget = self.budget.lock().unwrap();
        let always =
            budget.always.clone().filter(|(part, _)| seen.path.contains(part)).map(|(_, amiss)| amiss);
        let ask = seen.ask;
        budget.seen.push(seen);
        if always.is_some() {
            return always;
        }
        let at = budget.armed.iter().position(|(armed, _)| *armed == ask)?;
        let fault = budget.armed.remove(at);
        budget.fired.push(fault);
        Some(fault.1)
    }

    /// One request a connection: the answer ends with it.
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = Request::read(&client)?;
        match self.note(request.seen()) {
            None => client.write_all(&self.forward(&request)?),
            Some(Amiss::Late(ms)) => {
                thread::sleep(Duration::from_millis(ms));
                client.write_all(&self.forward(&request)?)
            }
            Some(Amiss::Cut) => {
                let answer = self.forward(&request)?;
                client.write_all(&answer[..answer.len() / 2])
            }
            Some(Amiss::Broken) => client.write_all(&error("500 Internal Server Error", "InternalError")),
            Some(Amiss::SlowDown) => client.write_all(&error("503 Slow Down", "SlowDown")),
            Some(Amiss::LostAfter) => {
                self.forward(&request)?;
                client.write_all(&error("500 Internal Server Error", "InternalError"))
            }
            Some(Amiss::HiddenError) => client.write_all(&error("200 OK", "InternalError")),
            // The client closes: nothing more is read.
            Some(Amiss::Silence) => client.read(&mut [0]).map(drop),
        }
    }

    fn forward(&self, request: &Request) -> std::io::Result<Vec<u8>> {
        let mut store = TcpStream::connect(&self.upstream)?;
        let kept = request.head.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let mut head: String = kept.flat_map(|line| [line, "\r\n"]).collect();
        head.push_str("Connection: close\r\n\r\n");
        store.write_all(head.as_bytes())?;
        store.write_all(&request.body)?;
        let mut answer = Vec::new();
        store.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// An answer of S3 that says what went wrong.
fn error(status: &str, code: &str) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>We tried.</Message></Error>"
    );
    let head = "Content-Type: application/xml\r\nConnection: close";
    format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
