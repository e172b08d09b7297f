use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A git host on loopback: git's own `http-backend`, behind a server that writes down what it was asked, and the
/// command lines of all processes of the machine at that moment.
pub(crate) struct GitHttpServer {
    pub(crate) address: String,
    seen: Arc<Mutex<RecordedRequests>>,
}

#[derive(Default, Clone)]
pub(crate) struct RecordedRequests {
    /// The `Authorization` header of each request, or `-`.
    pub(crate) authorizations: Vec<String>,
    pub(crate) command_lines: String,
}

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum ServerBehavior {
    /// Serves the folder to those who send this `Authorization`; `None`: to all.
    Serve { root: PathBuf, expected_authorization: Option<String> },
    /// Refuses, and prints the credential back as text.
    Echo,
    /// Sends everybody to another place.
    Redirect { to: String },
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

    pub(crate) fn url(&self) -> String {
        format!("http://{}/repository", self.address)
    }

    pub(crate) fn recorded(&self) -> RecordedRequests {
        self.seen.lock().unwrap().clone()
    }
}

fn respond(mut stream: TcpStream, manner: &ServerBehavior, recorded: &Mutex<RecordedRequests>) -> Option<()> {
    let request = GitHttpRequest::read(&stream)?;
    let sent = request.header("authorization").unwrap_or("-").to_owned();
    {
        let mut recorded = recorded.lock().unwrap();
        recorded.authorizations.push(sent.clone());
        recorded.command_lines.push_str(&command_lines());
    }
    let reply = match manner {
        ServerBehavior::Redirect { to } => format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            request.target
        )
        .into_bytes(),
        ServerBehavior::Echo => plain("403 Forbidden", &format!("you sent {sent}\n")),
        ServerBehavior::Serve { expected_authorization: Some(wants), .. } if *wants != sent => {
            plain("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"", "who are you?\n")
        }
        ServerBehavior::Serve { root, .. } => backend(&request, root),
    };
    stream.write_all(&reply).ok()
}

fn plain(status: &str, text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn backend(request: &GitHttpRequest, root: &PathBuf) -> Vec<u8> {
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
