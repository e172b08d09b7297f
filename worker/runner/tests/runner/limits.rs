use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{Ran, World, is_alive, read, wait_until};

/// Starts a process in the background, notes its id, and does not wait for it.
const GRANDCHILD: &str = "sleep 100 >/dev/null 2>&1 & echo $! > ../grandchild; ";

fn grandchild(world: &World) -> String {
    read(world.path("build/grandchild"))
}

/// A killed process takes a moment to end; `sleep 100` takes longer than our patience.
#[track_caller]
fn is_gone(pid: &str) {
    assert!(!pid.trim().is_empty());
    wait_until("the process ends", || !is_alive(pid));
}

fn told(child: Child, signal: Signal) -> Ran {
    kill_process(Pid::from_child(&child), signal).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

#[test]
fn at_the_limit_the_whole_group_is_told_to_end() {
    let world = World::new();
    let build = world
        .build()
        .with("DOORBELL_TIMEOUT_SECONDS", "1")
        .shell(&format!("{GRANDCHILD} trap 'echo told; exit 0' TERM; wait"));
    let start = Instant::now();
    let ran = build.exits(244).says("it may take 1 s");
    assert_eq!(ran.stdout, "told\n");
    assert!(start.elapsed() < Duration::from_secs(9), "a command that obeys does not wait for the grace to pass");
    is_gone(&grandchild(&world));
}

#[test]
fn who_does_not_obey_is_killed_after_the_grace() {
    let world = World::new();
    let build = world.build().with("DOORBELL_TIMEOUT_SECONDS", "1").with("DOORBELL_KILL_GRACE_SECONDS", "1");
    let start = Instant::now();
    build
        .shell("trap '' TERM; sleep 100 >/dev/null 2>&1 & echo $! > ../grandchild; while :; do sleep 1; done")
        .exits(244);
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(20), "{took:?}");
    is_gone(&grandchild(&world));
}

#[test]
fn what_a_command_leaves_behind_ends_with_it() {
    let world = World::new();
    let start = Instant::now();
    world.build().shell(&format!("{GRANDCHILD} exit 3")).exits(3);
    assert!(start.elapsed() < Duration::from_secs(20));
    is_gone(&grandchild(&world));
}

#[test]
fn a_signal_to_the_runner_reaches_the_command() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "TERM")] {
        let world = World::new();
        // A shell's background process ignores INT: only the KILL after the grace ends it.
        let script = format!("trap 'echo told {name}; exit 0' {name}; {GRANDCHILD} wait");
        let build = world.build().with("DOORBELL_KILL_GRACE_SECONDS", "5").shell(&script);
        let child = build.start();
        wait_until("the command runs", || grandchild(&world).ends_with('\n'));
        let ran = told(child, signal).says("the build was told to end");
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(245), format!("told {name}\n").as_str()));
        is_gone(&grandchild(&world));
    }
}

#[test]
fn a_signal_during_the_checkout_ends_git_and_removes_what_it_fetched() {
    let world = World::new();
    // A git that never comes back from a fetch.
    let fetching = world.path("fetching");
    let build = world.build_with_git(&format!(
        "case $1 in fetch) echo $$ > {}; exec sleep 100;; esac; exec $GIT \"$@\"",
        fetching.display()
    ));
    let child = build.start();
    wait_until("git fetches", || read(&fetching).ends_with('\n'));
    let ran = told(child, Signal::TERM).says("the checkout was stopped");
    assert_eq!(ran.code, Some(245));
    is_gone(&read(&fetching));
    assert!(!build.checkout_exists());
    // And the limit of the command is the checkout's, too.
    let build = build.with("DOORBELL_TIMEOUT_SECONDS", "1");
    build.exits(241).says("took longer");
    is_gone(&read(&fetching));
    assert!(!build.checkout_exists());
}
