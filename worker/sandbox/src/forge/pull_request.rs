use anyhow::Context;
use doorbell_messages::CommitId;
use jiff::Timestamp;

use super::flag::generated_uid;
use super::repository::{DEFAULT_BRANCH, GitRepository};
use super::state::PullRequestRecord;

impl GitRepository {
    /// Opens a pull request from a branch into the default branch, with the title of the branch's last commit, and
    /// answers its number. Its head is at `refs/pull/<number>/head`.
    ///
    /// # Errors
    /// There is no such branch.
    pub async fn open_pull_request(&self, branch: &str, initial_comment: &str) -> anyhow::Result<u64> {
        let head = self.tip(branch).await?.with_context(|| format!("{} has no branch {branch}", self.name))?;
        let title = self.log(&["--max-count=1", "--format=%s", head.as_str()]).await?;
        let first = self.log(&["--reverse", "--format=%H", head.as_str(), &format!("^{DEFAULT_BRANCH}")]).await?;
        let commit_start = first.lines().next().unwrap_or(head.as_str()).to_owned();
        let number = self.store.change(|state| {
            let record = state.repositories.get_mut(&self.name)?;
            let number = record.pull_requests.len() + 1;
            let now = Timestamp::now();
            record.pull_requests.push(PullRequestRecord {
                branch_from: branch.to_owned(),
                commit_start,
                commit_stop: head.to_string(),
                title,
                initial_comment: initial_comment.to_owned(),
                // Counted from the far end, where no flag's generated uid comes from.
                uid: generated_uid(usize::MAX - number),
                created: now,
                updated: now,
                comments: Vec::new(),
            });
            u64::try_from(number).ok()
        });
        let number = number.with_context(|| format!("{} is gone", self.name))?;
        self.update_ref(&pull_ref(number), &head).await?;
        Ok(number)
    }

    /// The texts of a pull request's comments, oldest first.
    pub fn comments(&self, pull_request: u64) -> Vec<String> {
        self.store.read(|state| {
            let request = state.pull_request(&self.name, pull_request);
            request
                .map(|request| request.comments.iter().map(|comment| comment.text.clone()).collect())
                .unwrap_or_default()
        })
    }

    /// The branch has moved: its open pull requests have a new head.
    pub(super) async fn update_pull_request_heads(&self, branch: &str, commit: &CommitId) -> anyhow::Result<()> {
        let moved = self.store.change(|state| {
            let requests =
                state.repositories.get_mut(&self.name).map(|record| record.pull_requests.iter_mut().zip(1..));
            let mut moved = Vec::new();
            for (request, number) in requests.into_iter().flatten().filter(|(request, _)| request.branch_from == branch)
            {
                request.commit_stop = commit.to_string();
                request.updated = Timestamp::now();
                moved.push(number);
            }
            moved
        });
        for number in moved {
            self.update_ref(&pull_ref(number), commit).await?;
        }
        Ok(())
    }
}

fn pull_ref(number: u64) -> String {
    format!("refs/pull/{number}/head")
}
