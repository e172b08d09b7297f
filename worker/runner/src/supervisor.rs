use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use doorbell_messages::RunnerExit;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::error::RunnerError;

/// Watches one process group at a time, to its end.
#[derive(Debug)]
pub(crate) struct Supervisor {
    events: Receiver<SupervisorEvent>,
    sender: Sender<SupervisorEvent>,
    grace: Duration,
    signal_received: Arc<AtomicBool>,
    signals_restored: Arc<AtomicBool>,
}

#[derive(Debug)]
enum SupervisorEvent {
    /// The child has ended and is not reaped yet.
    Ended(rustix::io::Result<()>),
    /// The runner received a stop signal.
    Signal(Signal),
}

/// How a process group came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProcessOutcome {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped at its deadline.
    TimedOut,
    /// It was stopped because the runner was.
    Interrupted,
}

impl Supervisor {
    /// From here on TERM, INT and HUP no longer end this process: they end what it watches. One that comes while
    /// nothing is watched is kept for the next child.
    ///
    /// # Errors
    /// The system has no room for a signal handler or a thread.
    pub(crate) fn new(grace: Duration) -> Result<Self, RunnerError> {
        const SIGNALS: [i32; 3] = [SIGTERM, SIGINT, SIGHUP];
        let (sender, events) = channel();
        let (signal_received, signals_restored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in SIGNALS {
            flag::register_conditional_default(signal, Arc::clone(&signals_restored))
                .map_err(|error| setup_error(&error))?;
            flag::register(signal, Arc::clone(&signal_received)).map_err(|error| setup_error(&error))?;
        }
        let mut signals = Signals::new(SIGNALS).map_err(|error| setup_error(&error))?;
        let signal_sender = sender.clone();
        let forward = move || {
            for signal in signals.forever() {
                let signal = if signal == SIGINT { Signal::INT } else { Signal::TERM };
                let _ = signal_sender.send(SupervisorEvent::Signal(signal));
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(forward).map_err(|error| setup_error(&error))?;
        Ok(Self { events, sender, grace, signal_received, signals_restored })
    }

    /// From here on signals end this process again. No signal falls between the two: one that came before is returned
    /// here.
    ///
    /// # Errors
    /// The runner received a stop signal while it watched no process.
    pub(crate) fn restore_default_signals(&self) -> Result<(), RunnerError> {
        self.signals_restored.store(true, Ordering::SeqCst);
        match self.signal_received.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(RunnerError::new(
                RunnerExit::Interrupted,
                "the build received a stop signal before the command began",
            )),
        }
    }

    /// Waits while no process is watched.
    ///
    /// # Errors
    /// The runner received a stop signal meanwhile.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), RunnerError> {
        match self.events.recv_timeout(duration) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(SupervisorEvent::Signal(_)) => Err(RunnerError::new(
                RunnerExit::Interrupted,
                "the checkout was stopped: the build received a stop signal",
            )),
            Ok(SupervisorEvent::Ended(_)) | Err(RecvTimeoutError::Disconnected) => {
                Err(RunnerError::infrastructure("the thread that waits for signals is gone"))
            }
        }
    }

    /// Waits until `child` has ended, then kills what is left of its group. `child` must lead a group of its own
    /// (`process_group(0)`); processes that moved to another group or session are out of reach.
    ///
    /// # Errors
    /// The child can't be waited for.
    pub(crate) fn watch(&self, mut child: Child, deadline: Instant) -> Result<ProcessOutcome, RunnerError> {
        let group = Pid::from_child(&child);
        let ended = match self.spawn_waiter(group) {
            Ok(()) => self.wait(group, deadline),
            Err(failure) => Err(failure),
        };
        // The leader is not reaped yet, so that the group's number cannot belong to another process. The call fails only
        // where there is nothing left to kill.
        let _ = kill_process_group(group, Signal::KILL);
        let outcome = ended?;
        let status = child.wait().map_err(|error| wait_error(&error))?;
        Ok(outcome.unwrap_or(ProcessOutcome::Exited(status)))
    }

    fn spawn_waiter(&self, pid: Pid) -> Result<(), RunnerError> {
        let sender = self.sender.clone();
        let wait = move || {
            let _ = sender.send(SupervisorEvent::Ended(wait_without_reaping(pid)));
        };
        thread::Builder::new().name("wait".to_owned()).spawn(wait).map(drop).map_err(|error| setup_error(&error))
    }

    /// `None`: it ended by itself.
    fn wait(&self, group: Pid, deadline: Instant) -> Result<Option<ProcessOutcome>, RunnerError> {
        let (signal, outcome) = match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(SupervisorEvent::Ended(result)) => {
                return result.map(|()| None).map_err(|error| wait_error(&error.into()));
            }
            Ok(SupervisorEvent::Signal(signal)) => (signal, ProcessOutcome::Interrupted),
            Err(RecvTimeoutError::Timeout) => (Signal::TERM, ProcessOutcome::TimedOut),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(RunnerError::infrastructure("the thread that waits for the child is gone"));
            }
        };
        let _ = kill_process_group(group, signal);
        if !self.wait_until(Instant::now() + self.grace)? {
            let _ = kill_process_group(group, Signal::KILL);
            // Nothing outlives KILL for long, but for a process stuck in the kernel: give up on that one.
            if !self.wait_until(Instant::now() + KILL_TIMEOUT)? {
                return Err(RunnerError::infrastructure("a process did not end after it was killed"));
            }
        }
        Ok(Some(outcome))
    }

    /// Further signals change nothing: it is being stopped already.
    fn wait_until(&self, deadline: Instant) -> Result<bool, RunnerError> {
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(SupervisorEvent::Ended(result)) => {
                    return result.map(|()| true).map_err(|error| wait_error(&error.into()));
                }
                Ok(SupervisorEvent::Signal(_)) => {}
                Err(_) => return Ok(false),
            }
        }
    }
}

const KILL_TIMEOUT: Duration = Duration::from_secs(60);

fn wait_without_reaping(pid: Pid) -> rustix::io::Result<()> {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(drop),
        }
    }
}

fn setup_error(error: &std::io::Error) -> RunnerError {
    RunnerError::infrastructure(format!("the system gives no thread or signal handler: {error}"))
}

fn wait_error(error: &std::io::Error) -> RunnerError {
    RunnerError::infrastructure(format!("a child process can't be waited for: {error}"))
}
