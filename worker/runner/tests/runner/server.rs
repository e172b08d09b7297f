use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A git host on loopback: git's own `http-backend`, behind a server that writes down what it was asked, and the
/// command lines of all processes of the machine at that moment.
pub(crate) struct GitHttpServer {
    pub(crate) address: String,
    seen: Arc<Mutex<RecordedRequests>>,
}

#[derive(Default, Clone)]
pub(crate) struct RecordedRequests {
    /// Method and target of each request.
    pub(crate) requests: Vec<String>,
    /// The `Authorization` header of each request, or `-`.
    pub(crate) authorizations: Vec<String>,
    pub(crate) command_lines: String,
    /// Bytes of all answers, without the heads of packets: into how many git cuts a pack depends on its pipes.
    pub(crate) sent_bytes: usize,
}

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum ServerBehavior {
    /// Serves the directory to those who send this `Authorization`; `None`: to all.
    Serve { root: PathBuf, expected_authorization: Option<String> },
    /// Serves the directory's files as a plain web server does.
    Files { root: PathBuf },
    /// Fails so often, and then serves the directory.
    Fail { root: PathBuf, failures: Arc<Mutex<VecDeque<Failure>>> },
    /// Refuses, and prints the credential back as text.
    Echo,
    /// Sends everybody to another place.
    Redirect { to: String },
    /// Answers with an error packet of git's protocol.
    ErrorPacket { text: String },
}

/// One failing answer.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// A status with a text.
    Status(&'static str, &'static str),
    /// The connection is closed with the request unread.
    Reset,
    /// The connection is closed in the middle of the pack.
    CutPack,
}

struct GitHttpRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl GitHttpServer {
    pub(crate) fn start(manner: ServerBehavior) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let recorded = Arc::new(Mutex::new(RecordedRequests::default()));
        let shared = Arc::clone(&recorded);
        // Ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (manner, shared) = (manner.clone(), Arc::clone(&shared));
                thread::spawn(move || respond(stream.unwrap(), &manner, &shared));
            }
        });
        Self { address, seen: recorded }
    }

    /// Fails in each of these ways, one answer after the other, and then serves the directory.
    pub(crate) fn failing(root: PathBuf, failures: impl IntoIterator<Item = Failure>) -> Self {
        let failures = Arc::new(Mutex::new(failures.into_iter().collect()));
        Self::start(ServerBehavior::Fail { root, failures })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/repository", self.address)
    }

    pub(crate) fn recorded(&self) -> RecordedRequests {
        self.seen.lock().unwrap().clone()
    }
}

fn respond(mut stream: TcpStream, manner: &ServerBehavior, recorded: &Mutex<RecordedRequests>) -> Option<()> {
    if let ServerBehavior::Fail { failures, .. } = manner
        && failures.lock().unwrap().pop_front_if(|failure| matches!(failure, Failure::Reset)).is_some()
    {
        recorded.lock().unwrap().requests.push("reset".to_owned());
        // Unread bytes make the kernel answer with a reset.
        return stream.peek(&mut [0]).ok().map(drop);
    }
    let request = GitHttpRequest::read(&stream)?;
    let sent = request.header("authorization").unwrap_or("-").to_owned();
    {
        let mut recorded = recorded.lock().unwrap();
        recorded.requests.push(format!("{} {}", request.method, request.target));
        recorded.authorizations.push(sent.clone());
        recorded.command_lines.push_str(&command_lines());
    }
    let reply = match manner {
        ServerBehavior::Redirect { to } => format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            request.target
        )
        .into_bytes(),
        ServerBehavior::Echo => plain("403 Forbidden", &echo(&sent)),
        ServerBehavior::Serve { expected_authorization: Some(wants), .. } if *wants != sent => {
            plain("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"", "who are you?\n")
        }
        ServerBehavior::Serve { root, .. } => backend(&request, root),
        ServerBehavior::Files { root } => file(&request, root),
        ServerBehavior::Fail { root, failures } => fail(&request, root, &mut failures.lock().unwrap()),
        ServerBehavior::ErrorPacket { text } => error_packet(text),
    };
    recorded.lock().unwrap().sent_bytes += payload_length(&reply);
    stream.write_all(&reply).ok()
}

/// What the client sent, as servers and proxies write it.
fn echo(sent: &str) -> String {
    let (scheme, value) = sent.split_once(' ').unwrap_or(("", sent));
    let decoded = match scheme {
        "Basic" => String::from_utf8(STANDARD.decode(value).unwrap()).unwrap(),
        _ => value.to_owned(),
    };
    let percent: String = decoded.bytes().map(|b| format!("%{b:02X}")).collect();
    let hex: String = decoded.bytes().map(|b| format!("{b:02x}")).collect();
    let base64 = ["", "x", "xx"].map(|before| STANDARD.encode(format!("{before}{decoded}"))).join(" ");
    let (start, end) = decoded.split_at(decoded.len() - 6);
    format!("you sent {sent}\nor {decoded} or {percent} or {hex} or {base64}\nor {start}\nor {end}\n")
}

/// The length of an answer's packets without their heads (four digits, and a band's number in a pack), or of an answer
/// that is not in packets.
fn payload_length(reply: &[u8]) -> usize {
    let body = reply.windows(4).position(|window| window == b"\r\n\r\n").map_or(reply, |head| &reply[head + 4..]);
    let (mut rest, mut length, mut heads) = (body, 0, 4);
    while let Some(size) = rest.get(..4).and_then(|digits| std::str::from_utf8(digits).ok()) {
        let Ok(size) = usize::from_str_radix(size, 16) else { return body.len() };
        let Some(packet) = rest.get(..size.max(4)) else { return body.len() };
        length += packet.len().saturating_sub(heads);
        heads += usize::from(packet.ends_with(b"packfile\n"));
        rest = &rest[packet.len()..];
    }
    length
}

fn fail(request: &GitHttpRequest, root: &Path, failures: &mut VecDeque<Failure>) -> Vec<u8> {
    let carries_pack = request.body.windows(13).any(|window| window == b"command=fetch");
    match failures.front().cloned() {
        Some(Failure::Status(status, text)) => {
            failures.pop_front();
            plain(status, text)
        }
        Some(Failure::CutPack) if carries_pack => {
            failures.pop_front();
            let reply = backend(request, root);
            reply[..reply.len() - 100].to_vec()
        }
        _ => backend(request, root),
    }
}

fn plain(status: &str, text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn error_packet(text: &str) -> Vec<u8> {
    let line = format!("ERR {text}");
    let body = format!("001e# service=git-upload-pack\n0000{:04x}{line}", line.len() + 4);
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n";
    format!("{head}{body}").into_bytes()
}

fn file(request: &GitHttpRequest, root: &Path) -> Vec<u8> {
    let path = request.target.split('?').next().unwrap_or_default();
    match fs::read(root.join(path.trim_start_matches('/'))) {
        Ok(content) => [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &content].concat(),
        Err(_) => plain("404 Not Found", "no such file\n"),
    }
}

fn backend(request: &GitHttpRequest, root: &Path) -> Vec<u8> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let header = |name: &str| request.header(name).unwrap_or_default();
    let mut backend = Command::new("git");
    backend.arg("http-backend").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    backend.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_ADDR", "127.0.0.1");
    backend.env("REQUEST_METHOD", &request.method).env("PATH_INFO", path).env("QUERY_STRING", query);
    backend.env("CONTENT_TYPE", header("content-type")).env("CONTENT_LENGTH", request.body.len().to_string());
    backend.env("HTTP_CONTENT_ENCODING", header("content-encoding")).env("GIT_PROTOCOL", header("git-protocol"));
    let mut child = backend.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\n".as_slice(), &output].concat()
}

impl GitHttpRequest {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).ok().map(|_| line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = Vec::new();
        while let Some((name, value)) = line()?.split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut request = Self { method, target, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).ok()?;
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What `ps` would show to any user, at this moment.
fn command_lines() -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ") + "\n").collect()
}
