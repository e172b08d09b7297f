use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{RunResult, RunnerFixture, is_alive, read, wait_until};

/// Starts a process in the background, notes its id, and does not wait for it.
const GRANDCHILD: &str = "sleep 100 >/dev/null 2>&1 & echo $! > ../grandchild; ";

fn grandchild(fixture: &RunnerFixture) -> String {
    read(fixture.path("build/grandchild"))
}

/// A killed process takes a moment to end; `sleep 100` takes longer than our patience.
#[track_caller]
fn assert_gone(pid: &str) {
    assert!(!pid.trim().is_empty());
    wait_until("the process ends", || !is_alive(pid));
}

fn signal_and_wait(child: Child, signal: Signal) -> RunResult {
    kill_process(Pid::from_child(&child), signal).unwrap();
    RunResult::from_output(child.wait_with_output().unwrap())
}

#[test]
fn timeout_terminates_whole_process_group() {
    let fixture = RunnerFixture::new();
    let build = fixture
        .build()
        .with("DOORBELL_TIMEOUT_SECONDS", "1")
        .shell(&format!("{GRANDCHILD} trap 'echo received; exit 0' TERM; wait"));
    let start = Instant::now();
    let result = build.assert_exit(244).assert_log("it may take 1 s");
    assert_eq!(result.stdout, "received\n");
    assert!(start.elapsed() < Duration::from_secs(9), "a command that obeys does not wait for the grace to pass");
    assert_gone(&grandchild(&fixture));
}

#[test]
fn process_ignoring_sigterm_is_killed_after_grace_period() {
    let fixture = RunnerFixture::new();
    let build = fixture.build().with("DOORBELL_TIMEOUT_SECONDS", "1").with("DOORBELL_KILL_GRACE_SECONDS", "1");
    let start = Instant::now();
    build
        .shell("trap '' TERM; sleep 100 >/dev/null 2>&1 & echo $! > ../grandchild; while :; do sleep 1; done")
        .assert_exit(244);
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(20), "{took:?}");
    assert_gone(&grandchild(&fixture));
}

#[test]
fn background_processes_end_with_command() {
    let fixture = RunnerFixture::new();
    let start = Instant::now();
    fixture.build().shell(&format!("{GRANDCHILD} exit 3")).assert_exit(3);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_gone(&grandchild(&fixture));
}

#[test]
fn signal_to_runner_is_forwarded_to_command() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "TERM")] {
        let fixture = RunnerFixture::new();
        // A shell's background process ignores INT: only the KILL after the grace ends it.
        let script = format!("trap 'echo received {name}; exit 0' {name}; {GRANDCHILD} wait");
        let build = fixture.build().with("DOORBELL_KILL_GRACE_SECONDS", "5").shell(&script);
        let child = build.start();
        wait_until("the command runs", || grandchild(&fixture).ends_with('\n'));
        let result = signal_and_wait(child, signal).assert_log("the build received a stop signal");
        assert_eq!((result.code, result.stdout.as_str()), (Some(245), format!("received {name}\n").as_str()));
        assert_gone(&grandchild(&fixture));
    }
}

#[test]
fn signal_during_checkout_stops_git_and_removes_checkout() {
    let fixture = RunnerFixture::new();
    // A git that never comes back from a fetch.
    let fetching = fixture.path("fetching");
    let build = fixture.build_with_git(&format!(
        "case $1 in fetch) echo $$ > {}; exec sleep 100;; esac; exec $GIT \"$@\"",
        fetching.display()
    ));
    let child = build.start();
    wait_until("git fetches", || read(&fetching).ends_with('\n'));
    let result = signal_and_wait(child, Signal::TERM).assert_log("the checkout was stopped");
    assert_eq!(result.code, Some(245));
    assert_gone(&read(&fetching));
    assert!(!build.checkout_exists());
    // And the limit of the command is the checkout's, too.
    let build = build.with("DOORBELL_TIMEOUT_SECONDS", "1");
    build.assert_exit(241).assert_log("took longer");
    assert_gone(&read(&fetching));
    assert!(!build.checkout_exists());
}
