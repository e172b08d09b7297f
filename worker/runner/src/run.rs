use std::convert::Infallible;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use doorbell_messages::{BuildEnvironment, COMMIT, CommitId, EnvironmentError, PinnedEnvironment};

use crate::checkout;
use crate::command;
use crate::credential::{self, SECRET_VARIABLES};
use crate::error::RunnerError;
use crate::log::log_line;
use crate::request_variables::RequestVariables;
use crate::settings::RunnerSettings;
use crate::supervisor::Supervisor;

/// Starts the runner's second life.
const COMMAND_STAGE_FLAG: &str = "--after-checkout";

/// Does what the environment asks for, and gives the code to exit with.
///
/// The runner lives twice in one process. A process can't wipe the environment it was started with: the kernel shows
/// it to every process of the same user, in `/proc/<pid>/environ`, and the project's command is one. So the first life,
/// which knows the credential, checks out and then executes itself anew; the second one, which runs the command, never
/// had the credential, neither in its environment nor anywhere else in its memory.
pub fn run(arguments: impl Iterator<Item = OsString>) -> u8 {
    let arguments: Vec<_> = arguments.collect();
    let result = match arguments.as_slice() {
        [] => checkout_stage().map(|never| match never {}),
        [only] if only == COMMAND_STAGE_FLAG => command_stage(),
        _ => Err(RunnerError::environment("this program takes no arguments: the build of a Doorbell worker starts it")),
    };
    result.unwrap_or_else(|failure| {
        log_line(&failure.to_string());
        log_line(&format!("exit code {}: {}", failure.exit.code(), failure.exit.meaning()));
        failure.exit.code()
    })
}

fn checkout_stage() -> Result<Infallible, RunnerError> {
    let (build, settings, _) = read_environment()?;
    let authorization = credential::find_credential(secret)?;
    log_line(&format!("project {}, job {}", build.project, build.job_id));
    let supervisor = Supervisor::new(settings.kill_grace)?;
    let commit = checkout::check_out(&build, authorization.as_ref(), &settings, &supervisor)?;
    // No child is left, so that a signal may simply end the process until the second life watches again.
    supervisor.restore_default_signals()?;
    Err(reexec_without_secrets(&commit))
}

fn command_stage() -> Result<u8, RunnerError> {
    if let Some(name) = SECRET_VARIABLES.iter().find(|name| env::var_os(name).is_some()) {
        return Err(RunnerError::environment(format!(
            "environment variable {name}: it must not be set after the checkout"
        )));
    }
    let (build, settings, variables) = read_environment()?;
    let supervisor = Supervisor::new(settings.kill_grace)?;
    command::run(&build, &settings, &variables, &supervisor)
}

/// Returns only if it fails.
fn reexec_without_secrets(commit: &CommitId) -> RunnerError {
    let program = match current_program() {
        Ok(program) => program,
        Err(error) => return RunnerError::infrastructure(format!("the runner does not find its own program: {error}")),
    };
    let mut command = Command::new(program);
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
    command.arg0(env!("CARGO_PKG_NAME")).arg(COMMAND_STAGE_FLAG).env(COMMIT, OsStr::new(commit.as_str()));
    let error = command.exec();
    RunnerError::infrastructure(format!("the runner can't execute itself anew: {error}"))
}

/// The file that this process was started from, even if another one lies at its path by now. Where there is no
/// `/proc`, the path will do.
fn current_program() -> io::Result<PathBuf> {
    let executable = PathBuf::from("/proc/self/exe");
    if executable.exists() { Ok(executable) } else { env::current_exe() }
}

/// Reads the owner's settings before anything that a worker or a request sets.
fn read_environment() -> Result<(BuildEnvironment, RunnerSettings, RequestVariables), RunnerError> {
    let settings = RunnerSettings::read(|name| env::var_os(name))?;
    let lookup = |name: &str| env::var(name).ok();
    let pinned = PinnedEnvironment::read(lookup).map_err(bad_environment)?;
    let build = match &pinned {
        Some(pinned) => pinned.read_build(lookup),
        None => BuildEnvironment::from_variables(lookup),
    };
    let build = build.map_err(bad_environment)?;
    Ok((build, settings, RequestVariables::read(env::vars_os(), pinned.as_ref())?))
}

fn bad_environment(error: EnvironmentError) -> RunnerError {
    RunnerError::environment(error.to_string())
}

/// A secret that is not text must not pass for one that is not there.
fn secret(name: &str) -> Result<Option<String>, RunnerError> {
    let utf8 = |value: OsString| {
        value
            .into_string()
            .map_err(|_| RunnerError::environment(format!("environment variable {name}: it is not UTF-8")))
    };
    env::var_os(name).map(utf8).transpose()
}
