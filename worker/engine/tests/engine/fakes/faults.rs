mod counts;
mod port_call;
mod profile;

use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::PortError;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use self::counts::FaultCounts;
pub use self::port_call::PortCall;
pub use self::profile::FaultProfile;
use super::lock;

/// Before the service has executed the call, or after it, when only the reply can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    Before,
    After,
}

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAction {
    /// It fails.
    Fail,
    /// It takes longer.
    Delay(Duration),
    /// The process pauses for a while.
    Pause(Duration),
    /// The process pauses until it is continued, as by SIGSTOP.
    Stop,
    /// The process ends, as by SIGKILL.
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

/// A process at its port calls: those of a killed process never return, those of a stopped one return later.
#[derive(Debug)]
pub struct SimulatedProcess {
    pub name: String,
    /// The newest row schema that it can read, which is also the one that it writes.
    pub schema: u32,
    started_at: Instant,
    state: Mutex<ProcessState>,
    /// Wakes its waiters in their order, so that a seed replays exactly; a watch channel wakes them in a random one.
    state_changed: Notify,
    rules: Mutex<Vec<FaultRule>>,
    calls: Mutex<std::collections::HashMap<PortCall, u32>>,
    /// Random faults that it met.
    faults: Mutex<FaultCounts>,
    fault_profile: Mutex<Option<FaultProfile>>,
    /// Offset of its clock from AWS's, in milliseconds.
    skew: AtomicI64,
    /// Its calls, with their times.
    trace: Mutex<u64>,
}

impl SimulatedProcess {
    pub fn new(name: &str, schema: u32) -> Self {
        Self {
            name: name.to_owned(),
            schema,
            started_at: Instant::now(),
            state: Mutex::new(ProcessState::Running),
            state_changed: Notify::new(),
            rules: Mutex::default(),
            calls: Mutex::default(),
            faults: Mutex::default(),
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

    /// Ends the process for good.
    pub fn kill(&self) {
        *lock(&self.state) = ProcessState::Killed;
        self.state_changed.notify_waiters();
    }

    pub fn stop(&self) {
        self.change_state(ProcessState::Running, ProcessState::Stopped);
    }

    pub fn resume(&self) {
        self.change_state(ProcessState::Stopped, ProcessState::Running);
    }

    fn change_state(&self, from: ProcessState, to: ProcessState) {
        let mut state = lock(&self.state);
        if *state == from {
            *state = to;
            drop(state);
            self.state_changed.notify_waiters();
        }
    }

    /// How often a call was made.
    pub fn count(&self, call: PortCall) -> u32 {
        lock(&self.calls).get(&call).copied().unwrap_or_default()
    }

    /// The random faults that it met, at each call.
    pub fn faults(&self) -> FaultCounts {
        lock(&self.faults).clone()
    }

    pub fn is_killed(&self) -> bool {
        *lock(&self.state) == ProcessState::Killed
    }

    /// Waits until a fault has ended or stopped the process.
    pub async fn wait_down(&self) {
        self.wait_for(|state| state != ProcessState::Running).await;
    }

    async fn wait_for(&self, is_so: impl Fn(ProcessState) -> bool) {
        loop {
            let changed = self.state_changed.notified();
            if is_so(*lock(&self.state)) {
                return;
            }
            changed.await;
        }
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

    /// Returns only while the process runs.
    pub async fn wait_alive(&self) {
        self.wait_for(|state| state == ProcessState::Running).await;
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
        let action = lock(&self.fault_profile).as_mut().and_then(|profile| profile.next_action(call))?;
        lock(&self.faults).count(call, action);
        Some(action)
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
