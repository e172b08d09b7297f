use std::env;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use doorbell_messages::{BuildEnvironment, COMMIT, RunnerExit};

use crate::checkout;
use crate::credential::SECRET_VARIABLES;
use crate::diagnosis;
use crate::failure::Failure;
use crate::log::{say, seconds};
use crate::settings::Settings;
use crate::supervisor::{Ending, Supervisor};

/// Runs the project's command in the checkout, and gives the code to exit with.
///
/// # Errors
/// The command could not run, or not to its own end.
pub(crate) fn run(build: &BuildEnvironment, settings: &Settings, supervisor: &Supervisor) -> Result<u8, Failure> {
    let folder = directory(build)?;
    // The runner goes there itself, since a relative program is looked up from where the runner is.
    env::set_current_dir(&folder)
        .map_err(|error| not_found(format!("the folder {:?}: {error}", build.directory.as_str())))?;
    let (program, arguments) = build.argv.split_first().ok_or_else(|| Failure::environment("the command is empty"))?;
    diagnosis::check_script(program)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    set_environment(&mut command, build, &folder);
    say(&format!("running {:?} in {:?}, at most {} s", build.argv, build.directory.as_str(), build.timeout_seconds));
    let start = Instant::now();
    let child = command.spawn().map_err(|error| diagnosis::not_started(program, &error))?;
    let ending = supervisor.watch(child, start + Duration::from_secs(build.timeout_seconds.into()))?;
    let took = seconds(start.elapsed());
    match ending {
        Ending::Exited(status) => Ok(code(status, &took)),
        Ending::TimedOut => Err(Failure::new(
            RunnerExit::TimedOut,
            format!("the command was stopped after {took}: it may take {} s", build.timeout_seconds),
        )),
        Ending::Interrupted => Err(Failure::new(
            RunnerExit::Interrupted,
            format!("the command was stopped after {took}: the build was told to end"),
        )),
    }
    .inspect_err(|_| {
        say(&format!("stopped with TERM, and with KILL what was left after {} s", settings.kill_grace.as_secs()))
    })
}

/// The folder that the command runs in. A repository's symbolic link must not lead out of the checkout.
fn directory(build: &BuildEnvironment) -> Result<PathBuf, Failure> {
    let checkout = checkout::folder()?;
    let wanted = build.directory.as_str();
    let folder = fs::canonicalize(checkout.join(wanted))
        .map_err(|error| not_found(format!("the folder {wanted:?} is not in this commit: {error}")))?;
    if !folder.starts_with(&checkout) {
        return Err(not_found(format!("the folder {wanted:?} leads out of the checkout by a symbolic link")));
    }
    if !folder.is_dir() {
        return Err(not_found(format!("{wanted:?} is not a folder")));
    }
    Ok(folder)
}

fn set_environment(command: &mut Command, build: &BuildEnvironment, folder: &Path) {
    // The secrets left this process before it began (see `run.rs`); whoever starts it otherwise gets the same.
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
    command.env("PWD", folder);
}

/// A code of the runner's own range would be taken for the runner's word.
fn code(status: ExitStatus, took: &str) -> u8 {
    let (code, how) = match (status.code(), status.signal()) {
        (Some(code), _) => (code, format!("exited with {code}")),
        (None, Some(signal)) => (128 + signal, format!("was killed by signal {signal}")),
        (None, None) => (1, "ended in an unknown way".to_owned()),
    };
    match u8::try_from(code).ok().filter(|code| !RunnerExit::RESERVED.contains(code)) {
        Some(code) => {
            say(&format!("the command {how} after {took}"));
            code
        }
        None => {
            let (first, last) = RunnerExit::RESERVED.into_inner();
            say(&format!(
                "the command {how} after {took}; reported as 1, since {first} to {last} are the runner's own codes"
            ));
            1
        }
    }
}

fn not_found(reason: String) -> Failure {
    Failure::new(RunnerExit::CommandNotFound, reason)
}
