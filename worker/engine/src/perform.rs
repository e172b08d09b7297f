//! Each act, done.

use std::time::Duration;

use doorbell_messages::{BuildId, GitRef, JobKey};
use tokio::time::Instant;
use tracing::{error, warn};

use crate::domain::{
    ForgeSide, HeadSeen, Report, Row, SEND_WITHIN, Search, Seen, SendSeen, StartInput, Target, TellSeen, Wanted,
};
use crate::engine::Engine;
use crate::lines::{Outcome, Permit};
use crate::meter;
use crate::ports::{Answer, Builds, Forge, Insert, Ledger, Update, World};

/// Times that a cancel is tried over another worker's write.
const MOST_CONFLICTS: usize = 8;

impl<W: World> Engine<W> {
    pub(crate) async fn start(
        &self,
        input: &str,
        token: &str,
        permit: Option<Permit>,
        claimed_at: Instant,
    ) -> SendSeen {
        let input: StartInput = match serde_json::from_str(input) {
            Ok(input) => input,
            Err(error) => return SendSeen::Refused(format!("the row's launch can't be read: {error}")),
        };
        if claimed_at.elapsed() > SEND_WITHIN {
            return SendSeen::NotSent;
        }
        meter::start_sent();
        let sent = self.world.builds().start(&input, token).await;
        if let Some(permit) = permit {
            permit.settle(match &sent {
                SendSeen::Started(_) => Outcome::Taken,
                SendSeen::Limited(_) => Outcome::Refused(None),
                SendSeen::Refused(_) | SendSeen::Invalid(_) | SendSeen::Unknown(_) | SendSeen::NotSent => {
                    Outcome::Nothing
                }
            });
        }
        match &sent {
            SendSeen::Refused(reason) => {
                error!("StartBuild is refused; the account's owner has to mend this: {reason}")
            }
            SendSeen::Unknown(reason) => warn!("StartBuild got no clear answer: {reason}"),
            SendSeen::Started(_) | SendSeen::Limited(_) | SendSeen::Invalid(_) | SendSeen::NotSent => {}
        }
        sent
    }

    pub(crate) async fn search(&self, search: &Search) -> Seen {
        match self.world.builds().list(search).await {
            Ok(builds) => Seen::Searched { asked_at: search.asked_at, builds },
            Err(error) => {
                warn!("the builds could not be listed: {error}");
                Seen::LookFailed(error.to_string())
            }
        }
    }

    pub(crate) async fn describe_one(&self, id: &BuildId) -> Seen {
        match self.world.builds().describe(std::slice::from_ref(id)).await {
            Ok(builds) => match builds.into_iter().find(|build| build.id == *id) {
                Some(build) => Seen::Described { build, claims_final: false },
                None => Seen::NotKnown(id.clone()),
            },
            Err(error) => {
                warn!("the build could not be looked at: {error}");
                Seen::LookFailed(error.to_string())
            }
        }
    }

    pub(crate) async fn stop(&self, id: &BuildId) -> Option<Seen> {
        if let Err(error) = self.world.builds().stop(id).await {
            warn!("the build could not be stopped; it is tried again: {error}");
        }
        None
    }

    pub(crate) async fn stop_second(&self, id: &BuildId, running: bool) -> Option<Seen> {
        meter::second_build();
        error!(second.build.id = %id, "this job has a second build");
        if running { self.stop(id).await } else { None }
    }

    /// Public repositories answer without a token; a token that may only flag must not be what breaks the look.
    pub(crate) async fn find_head(&self, side: &ForgeSide, git_ref: &GitRef) -> HeadSeen {
        match self.world.forge().head(side, git_ref, None).await {
            Answer::Seen(seen @ (HeadSeen::Commit(_) | HeadSeen::Unavailable(_))) => return seen,
            Answer::Seen(HeadSeen::Missing(_)) | Answer::Unauthorized(_) => {}
        }
        let token = match self.tokens.get(self.world.secrets(), &side.token_secret).await {
            Ok(token) => token,
            Err(error) => return HeadSeen::Unavailable(format!("the forge's token could not be read: {error}")),
        };
        match self.world.forge().head(side, git_ref, Some(&token)).await {
            Answer::Seen(seen) => seen,
            Answer::Unauthorized(reason) => {
                self.tokens.forget(&side.token_secret);
                HeadSeen::Unavailable(format!("the forge does not take the token: {reason}"))
            }
        }
    }

    pub(crate) async fn tell(
        &self,
        target: &Target,
        report: &Report,
        permit: Option<Permit>,
        claimed_at: Instant,
    ) -> TellSeen {
        let (outcome, shows) = self.tell_with_a_fresh_token(target, report, claimed_at).await;
        if let Some(permit) = permit {
            permit.settle(shows);
        }
        match &outcome {
            TellSeen::Delivered => {}
            TellSeen::Refused { reason, .. } | TellSeen::Contended(reason) | TellSeen::Unknown(reason) => {
                meter::telling_failed();
                warn!(status = %report.status, forge = %target.forge.url, "the forge was not told: {reason}");
            }
            TellSeen::Undeliverable(reason) => {
                meter::telling_failed();
                error!(status = %report.status, forge = %target.forge.url, "the forge can't be told: {reason}");
            }
        }
        outcome
    }

    /// A token that was rotated is read afresh once; then the retries of the row take over. Also what it shows of the
    /// forge as a whole: a token that is not taken is one project's trouble, no answer is everybody's.
    async fn tell_with_a_fresh_token(
        &self,
        target: &Target,
        report: &Report,
        claimed_at: Instant,
    ) -> (TellSeen, Outcome) {
        let mut refused = String::new();
        for _ in 0..2 {
            let token = match self.tokens.get(self.world.secrets(), &target.forge.token_secret).await {
                Ok(token) => token,
                Err(error) => {
                    let reason = format!("the forge's token could not be read: {error}");
                    return (TellSeen::Refused { reason, retry_after: None }, Outcome::Nothing);
                }
            };
            // Asked here and not before: reading a token can take long, and a status that is told after its claim has
            // run out could arrive over the final one.
            if claimed_at.elapsed() > SEND_WITHIN {
                let reason = "the claim had run out".to_owned();
                return (TellSeen::Refused { reason, retry_after: None }, Outcome::Nothing);
            }
            match self.world.forge().tell(target, report, &token).await {
                Answer::Seen(seen) => {
                    let shows = match &seen {
                        TellSeen::Delivered | TellSeen::Contended(_) | TellSeen::Undeliverable(_) => Outcome::Taken,
                        TellSeen::Unknown(_) => Outcome::Refused(None),
                        TellSeen::Refused { retry_after, .. } => {
                            Outcome::Refused(retry_after.map(|seconds| Duration::from_secs(seconds.into())))
                        }
                    };
                    return (seen, shows);
                }
                Answer::Unauthorized(reason) => {
                    self.tokens.forget(&target.forge.token_secret);
                    refused = reason;
                }
            }
        }
        let reason = format!("the forge does not take the token: {refused}");
        (TellSeen::Refused { reason, retry_after: None }, Outcome::Taken)
    }

    /// Marks the job that a cancel request means. If its start has not arrived yet (queues reorder), a row that is to
    /// be canceled waits for it.
    pub(crate) async fn cancel(&self, request_row: &Row, key: &JobKey) -> Seen {
        let no_answer = || Seen::LookFailed("the ledger did not answer".to_owned());
        for _ in 0..MOST_CONFLICTS {
            let Some(now) = crate::ports::Clock::now(self.world.clock()) else { return no_answer() };
            let there = match self.world.ledger().load(std::slice::from_ref(key)).await.pop() {
                Some(Ok(there)) => there,
                Some(Err(error)) => return Seen::LookFailed(error.to_string()),
                None => return no_answer(),
            };
            let Some(there) = there else {
                let mut request = request_row.request.clone();
                request.action = doorbell_messages::RequestAction::Start;
                let mut row = Row::new(key.clone(), request, request_row.message.clone(), now);
                row.wanted = Wanted::Cancel;
                row.writer = self.signature();
                match self.insert(std::slice::from_ref(&row)).await.pop() {
                    Some(Ok(Insert::New)) => {
                        Box::pin(self.drive(row, Seen::Woken)).await;
                        return Seen::CancelMarked;
                    }
                    Some(Ok(Insert::Exists)) => continue,
                    Some(Err(_)) | None => return no_answer(),
                }
            };
            let Some(row) = there.canceled(now, "a request asks to cancel the job", self.signature()) else {
                return Seen::CancelMarked;
            };
            match self.world.ledger().update(std::slice::from_ref(&row)).await.pop() {
                Some(Ok(Update::Written)) => {
                    Box::pin(self.drive(row, Seen::Woken)).await;
                    return Seen::CancelMarked;
                }
                Some(Ok(Update::Conflict)) => {}
                Some(Err(_)) | None => return no_answer(),
            }
        }
        no_answer()
    }
}
