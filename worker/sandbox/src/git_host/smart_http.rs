use std::io;
use std::path::Path;
use std::process::Stdio;

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::git;

/// Runs `git http-backend` for one request of git's smart HTTP protocol.
///
/// Clones and fetches only: the backend rejects a push as long as no user is named.
pub(super) async fn run_backend(root: &Path, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let mut command = git::bare_command();
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
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
    // Concurrently with reading the response, since git may respond before it has read the whole body.
    tokio::spawn(copy_body(body, stdin));
    read_cgi_response(child, BufReader::new(stdout)).await
}

/// Copies the request's body to git. Ends at a broken pipe, too: git then stopped reading and its response says why.
async fn copy_body(body: Body, mut stdin: ChildStdin) {
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

/// Reads a CGI response: headers, an empty line, the body. The child runs until the body is read or dropped.
async fn read_cgi_response(child: Child, mut stdout: BufReader<ChildStdout>) -> anyhow::Result<Response> {
    let mut status = StatusCode::OK;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        anyhow::ensure!(
            stdout.read_line(&mut line).await? > 0,
            "git http-backend exited before the end of its headers"
        );
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").with_context(|| format!("invalid CGI header: {line:?}"))?;
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
