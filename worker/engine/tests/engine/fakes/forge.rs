use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use doorbell_engine::domain::{ForgeSide, HeadSeen, Report, Target, TellSeen, Timestamp};
use doorbell_engine::ports::{Answer, Forge};
use doorbell_messages::{CommitId, GitRef, Status};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::{Call, Dice, Worker, locked};

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
    /// It fails in all its ways, by chance.
    pub loose: Option<Dice>,
    /// How a host is, by its address; one that is not named is well.
    pub moods: BTreeMap<String, Mood>,
    /// Requests that a host got, or would have got if it were up.
    pub requests: BTreeMap<String, u32>,
}

/// How a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Nobody listens.
    Down,
    /// It takes the connection and says nothing.
    Hanging,
    /// It has too much to do.
    Overloaded {
        /// When to come back, in seconds.
        retry_after: u32,
    },
}

/// The client's patience with one request.
const PATIENCE: Duration = Duration::from_secs(10);

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
            loose: None,
            moods: BTreeMap::new(),
            requests: BTreeMap::new(),
        }
    }
}

impl Pagure {
    fn mishap(&mut self) -> Option<TellSeen> {
        let dice = self.loose.as_mut()?;
        Some(match dice.below(24) {
            0 => TellSeen::Refused { reason: "it answers 503".to_owned(), retry_after: None },
            1 => TellSeen::Refused { reason: "it answers 429".to_owned(), retry_after: Some(dice.below(120) as u32) },
            2 => TellSeen::Contended("it answers 400: EDBERROR".to_owned()),
            3 => TellSeen::Unknown("it did not answer in time".to_owned()),
            _ => return None,
        })
    }
}

impl Forge for Worker {
    async fn tell(&self, target: &Target, report: &Report, token: &SecretString) -> Answer<TellSeen> {
        let began = Instant::now();
        if let Err(error) = self.process.before(Call::Tell).await {
            return Answer::Seen(TellSeen::Refused { reason: error.to_string(), retry_after: None });
        }
        let host = target.forge.url.to_string();
        let mood = {
            let mut pagure = locked(&self.shared.pagure);
            *pagure.requests.entry(host.clone()).or_default() += 1;
            pagure.moods.get(&host).copied()
        };
        let refused =
            |reason: &str, retry_after| Answer::Seen(TellSeen::Refused { reason: reason.to_owned(), retry_after });
        match mood {
            None => {}
            Some(Mood::Down) => return refused("connection refused", None),
            Some(Mood::Hanging) => {
                tokio::time::sleep(PATIENCE).await;
                return Answer::Seen(TellSeen::Unknown("it did not answer in time".to_owned()));
            }
            Some(Mood::Overloaded { retry_after }) => return refused("it answers 429", Some(retry_after)),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.process.lives().await;
        if began.elapsed() > PATIENCE {
            // Paused on its way: the client looks at its deadline before it goes on.
            return Answer::Seen(TellSeen::Unknown("it did not answer in time".to_owned()));
        }
        let mishap = locked(&self.shared.pagure).mishap();
        match mishap {
            None => {}
            Some(TellSeen::Unknown(_)) => {
                locked(&self.shared.pagure).next_is_late = Some(Duration::from_secs(90));
            }
            Some(mishap) => return Answer::Seen(mishap),
        }
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
            let is_backwards = !flag.status.is_final()
                && pagure.history.iter().any(|before| before.uid == flag.uid && before.status.is_final());
            if is_backwards {
                self.shared.violation(format!("{} is told after a final status: {}", flag.status, flag.uid));
            }
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
