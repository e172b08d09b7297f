//! Whether a repository's address redirects. The runner follows no redirect, since git would send the credential along;
//! so the owner reads the new address here, and not in the log of the first build that fails.

use std::time::Duration;

use doorbell_adapters::error_chain;
use doorbell_messages::GitUrl;
use reqwest::header::LOCATION;
use reqwest::{Client, Response, redirect};

/// Time limit of the one request.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The first request of every fetch, after the repository's address.
const FIRST_REQUEST: &str = "/info/refs?service=git-upload-pack";

/// What the git host answers at a repository's address to a request without a credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AddressState {
    /// It does not redirect. Whether there is a repository, only a credential can tell.
    Direct,
    /// It redirects, to this address if it could be read.
    Redirected(Option<GitUrl>),
    /// It did not answer this machine, which says little of the build's network.
    Unreachable(String),
    /// The address is not asked over HTTP.
    OtherProtocol,
}

impl AddressState {
    /// A redirect as a finding about the project's document.
    pub(crate) fn redirect_problem(&self) -> Option<String> {
        let Self::Redirected(to) = self else { return None };
        let to = to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        Some(format!("gitUrl redirects{to}; the runner follows no redirect, so builds would fail at the checkout"))
    }
}

/// A client that follows no redirect, as the runner.
///
/// # Errors
/// The HTTPS client cannot be created.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    Client::builder().timeout(CALL_TIMEOUT).redirect(redirect::Policy::none()).build()
}

/// Sends the first request of a fetch, without a credential.
pub(crate) async fn check_address(client: &Client, url: &GitUrl) -> AddressState {
    if !matches!(url.protocol(), "http" | "https") {
        return AddressState::OtherProtocol;
    }
    let target = format!("{}{FIRST_REQUEST}", url.as_str().trim_end_matches('/'));
    match client.get(target).send().await {
        Ok(response) if response.status().is_redirection() => AddressState::Redirected(new_address(&response)),
        Ok(_) => AddressState::Direct,
        // Without the address, which is in the document.
        Err(error) => AddressState::Unreachable(error_chain("no answer", &error.without_url())),
    }
}

/// The address to which the host redirects; what is no repository's address is not shown.
fn new_address(response: &Response) -> Option<GitUrl> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    target.as_str().strip_suffix(FIRST_REQUEST)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// The state of `/acme/demo` on a host that answers so; `{host}` is the host itself.
    async fn check(answer: &str) -> (String, AddressState) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let answer = answer.replace("{host}", &host);
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let url = format!("http://{host}/acme/demo").parse().unwrap();
        let state = check_address(&client().unwrap(), &url).await;
        let request = server.await.unwrap();
        assert!(request.starts_with("GET /acme/demo/info/refs?service=git-upload-pack HTTP/1.1\r\n"), "{request}");
        assert!(!request.to_lowercase().contains("authorization"), "{request}");
        (host, state)
    }

    #[tokio::test]
    async fn redirect_of_a_git_host_names_the_new_address() {
        for (location, expected) in [
            ("/acme/demo.git", "http://{host}/acme/demo.git"),
            ("https://elsewhere.example/acme/demo.git", "https://elsewhere.example/acme/demo.git"),
            ("https://{host}/acme/demo.git", "https://{host}/acme/demo.git"),
        ] {
            let (host, state) = check(&format!("301 Moved Permanently\r\nLocation: {location}{FIRST_REQUEST}")).await;
            let expected = expected.replace("{host}", &host);
            let problem = state.redirect_problem().unwrap();
            assert!(problem.starts_with(&format!("gitUrl redirects to {expected}; ")), "{problem}");
        }
    }

    #[tokio::test]
    async fn redirect_to_something_else_is_found_without_its_words() {
        for headers in ["", "\r\nLocation: https://me:secret@host/x", "\r\nLocation: /sign-in?next=%0a%1b[2J"] {
            let (_, state) = check(&format!("302 Found{headers}")).await;
            assert_eq!(state, AddressState::Redirected(None), "{headers}");
        }
    }

    #[tokio::test]
    async fn other_answers_of_a_git_host_are_no_redirect() {
        for status in ["200 OK", "401 Unauthorized", "404 Not Found", "503 Service Unavailable"] {
            assert_eq!(check(status).await.1.redirect_problem(), None, "{status}");
        }
        let ssh = "git@host:acme/demo".parse().unwrap();
        assert_eq!(check_address(&client().unwrap(), &ssh).await, AddressState::OtherProtocol);
        let closed = "http://127.0.0.1:1/acme/demo".parse().unwrap();
        let state = check_address(&client().unwrap(), &closed).await;
        assert!(matches!(&state, AddressState::Unreachable(reason) if !reason.contains("acme")), "{state:?}");
    }
}
