//! A running Pagure, and a developer's checkout.
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

use doorbell_sandbox::credentials::AccessKey;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};

/// A real Pagure. Dropping it stops the process.
pub(super) struct PagureInstance {
    pub(super) url: String,
    /// `127.0.0.1:<port>`
    pub(super) host: String,
    pub(super) flag_token: String,
    setup_token: String,
    login: (String, String),
    http: reqwest::Client,
    logs: PathBuf,
    process: Mutex<InstanceProcess>,
}

struct InstanceProcess {
    child: Child,
    // Closing it ends the process and all that it has started.
    stdin: Option<ChildStdin>,
    lines: BufReader<std::process::ChildStdout>,
}

impl Drop for InstanceProcess {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

impl InstanceProcess {
    fn response(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("Pagure did not start; it printed {line:?}"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

impl PagureInstance {
    /// Starts an empty Pagure. Its worker can reach SNS and has no credentials of its own.
    pub(super) async fn start(sandbox: &Sandbox) -> Self {
        let home = PathBuf::from(std::env::var_os("DOORBELL_PAGURE").expect("DOORBELL_PAGURE names a Pagure"));
        let dir = sandbox.account.dir().join("pagure");
        std::fs::create_dir_all(&dir).unwrap();
        let certificate = sandbox.account.ca().issue().unwrap();
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert, &certificate.cert_pem).unwrap();
        std::fs::write(&key, &certificate.key_pem).unwrap();
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../publisher/pagure/tests/instance");
        let programs = std::path::absolute(sandbox.programs().dir()).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let publisher = sandbox.account.publisher_environment();
        let environment = publisher.iter().filter(|(name, _)| !name.contains("KEY") && !name.starts_with("DOORBELL"));
        let mut child = Command::new(home.join("python/bin/python"))
            .arg(scripts)
            .args(["--pagure".as_ref(), home.join("src").as_os_str(), "--dir".as_ref(), dir.join("run").as_os_str()])
            .args(["--cert".as_ref(), cert.as_os_str(), "--key".as_ref(), key.as_os_str()])
            .env("PATH", path)
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let mut process = InstanceProcess { child, stdin, lines: BufReader::new(stdout) };
        let info = process.response();
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(sandbox.account.ca().ca_pem().as_bytes()).unwrap()])
            .build()
            .unwrap();
        let url = text(&info["url"]);
        Self {
            host: url.trim_start_matches("https://").to_owned(),
            flag_token: text(&info["flag_token"]),
            setup_token: text(&info["setup_token"]),
            login: (text(&info["user"]), text(&info["password"])),
            logs: PathBuf::from(text(&info["log"])),
            process: Mutex::new(process),
            http,
            url,
        }
    }

    /// Kills the web server and restarts it; returns when it is up.
    pub(super) fn restart(&self) {
        let mut process = self.process.lock().unwrap();
        process.stdin.as_mut().unwrap().write_all(b"restart\n").unwrap();
        process.response();
    }

    pub(super) async fn create_project(&self, name: &str) {
        let form = [("name", name), ("description", name), ("default_branch", "main"), ("wait", "y")];
        self.post("new", &form).await;
    }

    /// Does what a project's admin does on its settings page, with the key that the page does not show.
    pub(super) async fn install_hook(&self, project: &str, topic: &str, key: &AccessKey) {
        let form = [
            ("ci_type", "doorbell"),
            ("ci_url", topic),
            ("ci_job", project),
            ("ci_username", &key.access_key_id),
            ("ci_password", &key.secret_access_key),
            ("active_commit", "y"),
            ("active_pr", "y"),
        ];
        self.post(&format!("{project}/settings/Pagure%20CI/install"), &form).await;
    }

    /// The token that the settings page shows to a person; read from Pagure's database, since that page needs a login.
    pub(super) fn hook_token(&self) -> String {
        let mut process = self.process.lock().unwrap();
        process.stdin.as_mut().unwrap().write_all(b"hook-token\n").unwrap();
        text(&process.response()["hook_token"])
    }

    pub(super) async fn open_pull_request(&self, project: &str, branch: &str) -> u64 {
        let form = [
            ("title", "Say hello from the build"),
            ("branch_from", branch),
            ("branch_to", "main"),
            ("initial_comment", "Please review."),
        ];
        self.post(&format!("{project}/pull-request/new"), &form).await["id"].as_u64().unwrap()
    }

    pub(super) async fn flags(&self, project: &str, commit: &str) -> Vec<Value> {
        let url = format!("{}/api/0/{project}/c/{commit}/flag", self.url);
        match self.http.get(url).send().await {
            Ok(response) => response.json::<Value>().await.unwrap()["flags"].as_array().cloned().unwrap_or_default(),
            // It is restarting.
            Err(_) => Vec::new(),
        }
    }

    /// The logs of Pagure, of its worker and of the plugin's.
    pub(super) fn log(&self) -> String {
        ["pagure.log", "worker.log", "doorbell.log"]
            .map(|name| std::fs::read_to_string(self.logs.join(name)).unwrap_or_default())
            .concat()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let request = self.http.post(format!("{}/api/0/{path}", self.url)).form(form);
        let response = request.header("authorization", format!("token {}", self.setup_token)).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or(json!(null))
    }
}

/// A developer's working copy.
pub(super) struct WorkingCopy {
    dir: PathBuf,
    bundle: PathBuf,
}

impl WorkingCopy {
    /// Creates the working copy of an empty repository.
    pub(super) fn clone_empty(pagure: &PagureInstance, sandbox: &Sandbox, project: &str) -> Self {
        let checkout =
            Self { dir: sandbox.account.dir().join("checkout"), bundle: sandbox.account.trust_bundle().to_owned() };
        std::fs::create_dir_all(&checkout.dir).unwrap();
        let (user, password) = &pagure.login;
        let url = format!("https://{user}:{password}@{}/{project}.git", pagure.host);
        checkout.git(&["init", "--quiet", "--initial-branch", "main"]);
        checkout.git(&["remote", "add", "origin", &url]);
        checkout
    }

    /// Commits these files and pushes the branch, which begins at the current commit if it is new; returns the commit.
    pub(super) fn push(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let exists = self.try_git(&["rev-parse", "--verify", "--quiet", branch]).is_some();
        if exists {
            self.git(&["checkout", "--quiet", branch]);
        } else if branch != "main" {
            self.git(&["checkout", "--quiet", "-b", branch]);
        }
        for (name, content) in files {
            let path = self.dir.join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            self.git(&["add", name]);
        }
        self.git(&["commit", "--quiet", "--message", "Say hello from the build"]);
        self.git(&["push", "--quiet", "origin", branch]);
        self.tip(branch)
    }

    /// Pushes a tag with a commit that no branch has. Pagure notifies no CI about a tag on a known commit.
    pub(super) fn tag(&self, name: &str) -> String {
        self.git(&["checkout", "--quiet", "--detach", "main"]);
        std::fs::write(self.dir.join("ci.sh"), "#!/bin/sh\n").unwrap();
        self.git(&["commit", "--quiet", "--all", "--allow-empty", "--message", name]);
        self.git(&["tag", name]);
        self.git(&["push", "--quiet", "origin", name]);
        self.tip(name)
    }

    pub(super) fn tip(&self, branch: &str) -> String {
        self.git(&["rev-parse", branch])
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.try_git(arguments).unwrap_or_else(|| panic!("git {arguments:?} failed"))
    }

    fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(arguments)
            .current_dir(&self.dir)
            .env("GIT_SSL_CAINFO", &self.bundle)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
