use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::stub::Stub;

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";
pub(crate) const SECRET_KEY: &str = "secretSECRETsecretSECRETsecretSECRET0000";
pub(crate) const SESSION_TOKEN: &str = "tokenTOKENtokenTOKENtoken";

/// Longer than the longest that the binary promises, 40 seconds.
const EXIT_TIMEOUT: Duration = Duration::from_secs(60);

/// One run of `trigger_job` in an empty directory, with no environment but what is given here.
pub(crate) struct Invocation {
    command: Command,
    directory: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct InvocationResult {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Invocation {
    /// Without credentials, topic or network.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigger_job"));
        command.args(arguments).current_dir(&directory).env_clear().kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // No checkout above the temporary directory may name a branch, and no one's AWS settings may be read.
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GIT_CEILING_DIRECTORIES", directory.path().parent().unwrap());
        command.env("HOME", directory.path()).env("AWS_EC2_METADATA_DISABLED", "true");
        Self { command, directory }
    }

    /// With credentials and the topic, against that SNS.
    pub(crate) fn with_sns(sns: &Stub, arguments: &[&str]) -> Self {
        Self::new(arguments).with_credentials().env("DOORBELL_TOPIC_ARN", TOPIC).env("AWS_ENDPOINT_URL_SNS", &sns.url())
    }

    pub(crate) fn with_credentials(self) -> Self {
        self.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
    }

    pub(crate) fn argument(mut self, argument: &std::ffi::OsStr) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts it; the directory lives as long as the second value.
    pub(crate) fn spawn(mut self) -> (Child, TempDir) {
        (self.command.spawn().unwrap(), self.directory)
    }

    pub(crate) async fn run(self) -> InvocationResult {
        let (child, _directory) = self.spawn();
        InvocationResult::wait(child).await
    }
}

/// Ctrl-C, as a terminal sends it.
pub(crate) async fn interrupt(child: &Child) {
    let process = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().await.unwrap().success());
}

impl InvocationResult {
    /// Waits for the end, and sees that nothing secret or coloured was printed.
    pub(crate) async fn wait(child: Child) -> Self {
        let output =
            tokio::time::timeout(EXIT_TIMEOUT, child.wait_with_output()).await.expect("it never ended").unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        for text in [&stdout, &stderr] {
            assert!(!text.contains(SECRET_KEY) && !text.contains(SESSION_TOKEN), "a credential in {text}");
            assert!(!text.contains('\u{1b}'), "colour in a pipe: {text:?}");
        }
        Self { exit_code: output.status.code(), stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn assert_failed(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.exit_code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "");
        for part in parts {
            assert!(self.stderr.contains(part), "{part} is not in {}", self.stderr);
        }
    }

    /// The id in the middle of the job's key.
    #[track_caller]
    pub(crate) fn job_id(&self) -> &str {
        assert_eq!(self.exit_code, Some(0), "{self:?}");
        self.stdout.split('#').nth(1).unwrap()
    }
}
