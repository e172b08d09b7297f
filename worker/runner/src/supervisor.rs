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

use crate::failure::Failure;

/// Watches one process group at a time, to its end.
#[derive(Debug)]
pub(crate) struct Supervisor {
    events: Receiver<Event>,
    sender: Sender<Event>,
    grace: Duration,
    told: Arc<AtomicBool>,
    dismissed: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Event {
    /// The child has ended and is not reaped yet.
    Ended(rustix::io::Result<()>),
    /// The runner was told to stop.
    Told(Signal),
}

/// How a process group came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
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
    pub(crate) fn new(grace: Duration) -> Result<Self, Failure> {
        const SIGNALS: [i32; 3] = [SIGTERM, SIGINT, SIGHUP];
        let (sender, events) = channel();
        let (told_once, dismissed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        for signal in SIGNALS {
            flag::register_conditional_default(signal, Arc::clone(&dismissed)).map_err(|error| no_thread(&error))?;
            flag::register(signal, Arc::clone(&told_once)).map_err(|error| no_thread(&error))?;
        }
        let mut signals = Signals::new(SIGNALS).map_err(|error| no_thread(&error))?;
        let told = sender.clone();
        let forward = move || {
            for signal in signals.forever() {
                let signal = if signal == SIGINT { Signal::INT } else { Signal::TERM };
                let _ = told.send(Event::Told(signal));
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(forward).map_err(|error| no_thread(&error))?;
        Ok(Self { events, sender, grace, told: told_once, dismissed })
    }

    /// From here on signals end this process again. No signal falls between the two: one that came before is told
    /// here.
    ///
    /// # Errors
    /// The runner was told to stop while nothing was watched.
    pub(crate) fn dismiss(&self) -> Result<(), Failure> {
        self.dismissed.store(true, Ordering::SeqCst);
        match self.told.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Failure::new(RunnerExit::Interrupted, "the build was told to end before the command began")),
        }
    }

    /// Waits until `child` has ended, then kills what is left of its group. `child` must lead a group of its own
    /// (`process_group(0)`); processes that moved to another group or session are out of reach.
    ///
    /// # Errors
    /// The child can't be waited for.
    pub(crate) fn watch(&self, mut child: Child, deadline: Instant) -> Result<Ending, Failure> {
        let group = Pid::from_child(&child);
        let ended = match self.report_end_of(group) {
            Ok(()) => self.wait(group, deadline),
            Err(failure) => Err(failure),
        };
        // The leader is not reaped yet, so that the group's number can't belong to anybody else. The call fails only
        // where there is nothing left to kill.
        let _ = kill_process_group(group, Signal::KILL);
        let ending = ended?;
        let status = child.wait().map_err(|error| lost(&error))?;
        Ok(ending.unwrap_or(Ending::Exited(status)))
    }

    fn report_end_of(&self, pid: Pid) -> Result<(), Failure> {
        let sender = self.sender.clone();
        let wait = move || {
            let _ = sender.send(Event::Ended(wait_without_reaping(pid)));
        };
        thread::Builder::new().name("wait".to_owned()).spawn(wait).map(drop).map_err(|error| no_thread(&error))
    }

    /// `None`: it ended by itself.
    fn wait(&self, group: Pid, deadline: Instant) -> Result<Option<Ending>, Failure> {
        let (signal, ending) = match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Ended(result)) => return result.map(|()| None).map_err(|error| lost(&error.into())),
            Ok(Event::Told(signal)) => (signal, Ending::Interrupted),
            Err(RecvTimeoutError::Timeout) => (Signal::TERM, Ending::TimedOut),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::machine("the thread that waits for the child is gone"));
            }
        };
        let _ = kill_process_group(group, signal);
        if !self.ends_until(Instant::now() + self.grace)? {
            let _ = kill_process_group(group, Signal::KILL);
            // Nothing outlives KILL for long, but for a process stuck in the kernel: give up on that one.
            if !self.ends_until(Instant::now() + AFTER_KILL)? {
                return Err(Failure::machine("a process did not end after it was killed"));
            }
        }
        Ok(Some(ending))
    }

    /// Further signals change nothing: it is being stopped already.
    fn ends_until(&self, limit: Instant) -> Result<bool, Failure> {
        loop {
            match self.events.recv_timeout(limit.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended(result)) => return result.map(|()| true).map_err(|error| lost(&error.into())),
                Ok(Event::Told(_)) => {}
                Err(_) => return Ok(false),
            }
        }
    }
}

const AFTER_KILL: Duration = Duration::from_secs(60);

fn wait_without_reaping(pid: Pid) -> rustix::io::Result<()> {
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(drop),
        }
    }
}

fn no_thread(error: &std::io::Error) -> Failure {
    Failure::machine(format!("the system gives no thread or signal handler: {error}"))
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::machine(format!("a child process can't be waited for: {error}"))
}
