use anyhow::bail;
use doorbell_messages::CommitId;

use super::git;
use super::repository::CommitFile;

/// A commit to create.
pub(super) struct NewCommit<'a> {
    pub(super) branch: &'a str,
    pub(super) parent: Option<&'a CommitId>,
    pub(super) files: &'a [CommitFile<'a>],
    pub(super) message: &'a str,
    /// The commit's date, since 1970.
    pub(super) seconds: i64,
}

/// The input of `git fast-import` for these commits: one process, no work tree. It prints the new ids, one a line.
pub(super) fn commit_stream(commits: &[NewCommit<'_>]) -> anyhow::Result<Vec<u8>> {
    let mut stream = String::new();
    for (mark, commit) in commits.iter().enumerate() {
        stream += &commit_block(commit, mark + 1)?;
    }
    for mark in 1..=commits.len() {
        stream += &format!("get-mark :{mark}\n");
    }
    stream += "done\n";
    Ok(stream.into_bytes())
}

fn commit_block(commit: &NewCommit<'_>, mark: usize) -> anyhow::Result<String> {
    let NewCommit { branch, parent, files, message, seconds } = commit;
    let (name, email) = (git::COMMITTER_NAME, git::COMMITTER_EMAIL);
    let data = |text: &str| format!("data {}\n{text}\n", text.len());
    let mut stream = format!("commit refs/heads/{branch}\nmark :{mark}\ncommitter {name} <{email}> {seconds} +0000\n");
    stream += &data(message);
    if let Some(parent) = parent {
        stream += &format!("from {parent}\n");
    }
    for (path, mode, content) in *files {
        if path.contains(['\n', '"']) {
            bail!("invalid path, with a line break or a quote: {path:?}");
        }
        stream += &format!("M {mode} inline {path}\n{}", data(content));
    }
    stream.push('\n');
    Ok(stream)
}
