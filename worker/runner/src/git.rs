use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use doorbell_messages::{GitUrl, RunnerExit};
use rustix::process::Signal;

use crate::authorization::Authorization;
use crate::error::RunnerError;
use crate::git_environment;
use crate::log::log_line;
use crate::output::CapturedOutput;
use crate::settings::RunnerSettings;
use crate::supervisor::{ProcessOutcome, Supervisor};

/// The git program, working in one folder and allowed to reach one repository.
#[derive(Debug)]
pub(crate) struct Git<'a> {
    pub(crate) directory: PathBuf,
    pub(crate) url: &'a GitUrl,
    pub(crate) authorization: Option<&'a Authorization>,
    pub(crate) settings: &'a RunnerSettings,
    pub(crate) supervisor: &'a Supervisor,
    /// All of the checkout together ends here.
    pub(crate) deadline: Instant,
}

/// What git said. Exit codes differ in meaning by command, so the caller judges them.
#[derive(Debug)]
pub(crate) struct GitOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    stderr: String,
}

/// The oldest git that knows all that the environment relies on (`GIT_CONFIG_GLOBAL`; `GIT_CONFIG_COUNT` is of 2.31).
const MIN_VERSION: (u32, u32) = (2, 32);

impl Git<'_> {
    /// # Errors
    /// No git, or one that would silently ignore our environment.
    pub(crate) fn check_version(&self) -> Result<(), RunnerError> {
        let output = self.run(&["--version"])?.into_stdout("git --version")?;
        match version(&output) {
            Some(version) if version >= MIN_VERSION => Ok(()),
            _ => Err(RunnerError::checkout(format!(
                "{:?} is too old: the build image needs git {}.{} or newer",
                output.trim(),
                MIN_VERSION.0,
                MIN_VERSION.1
            ))),
        }
    }

    /// Runs git without the credential.
    ///
    /// # Errors
    /// git can't be run to its end; what it thinks of its task is in the answer.
    pub(crate) fn run(&self, args: &[&str]) -> Result<GitOutput, RunnerError> {
        self.run_with(args, None)
    }

    /// Runs git with the credential.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub(crate) fn run_authorized(&self, args: &[&str]) -> Result<GitOutput, RunnerError> {
        self.run_with(args, self.authorization)
    }

    fn run_with(&self, args: &[&str], authorization: Option<&Authorization>) -> Result<GitOutput, RunnerError> {
        let mut command = Command::new("git");
        git_environment::apply(
            &mut command,
            self.settings,
            authorization.map(|authorization| (self.url, authorization)),
        );
        command.args(args).current_dir(&self.directory).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| spawn_error(&error))?;
        let stdout = child.stdout.take().map(|pipe| thread::spawn(|| CapturedOutput::read(pipe)));
        let stderr = child.stderr.take().map(|pipe| thread::spawn(|| CapturedOutput::read(pipe)));
        // The readers end, too: the supervisor leaves no process alive that holds the pipes.
        let outcome = self.supervisor.watch(child, self.deadline)?;
        let text = |reader: Option<thread::JoinHandle<CapturedOutput>>| {
            reader.and_then(|reader| reader.join().ok()).map_or(String::new(), |output| output.text)
        };
        let (stdout, stderr) = (text(stdout), text(stderr));
        match outcome {
            ProcessOutcome::Exited(status) => Ok(GitOutput { status, stdout, stderr: self.redact(stderr) }),
            ProcessOutcome::TimedOut => {
                Err(RunnerError::checkout("the checkout took longer than the command may take, and was stopped"))
            }
            ProcessOutcome::Interrupted => Err(RunnerError::new(
                RunnerExit::Interrupted,
                "the checkout was stopped: the build received a stop signal",
            )),
        }
    }

    fn redact(&self, text: String) -> String {
        match self.authorization {
            Some(authorization) => authorization.redact(&text),
            None => text,
        }
    }
}

impl GitOutput {
    /// The standard output, if git was content.
    ///
    /// # Errors
    /// git was not; `task` says at what.
    pub(crate) fn into_stdout(self, task: &str) -> Result<String, RunnerError> {
        if self.status.success() { Ok(self.stdout) } else { Err(self.to_error(task)) }
    }

    /// Shows what git said, and tells a failure of the machine from one of the repository.
    pub(crate) fn to_error(&self, task: &str) -> RunnerError {
        const MAX_SHOWN_LINES: usize = 30;
        let lines: Vec<_> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(MAX_SHOWN_LINES))
            .for_each(|line| log_line(&format!("git: {line}")));
        if self.status.signal() == Some(Signal::KILL.as_raw()) {
            return RunnerError::infrastructure(format!("{task}: git was killed, most likely for want of memory"));
        }
        let says = |text: &str| self.stderr_contains(text);
        if says("No space left on device") || says("Cannot allocate memory") || says("out of memory") {
            return RunnerError::infrastructure(format!("{task}: the build machine has no disk or memory left"));
        }
        let hint = if says("could not read Username") || says("Authentication failed") {
            ": the repository wants a credential, or another one (gitCredentials)"
        } else if says("returned error: 30") {
            ": redirects are not followed; put the repository's present address into gitUrl"
        } else if says("not allowed") {
            ": see DOORBELL_GIT_PROTOCOLS"
        } else {
            ""
        };
        let code = self.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        RunnerError::checkout(format!("{task}: git ended with {code}{hint}"))
    }

    /// Whether git's own words hold `text`. A server can write what it likes, but only behind `remote:`.
    pub(crate) fn stderr_contains(&self, text: &str) -> bool {
        self.stderr.lines().any(|line| !line.starts_with("remote:") && line.contains(text))
    }
}

fn version(output: &str) -> Option<(u32, u32)> {
    let mut numbers = output.trim().strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn spawn_error(error: &io::Error) -> RunnerError {
    match error.kind() {
        io::ErrorKind::NotFound => RunnerError::checkout("git is not on PATH: the build image needs it"),
        io::ErrorKind::PermissionDenied => RunnerError::checkout("git on PATH can't be executed"),
        _ => RunnerError::infrastructure(format!("git can't be started: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_version_of_each_vendor_is_parsed() {
        let check = |text: &str, expected| assert_eq!(version(text), expected);
        check("git version 2.47.3\n", Some((2, 47)));
        check("git version 2.39.5 (Apple Git-154)", Some((2, 39)));
        check("git version 2.9.0", Some((2, 9)));
        check("hub version 2.0", None);
    }
}
