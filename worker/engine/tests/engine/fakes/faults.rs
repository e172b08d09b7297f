use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::PortError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Dice, locked};

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
    /// The process stops here for a while.
    Pause(Duration),
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
    /// The newest shape of rows that it can read, and the one that it writes.
    pub schema: u32,
    born: Instant,
    life: watch::Sender<Life>,
    rules: Mutex<Vec<Rule>>,
    calls: Mutex<std::collections::HashMap<Call, u32>>,
    weather: Mutex<Option<Weather>>,
    /// How far its clock is from AWS's, in milliseconds.
    skew: AtomicI64,
    /// Everything that it calls, and when.
    trace: Mutex<u64>,
}

/// Faults by chance: at every call, before it and after it, once in so many times.
#[derive(Debug, Clone)]
pub struct Weather {
    pub dice: Dice,
    pub fails: u64,
    pub delays: u64,
    pub pauses: u64,
    pub kills: u64,
}

impl Weather {
    fn effect(&mut self) -> Option<Effect> {
        if self.dice.once_in(self.kills) {
            return Some(Effect::Kill);
        }
        if self.dice.once_in(self.pauses) {
            // Within the claim's ten seconds, beyond them, beyond a lease, a token's life, every belief.
            let longest = self.dice.one_of(&[9, 15, 90, 400, 2000]);
            return Some(Effect::Pause(Duration::from_secs(self.dice.below(longest) + 1)));
        }
        if self.dice.once_in(self.delays) {
            return Some(Effect::Delay(self.dice.millis(20_000)));
        }
        self.dice.once_in(self.fails).then_some(Effect::Fail)
    }
}

impl Process {
    pub fn new(name: &str, schema: u32) -> Self {
        Self {
            name: name.to_owned(),
            schema,
            born: Instant::now(),
            life: watch::Sender::new(Life::Running),
            rules: Mutex::default(),
            calls: Mutex::default(),
            weather: Mutex::default(),
            skew: AtomicI64::new(0),
            trace: Mutex::default(),
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

    pub fn is_down_now(&self) -> bool {
        *self.life.borrow() == Life::Dead
    }

    /// Waits until a fault has ended or stopped the process.
    pub async fn is_down(&self) {
        // The sender lives in this very value.
        let _ = self.life.subscribe().wait_for(|life| *life != Life::Running).await;
    }

    pub async fn before(&self, call: Call) -> Result<(), PortError> {
        *locked(&self.calls).entry(call).or_default() += 1;
        self.note(call);
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
            Some(Effect::Pause(time)) => {
                self.stop();
                tokio::time::sleep(time).await;
                self.go_on();
            }
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
        drop(rules);
        locked(&self.weather).as_mut().and_then(Weather::effect)
    }

    pub fn set_weather(&self, weather: Option<Weather>) {
        *locked(&self.weather) = weather;
    }

    pub fn set_skew(&self, millis: i64) {
        self.skew.store(millis, Ordering::Relaxed);
    }

    pub fn skewed(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis() + self.skew.load(Ordering::Relaxed))
    }

    pub fn trace(&self) -> u64 {
        *locked(&self.trace)
    }

    fn note(&self, call: Call) {
        let mut trace = locked(&self.trace);
        let what = (&*trace, call as u8, self.born.elapsed());
        let mut hasher = std::hash::DefaultHasher::new();
        what.hash(&mut hasher);
        *trace = hasher.finish();
    }
}
