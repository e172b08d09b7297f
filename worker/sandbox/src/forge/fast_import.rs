use anyhow::bail;
use doorbell_messages::CommitId;

use super::git;

/// git-fast-import's language: one process for a commit, and no work tree. It prints the new id.
pub(super) fn commit_stream(
    branch: &str,
    parent: Option<&CommitId>,
    files: &[(&str, &str, &str)],
    message: &str,
    seconds: i64,
) -> anyhow::Result<Vec<u8>> {
    let (name, email) = (git::NAME, git::EMAIL);
    let data = |text: &str| format!("data {}\n{text}\n", text.len());
    let mut stream = format!("commit refs/heads/{branch}\nmark :1\ncommitter {name} <{email}> {seconds} +0000\n");
    stream += &data(message);
    if let Some(parent) = parent {
        stream += &format!("from {parent}\n");
    }
    for (path, mode, content) in files {
        if path.contains(['\n', '"']) {
            bail!("a path with a line break or a quote: {path:?}");
        }
        stream += &format!("M {mode} inline {path}\n{}", data(content));
    }
    stream += "\nget-mark :1\ndone\n";
    Ok(stream.into_bytes())
}
