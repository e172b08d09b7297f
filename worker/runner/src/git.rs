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
use crate::git_failure::GitFailure;
use crate::log::log_line;
use crate::machine::Machine;
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
    pub(crate) machine: Machine,
}

/// What git said. Exit codes differ in meaning by command, so the caller judges them.
#[derive(Debug)]
pub(crate) struct GitOutput {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    stderr: String,
    /// Why git failed; `Other` if it did not.
    pub(crate) failure: GitFailure,
    /// What the build machine had run out of when git failed.
    exhausted: Option<&'static str>,
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
        let mut output = self.run_with(args, None)?;
        if !output.status.success() && output.exhausted.is_none() {
            // No server has a hand in these words.
            output.exhausted = output.own_exhaustion();
        }
        Ok(output)
    }

    /// Runs git with the credential, to reach a host.
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
            ProcessOutcome::Exited(status) => Ok(self.output(args, status, stdout, stderr)),
            ProcessOutcome::TimedOut => {
                Err(RunnerError::checkout("the checkout took longer than the command may take, and was stopped"))
            }
            ProcessOutcome::Interrupted => Err(RunnerError::new(
                RunnerExit::Interrupted,
                "the checkout was stopped: the build received a stop signal",
            )),
        }
    }

    fn output(&self, args: &[&str], status: ExitStatus, stdout: String, stderr: String) -> GitOutput {
        if status.success() {
            let stderr = self.redact(&stderr);
            return GitOutput { status, stdout, stderr, failure: GitFailure::Other, exhausted: None };
        }
        // Submodules have addresses of their own.
        let url = (args.first() != Some(&"submodule")).then_some(self.url);
        // By git's words as they are: a secret may look like a part of one of them.
        let failure = GitFailure::classify(&stderr, url).map_words(|words| self.redact(words));
        let killed = status.signal() == Some(Signal::KILL.as_raw());
        let exhausted = killed.then_some("git was killed, most likely for want of memory");
        let exhausted = exhausted.or_else(|| self.machine.exhausted(&self.directory));
        GitOutput { status, stdout, stderr: self.redact(&stderr), failure, exhausted }
    }

    /// What git said, without the credential.
    fn redact(&self, text: &str) -> String {
        match self.authorization {
            Some(authorization) => authorization.redact(text),
            None => text.to_owned(),
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
        if let Some(exhausted) = self.exhausted {
            return RunnerError::infrastructure(format!(
                "{task}: the build machine has no disk or memory left: {exhausted}"
            ));
        }
        let code = self.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        RunnerError::checkout(format!("{task}: git ended with {code}{}", self.failure.hint()))
    }

    /// What git itself says it lacks. The system's words end such a line, and nothing else of ours or the
    /// repository's does.
    fn own_exhaustion(&self) -> Option<&'static str> {
        let is_own = |line: &&str| ["fatal: ", "error: "].iter().any(|start| line.starts_with(start));
        let mut own = self.stderr.lines().filter(is_own);
        own.find_map(|line| match line.rsplit_once(": ") {
            Some((_, "No space left on device" | "Disk quota exceeded")) => Some("the disk is full"),
            Some((_, "Cannot allocate memory")) => Some("no memory is left"),
            _ => line.starts_with("fatal: Out of memory, ").then_some("no memory is left"),
        })
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
