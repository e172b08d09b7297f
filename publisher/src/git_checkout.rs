use std::io::ErrorKind;
use std::process::{Command, Stdio};

use crate::failure::one_line;

/// The branch that is checked out in the current directory, by the git CLI.
///
/// # Errors
/// Why there is none, in words that can follow "there is no branch: ".
pub(crate) fn branch() -> Result<String, String> {
    // --quiet: a detached HEAD is exit code 1, every other trouble 128. Not `rev-parse --abbrev-ref`, which calls a
    // detached HEAD the branch "HEAD", nor --short, which writes heads/x when there is a tag x.
    let output = Command::new("git")
        .args(["symbolic-ref", "--quiet", "HEAD"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_run(&error))?;
    match output.status.code() {
        Some(0) => branch_of(String::from_utf8_lossy(&output.stdout).trim_end()),
        Some(1) => Err("the git checkout here is detached: it is at a commit, not on a branch".to_owned()),
        _ => Err(format!("git says \"{}\"", one_line(&String::from_utf8_lossy(&output.stderr)))),
    }
}

fn branch_of(full: &str) -> Result<String, String> {
    match full.strip_prefix("refs/heads/") {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("the git checkout here is on {}, which is no branch", one_line(full))),
    }
}

fn not_run(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "the program git, which could name one, is not installed".to_owned(),
        _ => format!("git can't be run: {error}"),
    }
}
