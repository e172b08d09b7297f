//! The simulated Pagure: recorded exchanges, git, faults.
mod api_behavior;
mod faults;
mod git;
mod plugin_route;
mod replay;

use std::time::Duration;

use doorbell_sandbox::forge::{ForgeOptions, ForgeServer, TokenScope};
use doorbell_sandbox::git_host::{GitRepository, REGULAR_FILE};
use doorbell_sandbox::test_ca::TestCa;
use reqwest::{Method, Response};
use tempfile::TempDir;

/// The timeout of one step.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

const HASH: &str = "0123456789012345678901234567890123456789";

/// A forge with a repository `demo` like the recorded one: `main`, and an open pull request from `feature`.
struct ForgeFixture {
    forge: ForgeServer,
    demo: GitRepository,
    ca: TestCa,
    http: reqwest::Client,
    dir: TempDir,
}

impl ForgeFixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new().unwrap();
        let options = ForgeOptions { ca: &ca, dir: dir.path().join("forge") };
        let forge = ForgeServer::start(options).await.unwrap();
        let demo = forge.create_repository("demo").await.unwrap();
        demo.commit(
            "main",
            &[("README.md", REGULAR_FILE, "# demo\n"), ("buildspec.yml", REGULAR_FILE, "version: 0.2\n")],
            "Add buildspec",
        )
        .await
        .unwrap();
        demo.commit("feature", &[("hello.txt", REGULAR_FILE, "hello\n")], "Add hello").await.unwrap();
        assert_eq!(forge.open_pull_request(&demo, "feature", "please review").await.unwrap(), 1);
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(ca.ca_pem().as_bytes()).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(STEP_TIMEOUT)
            .build()
            .unwrap();
        Self { forge, demo, ca, http, dir }
    }

    fn flag_token(&self) -> String {
        self.forge.create_token(TokenScope::Any, &["commit_flag", "pull_request_flag", "pull_request_comment"])
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.forge.url()))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A valid flag on [`HASH`].
    fn flag_request(&self, token: &str, uid: &str, status: &str) -> reqwest::RequestBuilder {
        self.post(token, &format!("/api/0/demo/c/{HASH}/flag"), &[("uid", uid), ("status", status)])
    }

    fn post(&self, token: &str, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut form = vec![("username", "Doorbell"), ("comment", "a text"), ("url", "https://example.org/1")];
        form.extend(fields);
        self.request(Method::POST, path).header("Authorization", format!("token {token}")).form(&form)
    }

    /// The forge's flags, as "uid status".
    fn flags_on(&self, commit: &str) -> Vec<String> {
        self.forge.flags(commit).into_iter().map(|flag| format!("{} {}", flag.uid, flag.status.as_str())).collect()
    }
}
