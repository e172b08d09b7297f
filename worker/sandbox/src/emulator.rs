//! The AWS emulator (ministack) as a child process: SNS, SQS, SSM, DynamoDB, IAM and the account's other services.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout_at};

use crate::account::definition::{ACCOUNT_ID, REGION};
use crate::credentials::{AccessKey, random_hex};
use crate::test_ca::TestCa;

/// It starts in half a second; a busy machine takes many times that for the first start.
const START_TIMEOUT: Duration = Duration::from_secs(60);
const HEALTH_POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The file to which the launcher writes each permission used and its principal.
const CALLS_FILE: &str = "calls.txt";
const LAUNCHER: &str = include_str!("../emulator/launcher.py");

/// A running emulator, killed when this is dropped.
///
/// It also exits when this process ends, by the end of its standard input.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    plain_endpoint: String,
    root: AccessKey,
    calls: PathBuf,
    // Dropped last and only here: `kill_on_drop`, and the standard input that it holds open.
    _process: Child,
}

/// The launcher's only line of output.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmulatorPorts {
    port: u16,
    plain_port: u16,
}

impl Emulator {
    /// Starts it with the Python of the environment that `bin/lib/python.sh` creates.
    ///
    /// It writes its files into `dir`, which must exist and outlive it. `hanging_polls`: see
    /// [`crate::account::SandboxAccountOptions`].
    pub async fn start(venv_python: &Path, dir: &Path, ca: &TestCa, hanging_polls: bool) -> anyhow::Result<Emulator> {
        ensure!(
            venv_python.is_file(),
            "the AWS emulator's Python is missing: {} does not exist; run bin/lib/python.sh",
            venv_python.display()
        );
        let root = root_key()?;
        write_files(dir, ca)?;
        let log = dir.join("emulator.log");
        let mut process = spawn(venv_python, dir, &log, &root, hanging_polls)?;
        let started = async {
            let ports = read_ports(&mut process).await?;
            let endpoint = format!("https://127.0.0.1:{}", ports.port);
            wait_until_healthy(&endpoint, ca).await?;
            Ok((endpoint, format!("http://127.0.0.1:{}", ports.plain_port)))
        };
        match timeout_at(Instant::now() + START_TIMEOUT, started).await {
            Ok(Ok((endpoint, plain_endpoint))) => {
                Ok(Emulator { endpoint, plain_endpoint, root, calls: dir.join(CALLS_FILE), _process: process })
            }
            Ok(Err(error)) => Err(with_log(error, &log)),
            Err(_) => Err(with_log(anyhow::anyhow!("the AWS emulator was not ready after {START_TIMEOUT:?}"), &log)),
        }
    }

    /// `https://127.0.0.1:<port>`
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The same emulator without TLS, to test that the account's policies deny it.
    pub fn plain_endpoint(&self) -> &str {
        &self.plain_endpoint
    }

    /// The permissions that each principal (`arn:aws:sts::…:assumed-role/doorbell-worker/…`) used and was granted.
    ///
    /// # Errors
    /// The launcher's file cannot be read.
    pub fn used_actions(&self) -> anyhow::Result<BTreeSet<(String, String)>> {
        let calls = std::fs::read_to_string(&self.calls).context("cannot read the emulator's list of calls")?;
        let pair = |line: &str| line.split_once(' ').map(|(who, action)| (who.to_owned(), action.to_owned()));
        Ok(calls.lines().filter_map(pair).collect())
    }

    /// The account's root key, generated for this emulator. For the sandbox only: no binary of the product gets it.
    pub fn root_key(&self) -> AccessKey {
        self.root.clone()
    }
}

fn root_key() -> anyhow::Result<AccessKey> {
    Ok(AccessKey {
        access_key_id: format!("AKIA{}", random_hex(8)?.to_uppercase()),
        secret_access_key: random_hex(20)?,
        session_token: None,
        principal_arn: format!("arn:aws:iam::{ACCOUNT_ID}:root"),
        initiator: "root".to_owned(),
    })
}

/// The launcher is embedded in this binary, so their versions always match.
fn write_files(dir: &Path, ca: &TestCa) -> anyhow::Result<()> {
    let certificate = ca.issue()?;
    for (name, text) in
        [("launcher.py", LAUNCHER), ("server.crt", &certificate.cert_pem), ("server.key", &certificate.key_pem)]
    {
        let path = dir.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn spawn(python: &Path, dir: &Path, log: &Path, root: &AccessKey, hanging_polls: bool) -> anyhow::Result<Child> {
    let log = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    Command::new(python)
        // Isolated, and without writing byte code into the environment.
        .args(["-I", "-B", "launcher.py"])
        .arg(".")
        .current_dir(dir)
        // No AWS, proxy or Python setting of the developer may reach it.
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", &root.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &root.secret_access_key)
        .env("MINISTACK_ACCOUNT_ID", ACCOUNT_ID)
        .env("MINISTACK_REGION", REGION)
        .env("HANGING_POLLS", if hanging_polls { "1" } else { "0" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {}; run bin/lib/python.sh", python.display()))
}

async fn read_ports(process: &mut Child) -> anyhow::Result<EmulatorPorts> {
    let stdout = process.stdout.take().context("the launcher has no standard output")?;
    let Some(line) = BufReader::new(stdout).lines().next_line().await? else {
        bail!("the AWS emulator did not start: {}", process.wait().await?);
    };
    serde_json::from_str(&line).with_context(|| format!("the launcher printed {line:?} instead of its ports"))
}

async fn wait_until_healthy(endpoint: &str, ca: &TestCa) -> anyhow::Result<()> {
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(ca.ca_pem().as_bytes())?])
        .no_proxy()
        .build()?;
    let url = format!("{endpoint}/_ministack/health");
    while !http.get(&url).send().await.is_ok_and(|response| response.status().is_success()) {
        sleep(HEALTH_POLL_INTERVAL).await;
    }
    Ok(())
}

fn with_log(error: anyhow::Error, log: &Path) -> anyhow::Error {
    let log_text =
        std::fs::read_to_string(log).unwrap_or_else(|error| format!("({} is unreadable: {error})", log.display()));
    anyhow::anyhow!("{error:#}; the launcher printed:\n{}", log_text.trim_end())
}
