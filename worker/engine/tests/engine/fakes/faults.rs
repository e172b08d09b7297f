use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::PortError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{SeededRng, lock};

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortCall {
    Ack,
    DeadLetter,
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
    ReportStatus,
    ResolveRef,
}

impl PortCall {
    pub const ALL: [Self; 14] = [
        Self::Ack,
        Self::DeadLetter,
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
        Self::ReportStatus,
        Self::ResolveRef,
    ];
    pub const LEDGER: [Self; 4] = [Self::Insert, Self::Load, Self::Update, Self::Due];
}

/// Before the world has done what was asked, or after it, when only the reply can still be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    Before,
    After,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
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
struct FaultRule {
    call: PortCall,
    point: FaultPoint,
    action: FaultAction,
    /// Calls that pass before it applies.
    skip: u32,
    /// Calls that it applies to.
    times: u32,
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProcessState {
    Running,
    Stopped,
    Killed,
}

/// A process, as its calls to the world show it: a dead one's never come back, a stopped one's come back later.
#[derive(Debug)]
pub struct SimulatedProcess {
    pub name: String,
    /// The newest shape of rows that it can read, and the one that it writes.
    pub schema: u32,
    started_at: Instant,
    state: watch::Sender<ProcessState>,
    rules: Mutex<Vec<FaultRule>>,
    calls: Mutex<std::collections::HashMap<PortCall, u32>>,
    fault_profile: Mutex<Option<FaultProfile>>,
    /// How far its clock is from AWS's, in milliseconds.
    skew: AtomicI64,
    /// Everything that it calls, and when.
    trace: Mutex<u64>,
}

/// Faults by chance: at every call, before it and after it, once in so many times.
#[derive(Debug, Clone)]
pub struct FaultProfile {
    pub rng: SeededRng,
    pub fail_one_in: u64,
    pub delay_one_in: u64,
    pub pause_one_in: u64,
    pub kill_one_in: u64,
}

impl FaultProfile {
    fn next_action(&mut self) -> Option<FaultAction> {
        if self.rng.once_in(self.kill_one_in) {
            return Some(FaultAction::Kill);
        }
        if self.rng.once_in(self.pause_one_in) {
            // Within the claim's ten seconds, beyond them, beyond a lease, a token's life, every belief.
            let longest = self.rng.one_of(&[9, 15, 90, 400, 2000]);
            return Some(FaultAction::Pause(Duration::from_secs(self.rng.below(longest) + 1)));
        }
        if self.rng.once_in(self.delay_one_in) {
            return Some(FaultAction::Delay(self.rng.millis(20_000)));
        }
        self.rng.once_in(self.fail_one_in).then_some(FaultAction::Fail)
    }
}

impl SimulatedProcess {
    pub fn new(name: &str, schema: u32) -> Self {
        Self {
            name: name.to_owned(),
            schema,
            started_at: Instant::now(),
            state: watch::Sender::new(ProcessState::Running),
            rules: Mutex::default(),
            calls: Mutex::default(),
            fault_profile: Mutex::default(),
            skew: AtomicI64::new(0),
            trace: Mutex::default(),
        }
    }

    /// The next such call.
    pub fn inject_next(&self, call: PortCall, point: FaultPoint, action: FaultAction) {
        self.inject_nth(1, call, point, action);
    }

    /// The nth such call from now on, counted from 1.
    pub fn inject_nth(&self, nth: u32, call: PortCall, point: FaultPoint, action: FaultAction) {
        self.add_rule(FaultRule { call, point, action, skip: nth - 1, times: 1, until: None });
    }

    /// Every such call for a while.
    pub fn fail_for(&self, calls: &[PortCall], time: Duration) {
        let until = Some(Instant::now() + time);
        for call in calls {
            self.add_rule(FaultRule {
                call: *call,
                point: FaultPoint::Before,
                action: FaultAction::Fail,
                skip: 0,
                times: u32::MAX,
                until,
            });
        }
    }

    fn add_rule(&self, rule: FaultRule) {
        lock(&self.rules).push(rule);
    }

    pub fn kill(&self) {
        self.state.send_replace(ProcessState::Killed);
    }

    pub fn stop(&self) {
        self.change_state(ProcessState::Running, ProcessState::Stopped);
    }

    pub fn resume(&self) {
        self.change_state(ProcessState::Stopped, ProcessState::Running);
    }

    /// The dead stay dead.
    fn change_state(&self, from: ProcessState, to: ProcessState) {
        self.state.send_if_modified(|state| {
            let turns = *state == from;
            if turns {
                *state = to;
            }
            turns
        });
    }

    /// How often a call was made.
    pub fn count(&self, call: PortCall) -> u32 {
        lock(&self.calls).get(&call).copied().unwrap_or_default()
    }

    pub fn is_killed(&self) -> bool {
        *self.state.borrow() == ProcessState::Killed
    }

    /// Waits until a fault has ended or stopped the process.
    pub async fn wait_down(&self) {
        // The sender lives in this very value.
        let _ = self.state.subscribe().wait_for(|state| *state != ProcessState::Running).await;
    }

    pub async fn before(&self, call: PortCall) -> Result<(), PortError> {
        *lock(&self.calls).entry(call).or_default() += 1;
        self.trace_call(call);
        self.apply_fault(call, FaultPoint::Before).await
    }

    pub async fn after(&self, call: PortCall) -> Result<(), PortError> {
        self.apply_fault(call, FaultPoint::After).await
    }

    async fn apply_fault(&self, call: PortCall, point: FaultPoint) -> Result<(), PortError> {
        self.wait_alive().await;
        match self.next_fault(call, point) {
            None => {}
            Some(FaultAction::Fail) => return Err(PortError(format!("{call:?} failed ({point:?})"))),
            Some(FaultAction::Delay(time)) => tokio::time::sleep(time).await,
            Some(FaultAction::Pause(time)) => {
                self.stop();
                tokio::time::sleep(time).await;
                self.resume();
            }
            Some(FaultAction::Stop) => self.stop(),
            Some(FaultAction::Kill) => self.kill(),
        }
        self.wait_alive().await;
        Ok(())
    }

    /// Comes back only to a process that runs.
    pub async fn wait_alive(&self) {
        let _ = self.state.subscribe().wait_for(|state| *state == ProcessState::Running).await;
    }

    fn next_fault(&self, call: PortCall, point: FaultPoint) -> Option<FaultAction> {
        let mut rules = lock(&self.rules);
        rules.retain(|rule| rule.times > 0 && rule.until.is_none_or(|until| Instant::now() < until));
        for rule in rules.iter_mut().filter(|rule| rule.call == call && rule.point == point) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.saturating_sub(1);
            return Some(rule.action);
        }
        drop(rules);
        lock(&self.fault_profile).as_mut().and_then(FaultProfile::next_action)
    }

    pub fn set_fault_profile(&self, fault_profile: Option<FaultProfile>) {
        *lock(&self.fault_profile) = fault_profile;
    }

    pub fn set_skew(&self, millis: i64) {
        self.skew.store(millis, Ordering::Relaxed);
    }

    pub fn skew(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_millis(now.as_millis() + self.skew.load(Ordering::Relaxed))
    }

    pub fn trace(&self) -> u64 {
        *lock(&self.trace)
    }

    fn trace_call(&self, call: PortCall) {
        let mut trace = lock(&self.trace);
        let what = (&*trace, call as u8, self.started_at.elapsed());
        let mut hasher = std::hash::DefaultHasher::new();
        what.hash(&mut hasher);
        *trace = hasher.finish();
    }
}
