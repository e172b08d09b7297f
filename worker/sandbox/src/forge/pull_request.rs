use std::sync::Weak;

use anyhow::Context;
use doorbell_messages::CommitId;
use jiff::Timestamp;

use super::flag::generated_uid;
use super::state::{ForgeStore, PullRequestRecord};
use crate::git_host::{DEFAULT_BRANCH, GitRepository, PostReceive};

/// Opens a pull request from a branch into the default branch; see [`super::ForgeServer::open_pull_request`].
pub(super) async fn open(
    store: &ForgeStore,
    repository: &GitRepository,
    branch: &str,
    initial_comment: &str,
) -> anyhow::Result<u64> {
    let name = repository.name();
    let head = repository.tip(branch).await?.with_context(|| format!("{name} has no branch {branch}"))?;
    let title = repository.log(&["--max-count=1", "--format=%s", head.as_str()]).await?;
    let first = repository.log(&["--reverse", "--format=%H", head.as_str(), &format!("^{DEFAULT_BRANCH}")]).await?;
    let commit_start = first.lines().next().unwrap_or(head.as_str()).to_owned();
    let number = store.change(|state| {
        let record = state.repositories.get_mut(name)?;
        let number = record.pull_requests.len() + 1;
        let now = Timestamp::now();
        record.pull_requests.push(PullRequestRecord {
            branch_from: branch.to_owned(),
            commit_start,
            commit_stop: head.to_string(),
            title,
            initial_comment: initial_comment.to_owned(),
            // Counted down from the maximum: the generated uids of flags count up from 0.
            uid: generated_uid(usize::MAX - number),
            created: now,
            updated: now,
            comments: Vec::new(),
        });
        u64::try_from(number).ok()
    });
    let number = number.with_context(|| format!("this forge has no repository {name}"))?;
    repository.update_ref(&head_ref(number), &head).await?;
    Ok(number)
}

/// Gives the open pull requests from a branch their new head.
impl PostReceive for Weak<ForgeStore> {
    fn branch_moved(&self, repository: &str, branch: &str, commit: &CommitId) -> Vec<String> {
        let Some(store) = self.upgrade() else { return Vec::new() };
        store.change(|state| {
            let Some(record) = state.repositories.get_mut(repository) else { return Vec::new() };
            let requests = record.pull_requests.iter_mut().zip(1..);
            let update = |(request, number): (&mut PullRequestRecord, u64)| {
                request.commit_stop = commit.to_string();
                request.updated = Timestamp::now();
                head_ref(number)
            };
            requests.filter(|(request, _)| request.branch_from == branch).map(update).collect()
        })
    }
}

fn head_ref(number: u64) -> String {
    format!("refs/pull/{number}/head")
}
