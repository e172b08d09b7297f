use std::io::ErrorKind;
use std::process::{Command, Output, Stdio};

use doorbell_messages::text::printable_line;

/// What the checkout in the current directory knows. Each answer's error says why there is none, in words that can
/// follow "as".
pub trait GitCheckout {
    /// The branch that is checked out.
    ///
    /// # Errors
    /// The checkout is detached, or there is none, or no git.
    fn branch(&self) -> Result<String, String>;
    /// The commit that is checked out.
    ///
    /// # Errors
    /// There is none.
    fn head(&self) -> Result<String, String>;
    /// The commit that is checked out, if the branch it is on was seen with it elsewhere. A build could not find one
    /// that nobody else has.
    ///
    /// # Errors
    /// There is none, or it was not pushed, as far as is known here.
    fn pushed_head(&self) -> Result<String, String>;
    /// Whether a commit has more than one parent.
    ///
    /// # Errors
    /// It is not known here.
    fn is_merge(&self, commit: &str) -> Result<bool, String>;
    /// The URL of the remote `remote_url`, which may hold a password.
    ///
    /// # Errors
    /// There is none.
    fn remote_url(&self) -> Result<String, String>;
}

/// The git CLI's answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GitCli;

impl GitCheckout for GitCli {
    fn branch(&self) -> Result<String, String> {
        // --quiet: a detached HEAD is exit code 1, every other trouble 128. Not `rev-parse --abbrev-ref`, which calls a
        // detached HEAD the branch "HEAD", nor --short, which writes heads/x when there is a tag x.
        let output = run(&["symbolic-ref", "--quiet", "HEAD"])?;
        match output.status.code() {
            Some(1) => Err("the git checkout here is detached: it is at a commit, not on a branch".to_owned()),
            _ => branch_name(&stdout_text(&output)?),
        }
    }

    fn head(&self) -> Result<String, String> {
        stdout_text(&run(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?)
            .map_err(|_| "there is no git checkout with a commit here".to_owned())
    }

    fn pushed_head(&self) -> Result<String, String> {
        let head = self.head()?;
        // Also false where the branch follows none: it may be anywhere, or nowhere.
        match run(&["merge-base", "--is-ancestor", "HEAD", "@{upstream}"])?.status.success() {
            true => Ok(head),
            false => {
                Err("the commit checked out here is not on the branch's remote, as far as this checkout knows"
                    .to_owned())
            }
        }
    }

    fn is_merge(&self, commit: &str) -> Result<bool, String> {
        // A commit's own id never begins with "-"; it was checked to be one.
        let line = stdout_text(&run(&["rev-list", "--no-walk", "--parents", commit])?)?;
        Ok(line.split_whitespace().count() > 2)
    }

    fn remote_url(&self) -> Result<String, String> {
        stdout_text(&run(&["config", "--get", "remote.origin.url"])?)
            .map_err(|_| "no git checkout here has a remote \"origin\"".to_owned())
    }
}

fn run(arguments: &[&str]) -> Result<Output, String> {
    Command::new("git").args(arguments).stdin(Stdio::null()).output().map_err(|error| spawn_error(&error))
}

fn stdout_text(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("git says \"{}\"", printable_line(&text(&output.stderr)))),
    }
}

fn branch_name(full_ref: &str) -> Result<String, String> {
    match full_ref.strip_prefix("refs/heads/") {
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("the git checkout here is on {}, which is no branch", printable_line(full_ref))),
    }
}

fn spawn_error(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "the program git, which could name one, is not installed".to_owned(),
        _ => format!("git can't be run: {error}"),
    }
}
