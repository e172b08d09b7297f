use std::env;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use doorbell_messages::{BuildEnvironment, COMMIT, RunnerExit};

use crate::checkout;
use crate::credential::SECRET_VARIABLES;
use crate::error::RunnerError;
use crate::log::{end_open_line, format_seconds, log_line};
use crate::request_variables::RequestVariables;
use crate::settings::RunnerSettings;
use crate::spawn_error;
use crate::supervisor::{ProcessOutcome, Supervisor};

/// A file of certificate authorities, as git reads it.
const GIT_CERTIFICATES: &str = "GIT_SSL_CAINFO";

/// Runs the project's command in the checkout, and gives the code to exit with.
///
/// # Errors
/// The command could not run, or not to its own end.
pub(crate) fn run(
    build: &BuildEnvironment,
    settings: &RunnerSettings,
    variables: &RequestVariables,
    supervisor: &Supervisor,
) -> Result<u8, RunnerError> {
    let working_directory = working_directory(build)?;
    // The runner goes there itself, since a relative program is looked up from where the runner is.
    env::set_current_dir(&working_directory)
        .map_err(|error| not_found(format!("the folder {:?}: {error}", build.directory.as_str())))?;
    let (program, arguments) =
        build.argv.split_first().ok_or_else(|| RunnerError::environment("the command is empty"))?;
    spawn_error::check_script(program)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    variables.set_for(&mut command);
    set_environment(&mut command, build, settings, &working_directory);
    log_line(&format!(
        "running {:?} in {:?}, at most {} s",
        build.argv,
        build.directory.as_str(),
        build.timeout_seconds
    ));
    let start = Instant::now();
    let child = command.spawn().map_err(|error| spawn_error::explain(program, &error))?;
    let outcome = supervisor.watch(child, start + Duration::from_secs(build.timeout_seconds.into()));
    end_open_line();
    let outcome = outcome?;
    let elapsed = format_seconds(start.elapsed());
    match outcome {
        ProcessOutcome::Exited(status) => Ok(exit_code(status, &elapsed)),
        ProcessOutcome::TimedOut => Err(RunnerError::new(
            RunnerExit::TimedOut,
            format!("the command was stopped after {elapsed}: it may take {} s", build.timeout_seconds),
        )),
        ProcessOutcome::Interrupted => Err(RunnerError::new(
            RunnerExit::Interrupted,
            format!("the command was stopped after {elapsed}: the build received a stop signal"),
        )),
    }
    .inspect_err(|_| {
        log_line(&format!("stopped with TERM, and with KILL what was left after {} s", settings.kill_grace.as_secs()))
    })
}

/// The folder that the command runs in. A repository's symbolic link must not lead out of the checkout.
fn working_directory(build: &BuildEnvironment) -> Result<PathBuf, RunnerError> {
    let checkout = checkout::directory()?;
    let requested = build.directory.as_str();
    let directory = fs::canonicalize(checkout.join(requested))
        .map_err(|error| not_found(format!("the folder {requested:?} is not in this commit: {error}")))?;
    if !directory.starts_with(&checkout) {
        return Err(not_found(format!("the folder {requested:?} leads out of the checkout by a symbolic link")));
    }
    if !directory.is_dir() {
        return Err(not_found(format!("{requested:?} is not a folder")));
    }
    Ok(directory)
}

fn set_environment(command: &mut Command, build: &BuildEnvironment, settings: &RunnerSettings, directory: &Path) {
    // The secrets left this process before it began (see `run.rs`). They are removed again for a caller that kept them.
    for name in SECRET_VARIABLES {
        command.env_remove(name);
    }
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DOORBELL_GIT_")) {
        command.env_remove(name);
    }
    let short = build.git_ref.short();
    // Both spellings, as iwomp-in-aws's builds had them.
    command.envs([("PROJECT_NAME", build.project.as_str()), ("PROJECTNAME", build.project.as_str())]);
    command.envs([("GIT_BRANCH", &short), ("GITBRANCH", &short)]);
    command.envs(build.commit.iter().map(|commit| (COMMIT, commit.as_str())));
    command.env("PWD", directory);
    // The command's git may fetch what the checkout lacks, from the host that the runner's git trusted.
    if let Some(file) = &settings.certificates
        && env::var_os(GIT_CERTIFICATES).is_none()
    {
        command.env(GIT_CERTIFICATES, file);
    }
}

/// A code of the runner's own range would be taken for the runner's word.
fn exit_code(status: ExitStatus, elapsed: &str) -> u8 {
    let (code, how) = match (status.code(), status.signal()) {
        (Some(code), _) => (code, format!("exited with {code}")),
        (None, Some(signal)) => (128 + signal, format!("was killed by signal {signal}")),
        (None, None) => (1, "ended in an unknown way".to_owned()),
    };
    match u8::try_from(code).ok().filter(|code| !RunnerExit::RESERVED.contains(code)) {
        Some(code) => {
            log_line(&format!("the command {how} after {elapsed}"));
            code
        }
        None => {
            let (first, last) = RunnerExit::RESERVED.into_inner();
            log_line(&format!(
                "the command {how} after {elapsed}; reported as 1, since {first} to {last} are the runner's own codes"
            ));
            1
        }
    }
}

fn not_found(reason: String) -> RunnerError {
    RunnerError::new(RunnerExit::CommandNotFound, reason)
}
