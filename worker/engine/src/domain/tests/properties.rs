//! Whatever is seen, in whatever order and at whatever time: what must hold after every step of a job's life.

use std::collections::{HashMap, HashSet};

use doorbell_messages::{BuildId, Status};
use proptest::prelude::*;
use serde_json::json;

use super::{COMMIT, HEAD, Life, START, commit, head, known, policy, secs};
use crate::domain::{
    Act, HeadSeen, Phase, PolicySeen, ProviderBuild, Row, Seen, SendSeen, TellSeen, Timestamp, Told, Wanted,
};

/// What the world does next. Times and ids are made concrete when it happens.
#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Due,
    Pool(bool),
    Cancel,
    Policy(u8),
    Head(u8),
    /// The answer to one of the sends so far, the newest first.
    Sent {
        back: usize,
        answer: u8,
        number: i64,
    },
    Searched {
        builds: Vec<(i64, u8)>,
        asked_ago: u64,
    },
    Described {
        number: i64,
        status: u8,
        claims_final: bool,
        is_foreign: bool,
    },
    NotKnown(i64),
    /// The answer to one of the tellings so far, the newest first.
    Told {
        back: usize,
        outcome: u8,
    },
    CancelMarked,
    LookFailed,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let one = prop_oneof![
        3 => prop_oneof![0u64..20, 50u64..70, 100u64..300, 900u64..1200, 3600u64..90_000].prop_map(Event::Wait),
        8 => Just(Event::Due),
        1 => any::<bool>().prop_map(Event::Pool),
        1 => Just(Event::Cancel),
        3 => (0u8..6).prop_map(Event::Policy),
        1 => (0u8..3).prop_map(Event::Head),
        4 => (0usize..3, 0u8..6, 1i64..4).prop_map(|(back, answer, number)| Event::Sent { back, answer, number }),
        2 => (prop::collection::vec((1i64..4, 0u8..4), 0..3), 0u64..2000)
            .prop_map(|(builds, asked_ago)| Event::Searched { builds, asked_ago }),
        3 => (1i64..4, 0u8..5, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |(number, status, claims_final, is_foreign)| Event::Described { number, status, claims_final, is_foreign }
        ),
        1 => (1i64..4).prop_map(Event::NotKnown),
        5 => (0usize..3, 0u8..5).prop_map(|(back, outcome)| Event::Told { back, outcome }),
        1 => Just(Event::CancelMarked),
        1 => Just(Event::LookFailed),
    ];
    prop::collection::vec(one, 1..80)
}

/// A life, and what the world knows of it.
struct World {
    life: Life,
    has_commit: bool,
    /// Token, attempt and time of every send.
    sends: Vec<(String, u32, Timestamp)>,
    inputs: HashMap<String, String>,
    tellings: Vec<Told>,
    /// Attempts that were definitely refused, or whose absence may be believed.
    over: HashSet<u32>,
}

const STATUSES: [&str; 5] = ["IN_PROGRESS", "SUCCEEDED", "FAILED", "STOPPED", "NEW_WORD"];

impl World {
    fn new(has_commit: bool) -> Self {
        let fields = if has_commit { json!({"commit": COMMIT}) } else { json!({}) };
        let (sends, inputs, tellings, over) = Default::default();
        Self { life: Life::of(fields), has_commit, sends, inputs, tellings, over }
    }

    fn happens(&mut self, event: &Event) {
        let seen = match event {
            Event::Wait(seconds) => {
                self.life.wait(secs(*seconds));
                return;
            }
            Event::Pool(is_open) => {
                self.life.pool_open = *is_open;
                return;
            }
            Event::Cancel => {
                if self.life.row.settled_at.is_none() && !self.life.row.status().is_final() {
                    self.life.row.wanted = Wanted::Cancel;
                    self.life.row.phase_due = Some(self.life.now);
                }
                return;
            }
            Event::Due => {
                self.life.now = self.life.now.max(self.life.row.due_at().unwrap_or(self.life.now));
                Seen::Woken
            }
            Event::Policy(which) => Seen::Policy(match which {
                0 => PolicySeen::Unknown,
                1 => PolicySeen::Wrong("wrong".to_owned()),
                2 => PolicySeen::Unavailable("down".to_owned()),
                3 => return self.step(known(&policy(json!({"onUnknownStart": "stop", "command": "./other"})))),
                4 => return self.step(known(&policy(json!({"refs": ["v1"]})))),
                _ => return self.step(known(&policy(json!({})))),
            }),
            Event::Head(which) => head(
                &policy(json!({})),
                match which {
                    0 => HeadSeen::Commit(commit(HEAD)),
                    1 => HeadSeen::Missing("gone".to_owned()),
                    _ => HeadSeen::Unavailable("down".to_owned()),
                },
            ),
            Event::Sent { back, answer, number } => {
                let Some((_, attempt, _)) = self.sends.iter().rev().nth(*back).cloned() else { return };
                let answer = match answer {
                    0 | 1 => SendSeen::Started(self.life.build(*number, "IN_PROGRESS")),
                    2 => SendSeen::Limited("full".to_owned()),
                    3 => SendSeen::Refused("denied".to_owned()),
                    4 => SendSeen::NotSent,
                    _ => SendSeen::Unknown("no answer".to_owned()),
                };
                let is_refusal = !matches!(answer, SendSeen::Started(_) | SendSeen::Unknown(_));
                if is_refusal && self.sends.iter().filter(|(_, of, _)| *of == attempt).count() == 1 {
                    self.over.insert(attempt);
                }
                Seen::Sent { attempt, answer }
            }
            Event::Searched { builds, asked_ago } => {
                let asked_at = self.life.now - secs(*asked_ago);
                let builds: Vec<ProviderBuild> =
                    builds.iter().map(|(number, status)| self.build(*number, *status, false)).collect();
                if builds.is_empty() {
                    let last = self.sends.last().map_or(START, |(_, _, at)| *at);
                    if asked_at.since(last) >= secs(16 * 60) {
                        self.over.extend(self.sends.last().map(|(_, attempt, _)| *attempt));
                    }
                }
                Seen::Searched { asked_at, builds }
            }
            Event::Described { number, status, claims_final, is_foreign } => {
                Seen::Described { build: self.build(*number, *status, *is_foreign), claims_final: *claims_final }
            }
            Event::NotKnown(number) => Seen::NotKnown(BuildId::new(format!("builds:{number}"))),
            Event::Told { back, outcome } => {
                let Some(claimed) = self.tellings.iter().rev().nth(*back).copied() else { return };
                let outcome = match outcome {
                    0 | 1 => TellSeen::Delivered,
                    2 => TellSeen::Unknown("no answer".to_owned()),
                    3 => TellSeen::Refused { reason: "503".to_owned(), retry_after: Some(u32::MAX) },
                    _ => TellSeen::Contended("EDBERROR".to_owned()),
                };
                Seen::Told { claimed, outcome }
            }
            Event::CancelMarked => Seen::CancelMarked,
            Event::LookFailed => Seen::LookFailed("down".to_owned()),
        };
        // Only cancel requests see these two before a launch; this is none.
        if matches!(seen, Seen::CancelMarked) && matches!(self.life.row.phase, Phase::Received) {
            return;
        }
        self.step(seen);
    }

    fn build(&self, number: i64, status: u8, is_foreign: bool) -> ProviderBuild {
        let build = self.life.build(number, STATUSES[usize::from(status) % STATUSES.len()]);
        if is_foreign { ProviderBuild { initiator: Some("other/x".to_owned()), ..build } } else { build }
    }

    fn step(&mut self, seen: Seen) {
        let is_foreign =
            matches!(&seen, Seen::Described { build, .. } if build.initiator.as_deref() == Some("other/x"));
        let before = self.life.row.clone();
        let acts = self.life.see(seen);
        let after = self.life.row.clone();
        holds(&before, &after);
        if is_foreign && before.build().is_none() {
            assert!(after.build().is_none(), "a foreign build was adopted");
        }
        for act in &acts {
            match act {
                Act::StartBuild { input, token, attempt, .. } => {
                    self.start_holds(&before, &after, input, token, *attempt)
                }
                Act::Tell { report, claimed, .. } => self.tell_holds(&after, report.status, *claimed),
                _ => {}
            }
        }
    }

    fn start_holds(&mut self, before: &Row, after: &Row, input: &str, token: &str, attempt: u32) {
        let now = self.life.now;
        assert!(after.rev > before.rev, "a send without a write");
        assert_eq!(after.wanted, Wanted::Run, "a job that is to end is started");
        let Phase::Starting { first_sent_at, last_sent_at, .. } = &after.phase else {
            panic!("a send without its claim")
        };
        assert_eq!(*last_sent_at, now);
        assert!(now.since(*first_sent_at) < secs(240), "a token older than four minutes is sent");
        assert_eq!(after.phase_due, Some(now + secs(60)), "the lease");
        let known = self.inputs.entry(token.to_owned()).or_insert_with(|| input.to_owned());
        assert_eq!(known, input, "one token, two inputs");
        for (other, of, _) in &self.sends {
            if other != token {
                assert!(self.over.contains(of), "attempt {attempt} is sent while attempt {of} is in doubt");
            }
        }
        if !self.has_commit {
            assert!(input.contains(HEAD));
        }
        self.sends.push((token.to_owned(), attempt, now));
    }

    fn tell_holds(&mut self, after: &Row, status: Status, claimed: Told) {
        assert_eq!(status, after.status(), "what is told is a function of the row");
        assert_eq!(after.telling.under_way, Some(claimed));
        if let Some(Told { status: last, .. }) = self.tellings.last() {
            assert!(rank(status) >= rank(*last), "{status} is told after {last}");
        }
        if status == Status::Queued {
            assert!(self.life.now.since(after.received_at) >= secs(10));
        }
        self.tellings.push(claimed);
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Running => 1,
        _ => 2,
    }
}

/// What holds between any two writes of a row.
fn holds(before: &Row, after: &Row) {
    assert!(rank(after.status()) >= rank(before.status()), "{} became {}", before.status(), after.status());
    if before.status().is_final() {
        assert_eq!(before.status(), after.status(), "a final status changed");
    }
    assert_eq!(after.due_at().is_some(), after.settled_at.is_none(), "due exactly until settled: {after:?}");
    assert_eq!(after.expires_at().is_some(), after.settled_at.is_some());
    assert!(before.settled_at.is_none() || after.settled_at == before.settled_at);
    if after.settled_at.is_some() {
        assert!(after.status().is_final());
        let told = after.telling.told.map(|told| told.status);
        let is_told = told == Some(after.status());
        assert!(after.target().is_none() || is_told || after.telling.undeliverable.is_some());
    }
    if let (Some(old), Some(new)) = (before.build(), after.build()) {
        assert_eq!(old.id, new.id, "a row changed its build");
    }
    assert!(after.trail.len() <= 24);
    let json = serde_json::to_string(after).unwrap();
    assert!(json.len() < 20_000, "{} bytes", json.len());
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), *after, "a row is read as it was written");
}

proptest! {
    // `PROPTEST_CASES=20000` makes a longer search of it.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_step_keeps_the_invariants(has_commit: bool, story in events()) {
        let mut world = World::new(has_commit);
        for event in &story {
            world.happens(event);
        }
    }

    #[test]
    fn whatever_has_happened_a_world_that_works_again_settles_the_job(has_commit: bool, story in events()) {
        let mut world = World::new(has_commit);
        for event in &story {
            world.happens(event);
        }
        world.life.pool_open = true;
        for _ in 0..200 {
            if world.life.row.settled_at.is_some() {
                break;
            }
            world.happens(&Event::Due);
            match &world.life.row.phase {
                Phase::Received => {
                    world.happens(&Event::Policy(5));
                    world.happens(&Event::Head(0));
                }
                Phase::Starting { .. } => world.happens(&Event::Sent { back: 0, answer: 0, number: 1 }),
                Phase::Running { build, .. } => {
                    let number = build.id.as_str().rsplit(':').next().unwrap().parse().unwrap();
                    world.happens(&Event::Described { number, status: 1, claims_final: true, is_foreign: false });
                }
                Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
            }
            world.happens(&Event::Told { back: 0, outcome: 0 });
        }
        prop_assert!(world.life.row.settled_at.is_some(), "{:?}", world.life.row);
    }
}
