//! `doctor` with a healthy installation, and with each of its links broken.

mod build_quota;
mod message_path;
mod permissions;
mod projects;

use std::time::{Duration, Instant};

use doorbell_sandbox::account::definition::{ACCOUNT_ID, REGION};
use doorbell_sandbox::proxy::Proxy;
use doorbell_sandbox::sandbox::{CommandOutput, Sandbox};
use serde_json::{Value, json};

use super::pages::page;
use crate::e2e::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, start_sandbox, trigger};

/// What a healthy installation may take to be examined.
const MAX_DOCTOR_DURATION: Duration = Duration::from_secs(5);

/// What is not well, as `check: text`, and the exit code.
async fn run_doctor(sandbox: &Sandbox, more: &[(&str, &str)]) -> (Vec<(String, String, String)>, Option<i32>) {
    let result = sandbox.doorbell(&["doctor", "--output", "json"], more).await.unwrap();
    let report: Value =
        serde_json::from_str(&result.stdout).unwrap_or_else(|_| panic!("{}{}", result.stdout, result.stderr));
    let checks = report["checks"].as_array().unwrap();
    let text = |check: &Value, field: &str| check[field].as_str().unwrap_or_default().to_owned();
    for check in checks {
        assert_eq!(check["state"] == "ok", check["fix"].is_null(), "what is broken has a command: {check}");
    }
    let broken = checks.iter().filter(|check| check["state"] != "ok");
    (broken.map(|check| (text(check, "check"), text(check, "state"), text(check, "message"))).collect(), result.code)
}

/// The one check that must not be well now, and what it says. `more` are settings.
#[track_caller]
fn assert_named(found: &(Vec<(String, String, String)>, Option<i32>), check: &str, state: &str, expected: &str) {
    let (broken, code) = found;
    let one = broken.iter().find(|(name, ..)| name == check);
    let Some((_, found_state, text)) = one else { panic!("{check} is not named: {broken:?}") };
    assert!(
        found_state == state && text.contains(expected),
        "{check} should be a {state} that says \"{expected}\": {broken:?}"
    );
    // A check that is skipped because of it is no second fault.
    let others: Vec<_> = broken.iter().filter(|(name, state, _)| name != check && state != "skipped").collect();
    assert!(others.is_empty(), "{check} is broken alone: {others:?}");
    assert_eq!(*code, Some(i32::from(state == "failure")));
}

/// A healthy installation: a worker that sweeps, a project with all that a project can have.
async fn healthy_installation() -> (Sandbox, Value, doorbell_sandbox::worker_process::WorkerProcess) {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    sandbox.account.put_secret("doorbell/git/demo", "a-token").await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["gitCredentials"] = json!({ "secret": "doorbell/git/demo" });
    document["pullRequests"] = json!("unprivileged");
    document["unprivilegedBuildProject"] = json!("doorbell-build-unprivileged");
    sandbox.register_project("demo", &document).await.unwrap();
    let worker = sandbox.start_worker(&[]).await.unwrap();
    // By the time that a job is settled the ledger was swept, and soon after that it is written down.
    let job = trigger(&sandbox, &["nowhere", "main"]).await;
    sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap();
    let deadline = Instant::now() + JOB_TIMEOUT;
    while !run_doctor(&sandbox, &[]).await.0.is_empty() {
        assert!(Instant::now() < deadline, "{:?}", run_doctor(&sandbox, &[]).await);
    }
    (sandbox, document, worker)
}

async fn time_doctor(sandbox: &Sandbox) -> (CommandOutput, Duration) {
    let started = Instant::now();
    let said = sandbox.doorbell(&["doctor"], &[]).await.unwrap();
    (said, started.elapsed())
}

#[tokio::test]
async fn doctor_passes_healthy_installation_within_5_seconds() {
    let (sandbox, ..) = healthy_installation().await;
    let (said, mut took) = time_doctor(&sandbox).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.lines().count() >= 18 && said.stdout.lines().all(|line| line.starts_with("ok ")));
    assert!(said.stderr.contains("0 failed, 0 warned, 0 skipped"), "{}", said.stderr);
    // On a machine that is busy with something else, once more.
    for _ in 0..2 {
        if took >= MAX_DOCTOR_DURATION {
            took = time_doctor(&sandbox).await.1;
        }
    }
    assert!(took < MAX_DOCTOR_DURATION, "{took:?}");
    assert!(sandbox.forge.flag_posts().is_empty(), "the forge's token is tried without a flag");
}

/// Every answer of AWS bears a time that is ten minutes off: it is this machine's clock that is wrong. The worker's
/// heartbeat is as young as ever, since it goes by AWS's time, as the doctor must.
#[tokio::test]
async fn doctor_with_clock_offset_reports_only_the_clock() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 1).await.unwrap();
    proxy.set_date_offset(-600);
    let through = [("AWS_ENDPOINT_URL", proxy.url())];
    let _worker = sandbox.start_worker(&through).await.unwrap();
    let deadline = Instant::now() + JOB_TIMEOUT;
    let mut found = run_doctor(&sandbox, &through).await;
    // Until the first heartbeat.
    while found.0.iter().any(|(name, ..)| name == "worker") && Instant::now() < deadline {
        found = run_doctor(&sandbox, &through).await;
    }
    assert_named(&found, "clock", "failure", "AWS rejects its signatures");
}

/// Where the faults are.
const FAULTS: [&str; 4] = [
    include_str!("doctor.rs"),
    include_str!("doctor/build_quota.rs"),
    include_str!("doctor/message_path.rs"),
    include_str!("doctor/projects.rs"),
];

/// At least one fault is for each check that the page promises.
#[test]
fn every_documented_doctor_check_has_a_test() {
    let page = page("worker/cli/README.md");
    let rows = page.split("\n## Doctor\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = rows.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let names: Vec<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() >= 20, "{names:?}");
    // `-events` goes on from the name before it.
    for name in names.iter().filter(|name| !name.starts_with('-')) {
        let name = name.split('<').next().unwrap();
        let named = format!("\"{name}");
        assert!(FAULTS.iter().any(|faults| faults.contains(&named)), "no fault is for {name}");
    }
}

#[tokio::test]
async fn doctor_names_the_resource_of_each_wrong_setting() {
    let (sandbox, _, _worker) = healthy_installation().await;
    for (variable, value, check) in [
        ("DOORBELL_TOPIC_ARN", format!("arn:aws:sns:{REGION}:{ACCOUNT_ID}:none"), "topic"),
        ("DOORBELL_TABLE", "none".to_owned(), "table"),
        ("DOORBELL_TRIGGER_QUEUE_URL", format!("{}-none", sandbox.account.trigger_queue_url()), "trigger-queue"),
        ("DOORBELL_EVENT_QUEUE_URL", format!("{}-none", sandbox.account.event_queue_url()), "event-queue"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", String::new(), "identity"),
    ] {
        let key = [("AWS_ACCESS_KEY_ID", "AKIANOBODYNOBODY0000"), ("AWS_SECRET_ACCESS_KEY", "none")];
        let more = if check == "identity" { &key[..] } else { &[] };
        let more = [&[(variable, value.as_str())][..], more].concat();
        let (broken, _) = run_doctor(&sandbox, &more).await;
        assert!(broken.iter().any(|(name, ..)| name == check), "{check} is not named: {broken:?}");
    }
}
