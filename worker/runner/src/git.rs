use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use doorbell_messages::{GitUrl, RunnerExit};
use rustix::process::Signal;

use crate::authorization::Authorization;
use crate::failure::Failure;
use crate::git_environment;
use crate::log::say;
use crate::output::Output;
use crate::settings::Settings;
use crate::supervisor::{Ending, Supervisor};

/// The git program, working in one folder and allowed to reach one repository.
#[derive(Debug)]
pub(crate) struct Git<'a> {
    pub(crate) folder: PathBuf,
    pub(crate) url: &'a GitUrl,
    pub(crate) authorization: Option<&'a Authorization>,
    pub(crate) settings: &'a Settings,
    pub(crate) supervisor: &'a Supervisor,
    /// All of the checkout together ends here.
    pub(crate) deadline: Instant,
}

/// What git said. Exit codes differ in meaning by command, so the caller judges them.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    stderr: String,
}

/// The oldest git that knows all that the environment relies on (`GIT_CONFIG_GLOBAL`; `GIT_CONFIG_COUNT` is of 2.31).
const OLDEST: (u32, u32) = (2, 32);

impl Git<'_> {
    /// # Errors
    /// No git, or one that would silently ignore our environment.
    pub(crate) fn check_version(&self) -> Result<(), Failure> {
        let answer = self.run(&["--version"])?.succeeded("git --version")?;
        match version(&answer) {
            Some(version) if version >= OLDEST => Ok(()),
            _ => Err(Failure::checkout(format!(
                "{:?} is too old: the build image needs git {}.{} or newer",
                answer.trim(),
                OLDEST.0,
                OLDEST.1
            ))),
        }
    }

    /// Runs git without the credential.
    ///
    /// # Errors
    /// git can't be run to its end; what it thinks of its task is in the answer.
    pub(crate) fn run(&self, args: &[&str]) -> Result<Answer, Failure> {
        self.run_with(args, None)
    }

    /// Runs git with the credential.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub(crate) fn run_authorized(&self, args: &[&str]) -> Result<Answer, Failure> {
        self.run_with(args, self.authorization)
    }

    fn run_with(&self, args: &[&str], authorization: Option<&Authorization>) -> Result<Answer, Failure> {
        let mut command = Command::new("git");
        git_environment::apply(
            &mut command,
            self.settings,
            authorization.map(|authorization| (self.url, authorization)),
        );
        command.args(args).current_dir(&self.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let stdout = child.stdout.take().map(|pipe| thread::spawn(|| Output::read(pipe)));
        let stderr = child.stderr.take().map(|pipe| thread::spawn(|| Output::read(pipe)));
        // The readers come to an end, too: the supervisor leaves nobody alive who holds the pipes.
        let ending = self.supervisor.watch(child, self.deadline)?;
        let text = |reader: Option<thread::JoinHandle<Output>>| {
            reader.and_then(|reader| reader.join().ok()).map_or(String::new(), |output| output.text)
        };
        let (stdout, stderr) = (text(stdout), text(stderr));
        match ending {
            Ending::Exited(status) => Ok(Answer { status, stdout, stderr: self.redacted(stderr) }),
            Ending::TimedOut => {
                Err(Failure::checkout("the checkout took longer than the command may take, and was stopped"))
            }
            Ending::Interrupted => {
                Err(Failure::new(RunnerExit::Interrupted, "the checkout was stopped: the build was told to end"))
            }
        }
    }

    fn redacted(&self, text: String) -> String {
        match self.authorization {
            Some(authorization) => authorization.redacted(&text),
            None => text,
        }
    }
}

impl Answer {
    /// The standard output, if git was content.
    ///
    /// # Errors
    /// git was not; `task` says at what.
    pub(crate) fn succeeded(self, task: &str) -> Result<String, Failure> {
        if self.status.success() { Ok(self.stdout) } else { Err(self.failure(task)) }
    }

    /// Shows what git said, and tells a failure of the machine from one of the repository.
    pub(crate) fn failure(&self, task: &str) -> Failure {
        const SHOWN: usize = 30;
        let lines: Vec<_> = self.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| say(&format!("git: {line}")));
        if self.status.signal() == Some(Signal::KILL.as_raw()) {
            return Failure::machine(format!("{task}: git was killed, most likely for want of memory"));
        }
        let says = |text: &str| self.says(text);
        if says("No space left on device") || says("Cannot allocate memory") || says("out of memory") {
            return Failure::machine(format!("{task}: the build machine has no disk or memory left"));
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
        Failure::checkout(format!("{task}: git ended with {code}{hint}"))
    }

    /// Whether git's own words hold `text`. A server can write what it likes, but only behind `remote:`.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.stderr.lines().any(|line| !line.starts_with("remote:") && line.contains(text))
    }
}

fn version(answer: &str) -> Option<(u32, u32)> {
    let mut numbers = answer.trim().strip_prefix("git version ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn not_started(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => Failure::checkout("git is not on PATH: the build image needs it"),
        io::ErrorKind::PermissionDenied => Failure::checkout("git on PATH can't be executed"),
        _ => Failure::machine(format!("git can't be started: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_every_vendor_are_read() {
        let check = |text: &str, expected| assert_eq!(version(text), expected);
        check("git version 2.47.3\n", Some((2, 47)));
        check("git version 2.39.5 (Apple Git-154)", Some((2, 39)));
        check("git version 2.9.0", Some((2, 9)));
        check("hub version 2.0", None);
    }
}
