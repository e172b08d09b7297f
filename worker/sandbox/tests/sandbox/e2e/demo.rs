//! Tests of `bin/demo`.
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::emulator::python;

fn demo(arguments: &[&str], temporary: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbell-sandbox"));
    command.arg("demo").arg("--python").arg(python()).args(arguments);
    // The sandbox writes only below the temporary directory.
    command.env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn demo_json_has_documented_shape_and_all_outcomes() {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(&["--output", "json"], temporary.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let jobs = result["jobs"].as_array().unwrap();
    let seen: Vec<_> = jobs
        .iter()
        .map(|job| (job["outcome"].as_str().unwrap(), job["builds"].as_u64().unwrap(), job["flag"]["status"].as_str()))
        .collect();
    let expected = [
        ("success", 1, Some("success")),
        ("failure", 1, Some("failure")),
        ("success", 1, Some("success")),
        ("rejected", 0, Some("error")),
        ("rejected", 0, None),
    ];
    assert_eq!(seen, expected);
    for job in jobs {
        assert!(["job", "project", "ref"].iter().all(|name| job[*name].is_string()), "{job}");
    }
    let events = result["doneEvents"].as_array().unwrap();
    let announced: Vec<_> = events.iter().map(|event| (&event["subject"]["id"], &event["context"]["type"])).collect();
    let finished = Value::from("dev.cdevents.pipelinerun.finished.0.3.0");
    assert_eq!(announced, [(&jobs[1]["job"], &finished)], "the subscriber's filter admits failures alone");
    let denied = result["denied"].as_array().unwrap();
    assert!(denied.contains(&Value::from("codebuild:StartBuild")), "{denied:?}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "files are left in the temporary directory");
}

#[test]
fn demo_interrupted_by_ctrl_c_leaves_nothing_running() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = demo(&["--keep"], temporary.path()).spawn().unwrap();
    let mut output = std::io::BufReader::new(demo.stdout.take().unwrap());
    let mut line = String::new();
    // The worker is the last component to start.
    while !line.contains("worker") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0, "the demo ended early");
    }
    let pid = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    let children = children_of(demo.id());
    assert!(children.len() >= 2, "an emulator and a worker: {children:?}");
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(demo.wait().unwrap().code(), Some(130));
    let deadline = Instant::now() + Duration::from_secs(20);
    while children.iter().any(|child| is_running(*child)) {
        assert!(Instant::now() < deadline, "children of the demo still run");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "files are left in the temporary directory");
}

fn children_of(pid: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Whether a process runs; a zombie has ended.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, behind)| !behind.trim_start().starts_with('Z'))
}
