use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorbell_engine::domain::{ForgeSide, HeadSeen, Report, Target, TellSeen, Timestamp};
use doorbell_engine::ports::{Answer, Forge};
use doorbell_messages::{CommitId, GitRef, Status};
use secrecy::{ExposeSecret, SecretString};

use super::{Call, Worker, locked};

/// A forge that keeps every write in the order in which it committed them: the last one of a uid is what people see.
#[derive(Debug)]
pub struct Pagure {
    pub history: Vec<Flag>,
    /// Tokens that it takes.
    pub tokens: BTreeSet<String>,
    pub head: CommitId,
    /// It takes the next telling, says nothing, and commits it so much later.
    pub next_is_late: Option<Duration>,
    pub unauthorized: u32,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub uid: String,
    pub commit: CommitId,
    pub status: Status,
    pub comment: String,
    pub at: Timestamp,
}

impl Default for Pagure {
    fn default() -> Self {
        Self {
            history: Vec::new(),
            tokens: ["token-1".to_owned()].into(),
            head: "fedcba9876543210fedcba9876543210fedcba98".parse().expect("a commit"),
            next_is_late: None,
            unauthorized: 0,
        }
    }
}

impl Forge for Worker {
    async fn tell(&self, target: &Target, report: &Report, token: &SecretString) -> Answer<TellSeen> {
        if let Err(error) = self.process.before(Call::Tell).await {
            return Answer::Seen(TellSeen::Refused { reason: error.to_string(), retry_after: None });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.process.lives().await;
        let flag = Flag {
            uid: target.uid.clone(),
            commit: target.commit.clone(),
            status: report.status,
            comment: report.comment.clone(),
            at: self.shared.now(),
        };
        let late = {
            let mut pagure = locked(&self.shared.pagure);
            if !pagure.tokens.contains(token.expose_secret()) {
                pagure.unauthorized += 1;
                return Answer::Unauthorized("it answers 401: EINVALIDTOK".to_owned());
            }
            let late = pagure.next_is_late.take();
            if late.is_none() {
                pagure.history.push(flag.clone());
            }
            late
        };
        if let Some(late) = late {
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                let at = shared.now();
                locked(&shared.pagure).history.push(Flag { at, ..flag });
            });
            return Answer::Seen(TellSeen::Unknown("it did not answer in time".to_owned()));
        }
        match self.process.after(Call::Tell).await {
            Ok(()) => Answer::Seen(TellSeen::Delivered),
            Err(error) => Answer::Seen(TellSeen::Unknown(error.to_string())),
        }
    }

    async fn head(&self, _: &ForgeSide, _: &GitRef, _: Option<&SecretString>) -> Answer<HeadSeen> {
        if let Err(error) = self.process.before(Call::Head).await {
            return Answer::Seen(HeadSeen::Unavailable(error.to_string()));
        }
        let head = locked(&self.shared.pagure).head.clone();
        match self.process.after(Call::Head).await {
            Ok(()) => Answer::Seen(HeadSeen::Commit(head)),
            Err(error) => Answer::Seen(HeadSeen::Unavailable(error.to_string())),
        }
    }
}
