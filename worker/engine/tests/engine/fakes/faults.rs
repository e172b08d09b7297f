use std::sync::Mutex;
use std::time::Duration;

use doorbell_engine::ports::PortError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::locked;

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Ack,
    Bury,
    Insert,
    Load,
    Update,
    Due,
    ReadProject,
    ReadSecret,
    Start,
    List,
    Describe,
    Stop,
    Tell,
    Head,
}

impl Call {
    pub const ALL: [Self; 14] = [
        Self::Ack,
        Self::Bury,
        Self::Insert,
        Self::Load,
        Self::Update,
        Self::Due,
        Self::ReadProject,
        Self::ReadSecret,
        Self::Start,
        Self::List,
        Self::Describe,
        Self::Stop,
        Self::Tell,
        Self::Head,
    ];
    pub const LEDGER: [Self; 4] = [Self::Insert, Self::Load, Self::Update, Self::Due];
}

/// Before the world has done what was asked, or after it, when only the reply can still be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It ends in an error.
    Fail,
    /// It takes longer.
    Delay(Duration),
    /// The process stops here until it is continued, as by SIGSTOP.
    Stop,
    /// The process ends here, as by SIGKILL.
    Kill,
}

#[derive(Debug, Clone, Copy)]
struct Rule {
    call: Call,
    moment: Moment,
    effect: Effect,
    /// Calls that pass before it applies.
    skip: u32,
    /// Calls that it applies to.
    times: u32,
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    Stopped,
    Dead,
}

/// A process, as its calls to the world show it: a dead one's never come back, a stopped one's come back later.
#[derive(Debug)]
pub struct Process {
    pub name: String,
    life: watch::Sender<Life>,
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<std::collections::HashMap<Call, u32>>,
}

impl Process {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            life: watch::Sender::new(Life::Running),
            rules: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// The next such call.
    pub fn next(&self, call: Call, moment: Moment, effect: Effect) {
        self.nth(1, call, moment, effect);
    }

    /// The nth such call from now on, counted from 1.
    pub fn nth(&self, nth: u32, call: Call, moment: Moment, effect: Effect) {
        self.rule(Rule { call, moment, effect, skip: nth - 1, times: 1, until: None });
    }

    /// Every such call for a while.
    pub fn down(&self, calls: &[Call], time: Duration) {
        let until = Some(Instant::now() + time);
        for call in calls {
            self.rule(Rule {
                call: *call,
                moment: Moment::Before,
                effect: Effect::Fail,
                skip: 0,
                times: u32::MAX,
                until,
            });
        }
    }

    fn rule(&self, rule: Rule) {
        locked(&self.rules).push(rule);
    }

    pub fn kill(&self) {
        self.life.send_replace(Life::Dead);
    }

    pub fn stop(&self) {
        self.turn(Life::Running, Life::Stopped);
    }

    pub fn go_on(&self) {
        self.turn(Life::Stopped, Life::Running);
    }

    /// The dead stay dead.
    fn turn(&self, from: Life, to: Life) {
        self.life.send_if_modified(|life| {
            let turns = *life == from;
            if turns {
                *life = to;
            }
            turns
        });
    }

    /// How often a call was made.
    pub fn count(&self, call: Call) -> u32 {
        locked(&self.calls).get(&call).copied().unwrap_or_default()
    }

    /// Waits until a fault has ended or stopped the process.
    pub async fn is_down(&self) {
        // The sender lives in this very value.
        let _ = self.life.subscribe().wait_for(|life| *life != Life::Running).await;
    }

    pub async fn before(&self, call: Call) -> Result<(), PortError> {
        *locked(&self.calls).entry(call).or_default() += 1;
        self.pass(call, Moment::Before).await
    }

    pub async fn after(&self, call: Call) -> Result<(), PortError> {
        self.pass(call, Moment::After).await
    }

    async fn pass(&self, call: Call, moment: Moment) -> Result<(), PortError> {
        self.lives().await;
        match self.effect(call, moment) {
            None => {}
            Some(Effect::Fail) => return Err(PortError(format!("{call:?} failed ({moment:?})"))),
            Some(Effect::Delay(time)) => tokio::time::sleep(time).await,
            Some(Effect::Stop) => self.stop(),
            Some(Effect::Kill) => self.kill(),
        }
        self.lives().await;
        Ok(())
    }

    /// Comes back only to a process that runs.
    pub async fn lives(&self) {
        let _ = self.life.subscribe().wait_for(|life| *life == Life::Running).await;
    }

    fn effect(&self, call: Call, moment: Moment) -> Option<Effect> {
        let mut rules = locked(&self.rules);
        rules.retain(|rule| rule.times > 0 && rule.until.is_none_or(|until| Instant::now() < until));
        for rule in rules.iter_mut().filter(|rule| rule.call == call && rule.moment == moment) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.saturating_sub(1);
            return Some(rule.effect);
        }
        None
    }
}
