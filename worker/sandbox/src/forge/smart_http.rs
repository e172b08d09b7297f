use std::io;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::git;
use super::response::ForgeResponse;
use super::state::ForgeStore;

/// A credential that opens a private repository to git.
#[derive(Clone, PartialEq, Eq)]
pub enum GitLogin {
    /// `Authorization: Basic …`, what git sends for a user and a password.
    Basic { username: String, password: String },
    /// `Authorization: Bearer …`, what iwomp-in-aws sends for its `authToken`.
    Bearer(String),
}

impl std::fmt::Debug for GitLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { username, .. } => f.debug_struct("Basic").field("username", username).finish_non_exhaustive(),
            Self::Bearer(_) => f.debug_struct("Bearer").finish_non_exhaustive(),
        }
    }
}

impl GitLogin {
    /// Whether this is what an `Authorization` header says.
    pub(super) fn matches(&self, authorization: &str) -> bool {
        let Some((scheme, value)) = authorization.split_once(' ') else { return false };
        match self {
            Self::Basic { username, password } => {
                scheme.eq_ignore_ascii_case("basic")
                    && value.trim() == BASE64_STANDARD.encode(format!("{username}:{password}"))
            }
            Self::Bearer(token) => scheme.eq_ignore_ascii_case("bearer") && value.trim() == token,
        }
    }
}

/// Serves one request of git's HTTP protocol through `git http-backend`. Fetching only: the backend refuses a push
/// as long as it is told no user.
pub(super) async fn serve(store: Arc<ForgeStore>, name: String, request: Request, authorised: bool) -> Response {
    match store.read(|state| state.repositories.get(&name).map(|record| record.logins.is_empty())) {
        None => ForgeResponse::html(StatusCode::NOT_FOUND).into_response(),
        Some(is_public) if is_public || authorised => match run_backend(&store, request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "git http-backend failed");
                ForgeResponse::html(StatusCode::INTERNAL_SERVER_ERROR).into_response()
            }
        },
        Some(_) => ForgeResponse::html(StatusCode::UNAUTHORIZED)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sandbox forge\""))
            .into_response(),
    }
}

async fn run_backend(store: &ForgeStore, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut command = git::bare_command();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &store.dir)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("REMOTE_ADDR", "127.0.0.1");
    let cgi_variables = [
        ("CONTENT_TYPE", header::CONTENT_TYPE),
        // Missing with a chunked body: the backend then reads to its end.
        ("CONTENT_LENGTH", header::CONTENT_LENGTH),
        ("HTTP_CONTENT_ENCODING", header::CONTENT_ENCODING),
        ("GIT_PROTOCOL", HeaderName::from_static("git-protocol")),
    ];
    command.envs(cgi_variables.into_iter().filter_map(|(variable, name)| Some((variable, header(name)?))));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start git: is it installed and on PATH?")?;
    let stdin = child.stdin.take().context("git has no stdin")?;
    let stdout = child.stdout.take().context("git has no stdout")?;
    // Beside reading the answer, since git may answer before it has read everything.
    tokio::spawn(copy_body(body, stdin));
    read_cgi_response(child, BufReader::new(stdout)).await
}

/// Ends at a broken pipe, too: then git has had enough, and its answer says why.
async fn copy_body(body: Body, mut stdin: ChildStdin) {
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

/// CGI: headers, an empty line, the body. The child lives until the body is read, or dropped.
async fn read_cgi_response(child: Child, mut stdout: BufReader<ChildStdout>) -> anyhow::Result<Response> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        anyhow::ensure!(stdout.read_line(&mut line).await? > 0, "git http-backend ended within its headers");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").with_context(|| format!("no CGI header: {line:?}"))?;
        if name.eq_ignore_ascii_case("status") {
            status = value.split(' ').next().unwrap_or_default().parse()?;
        } else {
            headers.insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
        }
    }
    let mut response = Response::new(Body::from_stream(stream::try_unfold((child, stdout), next_chunk)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

type BackendProcess = (Child, BufReader<ChildStdout>);

async fn next_chunk((mut child, mut stdout): BackendProcess) -> io::Result<Option<(Bytes, BackendProcess)>> {
    let mut chunk = Vec::with_capacity(64 * 1024);
    if stdout.read_buf(&mut chunk).await? == 0 {
        child.wait().await?;
        return Ok(None);
    }
    Ok(Some((chunk.into(), (child, stdout))))
}
