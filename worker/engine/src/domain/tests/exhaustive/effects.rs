//! What becomes of the acts that a decision asks for: done, done without an answer, done late, or not done.

use std::time::Duration;

use doorbell_messages::Status;

use super::hand::{Claim, Hand, policy_seen};
use super::moves::Moves;
use super::world::{Late, World};
use crate::domain::{Act, PolicySeen, SEND_WITHIN, Search, Seen, SendSeen, TellSeen, Told};

/// A build may be missing from the listing for so long.
const LISTING_LAG: Duration = Duration::from_secs(15 * 60);

/// A start that its sender waits for no more is made within this, or never.
const START_ARRIVES: Duration = Duration::from_secs(30);

/// The same for a flag; a slow forge takes its time.
const FLAG_ARRIVES: Duration = Duration::from_secs(120);

const NO_ANSWER: &str = "no answer";

impl Moves<'_> {
    /// The first act of a claim.
    pub(super) fn act(&mut self, worker: usize, claim: &Claim) {
        let Some(act) = claim.acts.front() else { return };
        match &**act {
            Act::StartBuild { attempt, token, .. } => self.start(worker, claim, *attempt, token),
            Act::Tell { report, claimed, .. } => self.tell(worker, claim, report.status, *claimed),
            Act::SearchBuild(search) => self.search(worker, claim, search),
            Act::Describe(_) => {
                self.look("looks at the build", worker, claim, |world| Seen::Described {
                    build: world.build(),
                    claims_final: false,
                });
                self.look_fails(worker, claim);
            }
            Act::ReadPolicy => {
                self.look("reads the policy", worker, claim, |_| policy_seen());
                self.misstep("the registry is down", worker, |world| {
                    let down = PolicySeen::Unavailable("down".to_owned());
                    claim.clone().saw(Seen::Policy(down), world.now)
                });
            }
            Act::FindHead { .. } | Act::StopBuild(_) | Act::StopSecond { .. } | Act::CancelJob(_) => {
                self.go("an act", |world| world.broken = Some("an act that nothing here asks for"));
            }
        }
    }

    fn start(&mut self, worker: usize, claim: &Claim, attempt: u32, token: &str) {
        let sent = |world: &World, answer| claim.clone().saw(Seen::Sent { attempt, answer }, world.now);
        let unknown = |world: &World| sent(world, SendSeen::Unknown(NO_ANSWER.to_owned()));
        if self.from.now.since(claim.at) > SEND_WITHIN {
            return self.step("leaves a start: too late", worker, |world| sent(world, SendSeen::NotSent));
        }
        self.step("starts the build", worker, |world| {
            world.start(token);
            sent(world, SendSeen::Started(world.build()))
        });
        self.misstep("starts the build and dies", worker, |world| {
            world.start(token);
            Hand::Idle
        });
        self.misstep("starts the build and hears nothing", worker, |world| {
            world.start(token);
            unknown(world)
        });
        self.misstep("a start is lost", worker, |world| unknown(world));
        if self.from.late.is_none() {
            self.misstep("a start is slow on its way", worker, |world| {
                world.late = Some(Late::Start { token: token.to_owned(), until: world.now + START_ARRIVES });
                unknown(world)
            });
        }
        self.misstep("a start is refused at a limit", worker, |world| {
            sent(world, SendSeen::Limited("full".to_owned()))
        });
    }

    fn tell(&mut self, worker: usize, claim: &Claim, status: Status, claimed: Told) {
        let told = |world: &World, outcome| claim.clone().saw(Seen::Told { claimed, outcome }, world.now);
        let unknown = |world: &World| told(world, TellSeen::Unknown(NO_ANSWER.to_owned()));
        let refused =
            |world: &World| told(world, TellSeen::Refused { reason: NO_ANSWER.to_owned(), retry_after: None });
        if self.from.now.since(claim.at) > SEND_WITHIN {
            return self.step("leaves a flag: too late", worker, |world| refused(world));
        }
        self.step("tells the forge", worker, |world| {
            world.tell(status);
            told(world, TellSeen::Delivered)
        });
        self.misstep("tells the forge and dies", worker, |world| {
            world.tell(status);
            Hand::Idle
        });
        self.misstep("tells the forge and hears nothing", worker, |world| {
            world.tell(status);
            unknown(world)
        });
        self.misstep("a flag is lost", worker, |world| unknown(world));
        if self.from.late.is_none() {
            self.misstep("a flag is slow on its way", worker, |world| {
                world.send(status);
                world.late = Some(Late::Flag { status, until: world.now + FLAG_ARRIVES });
                unknown(world)
            });
        }
        self.misstep("a flag is not taken", worker, |world| refused(world));
    }

    fn search(&mut self, worker: usize, claim: &Claim, search: &Search) {
        let found = |builds| Seen::Searched { asked_at: search.asked_at, builds };
        let build = self.from.builds.first();
        if build.is_some() {
            self.look("finds the build", worker, claim, |world| found(vec![world.build()]));
        }
        if build.is_none_or(|build| self.from.now.since(build.at) < LISTING_LAG) {
            self.look("finds no build", worker, claim, |_| found(Vec::new()));
        }
        self.look_fails(worker, claim);
    }

    fn look(&mut self, what: &'static str, worker: usize, claim: &Claim, see: impl FnOnce(&World) -> Seen) {
        self.step(what, worker, |world| claim.clone().saw(see(world), world.now));
    }

    fn look_fails(&mut self, worker: usize, claim: &Claim) {
        self.misstep("a look gets no answer", worker, |world| {
            claim.clone().saw(Seen::LookFailed(NO_ANSWER.to_owned()), world.now)
        });
    }
}
