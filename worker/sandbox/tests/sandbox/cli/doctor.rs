//! `doctor` with a healthy installation, and with each of its links broken.

use std::time::{Duration, Instant};

use axum::response::Redirect;
use doorbell_sandbox::account::definition::{
    ACCOUNT_ID, BUILD_ROLE, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, OWNER_ROLE,
    PHASE_RULE, REGION, STATE_RULE, SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE, UNPRIVILEGED_BUILD_ROLE,
    WORKER_ROLE,
};
use doorbell_sandbox::proxy::Proxy;
use doorbell_sandbox::sandbox::{CommandOutput, Sandbox};
use serde_json::{Value, json};

use super::account::RootAccount;
use super::json as json_output;
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

/// A git host that redirects the first request of every fetch to this repository; its address.
async fn redirecting_host(path: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let moved = Redirect::permanent(&format!("{path}/info/refs?service=git-upload-pack"));
    let service = axum::Router::new().fallback(move || std::future::ready(moved.clone()));
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
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

#[tokio::test]
async fn doctor_names_broken_topic_subscription_or_queue() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);
    let topic = sandbox.account.topic_arn();

    let open = json!({ "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic });
    account.set_topic_policy(&json!({ "Version": "2012-10-17", "Statement": [open] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "topic-policy", "failure", "everyone may publish");
    let root = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT_ID}:root") });
    let own = json!({ "Effect": "Allow", "Principal": root, "Action": "sns:Publish", "Resource": topic });
    account.set_topic_policy(&json!({ "Version": "2012-10-17", "Statement": [own] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "topic-policy", "warning", "without TLS");
    account.set_topic_policy(&sandbox.account.definition().topic_policy()).await;

    account.set_subscription("RawMessageDelivery", "true").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "raw message delivery is on");
    account.set_subscription("RawMessageDelivery", "false").await;
    account.set_subscription("FilterPolicy", "{\"a\":[\"b\"]}").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "it has a filter");
    account.set_subscription("FilterPolicy", "{}").await;

    account.set_queue(TRIGGER_QUEUE, "Policy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "does not let sns.amazonaws.com send");
    account.repair_queue(TRIGGER_QUEUE, "Policy").await;
    account.set_queue(TRIGGER_QUEUE, "RedrivePolicy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "no dead-letter queue");
    let elsewhere = format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{EVENT_DEAD_LETTER_QUEUE}");
    let redrive = json!({ "deadLetterTargetArn": elsewhere, "maxReceiveCount": 10 });
    account.set_queue(TRIGGER_QUEUE, "RedrivePolicy", &redrive.to_string()).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "its dead letters go to");
    account.repair_queue(TRIGGER_QUEUE, "RedrivePolicy").await;
    account.set_queue(EVENT_QUEUE, "Policy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "event-queue", "failure", "does not let events.amazonaws.com send");
    account.repair_queue(EVENT_QUEUE, "Policy").await;

    for (queue, check) in [
        (DEAD_LETTER_QUEUE, "dead-letters-requests"),
        (SUBSCRIPTION_DEAD_LETTER_QUEUE, "dead-letters-subscription"),
        (EVENT_DEAD_LETTER_QUEUE, "dead-letters-events"),
    ] {
        let url = sandbox.account.queue_url(queue);
        sandbox.account.send_to_queue(&url, "{}").await.unwrap();
        assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "1 message that could not be processed");
        let messages = sandbox.account.receive(&url, 0).await.unwrap();
        sandbox.account.delete(&url, &messages[0]).await.unwrap();
    }

    // Last, since what comes after it needs the subscription.
    account.sns("Unsubscribe", &[("SubscriptionArn", account.subscription().await.as_str())]).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "not subscribed");
}

#[tokio::test]
async fn doctor_names_broken_rule_table_or_worker() {
    let (sandbox, _, worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);

    account.json("events", "AWSEvents.DisableRule", json!({ "Name": STATE_RULE })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-state", "failure", "is disabled");
    account.json("events", "AWSEvents.EnableRule", json!({ "Name": STATE_RULE })).await;
    account.json("events", "AWSEvents.RemoveTargets", json!({ "Rule": PHASE_RULE, "Ids": [EVENT_QUEUE] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-phase", "failure", "no rule forwards");
    account.set_target(PHASE_RULE, false).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-phase", "failure", "has no dead-letter queue");
    account.set_target(PHASE_RULE, true).await;
    account.set_pattern(STATE_RULE, Some(&["doorbell-build-unprivileged"])).await;
    assert_named(
        &run_doctor(&sandbox, &[]).await,
        "build-project-doorbell-build",
        "failure",
        "no rule forwards its events",
    );
    account.set_pattern(STATE_RULE, None).await;

    let ttl = |on: bool| {
        let specification = json!({ "AttributeName": "expires_at", "Enabled": on });
        json!({ "TableName": JOBS_TABLE, "TimeToLiveSpecification": specification })
    };
    account.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", ttl(false)).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "table-ttl", "warning", "settled rows never expire");
    account.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", ttl(true)).await;

    worker.kill().await.unwrap();
    let stuck = "demo#stuck#44483f6b239f8fbaede9b993";
    account
        .put_item(json!({ "pk": { "S": stuck }, "due_shard": { "N": "3" }, "due_at": { "N": "1700000000000" } }))
        .await;
    assert_named(&run_doctor(&sandbox, &[]).await, "overdue", "failure", "1 job overdue");
    account.delete_item(stuck).await;
    account.put_item(json!({ "pk": { "S": "#heartbeat" }, "at": { "N": "1700000000000" } })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "worker", "failure", "requests wait");
    account.delete_item("#heartbeat").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "worker", "failure", "no worker has swept");
}

#[tokio::test]
async fn doctor_names_broken_project_secret_role_or_forge() {
    let (sandbox, document, _worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);
    let with = |pointer: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };

    sandbox.account.put_parameter("other", "{\"gitUrl\": 5}").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "project-other", "failure", "gitUrl");
    sandbox.account.delete_parameter("other").await.unwrap();
    let mut misspelt = document.clone();
    misspelt["timeoutMinute"] = json!(5);
    sandbox.register_project("demo", &misspelt).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "project-demo", "warning", "is \"timeoutMinutes\" meant?");
    let empty = [("DOORBELL_REGISTRY_PREFIX", "/doorbell/nothing-here")];
    let (broken, _) = run_doctor(&sandbox, &empty).await;
    let says = |name: &str, state: &str, text: &str| {
        broken.iter().any(|one| one.0 == name && one.1 == state && one.2.contains(text))
    };
    assert!(says("registry", "failure", "no project is registered"), "{broken:?}");
    assert!(
        says("worker-role", "failure", "may not ssm:GetParametersByPath on"),
        "its rights end at its own prefix: {broken:?}"
    );

    sandbox.register_project("demo", &document).await.unwrap();
    sandbox.register_project("other", &document).await.unwrap();
    let check = "shared-credential-doorbell/git/demo";
    assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "serves the projects demo, other");
    sandbox.account.delete_parameter("other").await.unwrap();
    let moved = format!("{}/demo", redirecting_host("/demo.git").await);
    sandbox.register_project("demo", &with("/gitUrl", json!(moved))).await.unwrap();
    let found = run_doctor(&sandbox, &[]).await;
    assert_named(&found, "git-host-demo", "failure", &format!("redirects to {moved}.git; "));
    let explained = json_output(&sandbox, &["explain", "--project", "demo", "--branch", "main"]).await;
    assert!(explained["warnings"][0].as_str().unwrap().contains(&format!("redirects to {moved}.git; ")), "{explained}");
    sandbox.register_project("demo", &with("/gitCredentials/secret", json!("doorbell/git/none"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "secret-doorbell/git/none", "failure", "does not exist");
    sandbox.register_project("demo", &with("/buildProject", json!("nobodys"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "build-project-nobodys", "failure", "has no such project");
    sandbox.register_project("demo", &document).await.unwrap();

    let unrelated = json!({ "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" });
    let nothing = json!({ "Version": "2012-10-17", "Statement": [unrelated] });
    account.set_role(BUILD_ROLE, &nothing).await;
    assert_named(
        &run_doctor(&sandbox, &[]).await,
        "build-role-doorbell-build",
        "failure",
        "may not secretsmanager:GetSecretValue",
    );
    account.repair_role(BUILD_ROLE).await;
    account.set_role(WORKER_ROLE, &nothing).await;
    let said = "may not sqs:ReceiveMessage, sqs:DeleteMessage on";
    assert_named(&run_doctor(&sandbox, &[]).await, "worker-role", "failure", said);
    account.repair_role(WORKER_ROLE).await;
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    account.set_role(UNPRIVILEGED_BUILD_ROLE, &all).await;
    let check = "build-role-doorbell-build-unprivileged";
    assert_named(&run_doctor(&sandbox, &[]).await, check, "failure", "code from outside could use");
    account.repair_role(UNPRIVILEGED_BUILD_ROLE).await;

    sandbox.account.put_secret("doorbell/report/forge", "not-the-token").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-demo", "failure", "rejects the token");
    sandbox.account.put_secret("doorbell/report/forge", sandbox.report_token()).await.unwrap();
    sandbox.register_project("demo", &with("/reportTo/url", json!("https://127.0.0.1:1"))).await.unwrap();
    let allowed = [("DOORBELL_ALLOW_PRIVATE_FORGES", "127.0.0.1:1")];
    assert_named(&run_doctor(&sandbox, &allowed).await, "forge-demo", "failure", "it can't be reached");
    sandbox.register_project("demo", &with("/reportTo/repo", json!("nobodys"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-nobodys", "failure", "cannot take status reports");

    sandbox.account.put_secret("doorbell/report/forge", &sandbox.forge.create_hook_token("demo")).await.unwrap();
    sandbox.register_project("demo", &with("/reportTo/type", json!("pagure-ci"))).await.unwrap();
    assert_eq!(run_doctor(&sandbox, &[]).await, (Vec::new(), Some(0)), "a hook's token is tried by the plugin's route");
    sandbox.account.put_secret("doorbell/report/forge", "not-the-token").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-demo", "failure", "rejects the token");
    assert!(sandbox.forge.flag_posts().is_empty(), "nothing was written");
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

/// The quota is the account's limit of builds; nothing but the limits of build projects is Doorbell's own.
#[tokio::test]
async fn doctor_compares_build_quota_with_project_limits() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let check = "build-quota-linux-small";
    let set_quota = |limit: usize| sandbox.codebuild.controls.change_settings(|all| all.account_limit = limit);
    let report = json_output(&sandbox, &["doctor"]).await;
    let found = report["checks"].as_array().unwrap().iter().find(|one| one["check"] == check).unwrap();
    let message = "the account's quota of concurrent builds on Linux/Small is 20; 2 of 2 build projects have no limit \
                   of their own: jobs wait when it is reached";
    assert_eq!((&found["state"], &found["message"]), (&json!("ok"), &json!(message)));

    set_quota(0);
    assert_named(&run_doctor(&sandbox, &[]).await, check, "failure", "no build can start");
    set_quota(3);
    set_project_limit(&sandbox, 4).await;
    assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "is 3, below the limits of the build projects");
    set_quota(4);
    assert_eq!(run_doctor(&sandbox, &[]).await, (Vec::new(), Some(0)), "a limit may be the quota");

    // Without the permission, and with an endpoint that does not answer, nothing is known and nothing fails.
    let unreachable = [("AWS_ENDPOINT_URL_SERVICE_QUOTAS", "https://127.0.0.1:1")];
    assert_named(&run_doctor(&sandbox, &unreachable).await, check, "skipped", "the quota of Linux/Small is not known");
    let mut policy = sandbox.account.definition().owner_role().policy;
    policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "ReadBuildQuotas");
    RootAccount(&sandbox).set_role(OWNER_ROLE, &policy).await;
    let found = run_doctor(&sandbox, &[]).await;
    assert_named(&found, check, "skipped", "not authorized to perform: servicequotas:GetServiceQuota");
}

/// Limits the concurrent builds of the build project.
async fn set_project_limit(sandbox: &Sandbox, limit: u32) {
    let client = sandbox.codebuild_client(sandbox.account.emulator().root_key()).unwrap();
    let change = json!({ "name": "doorbell-build", "concurrentBuildLimit": limit });
    client.json("codebuild", "CodeBuild_20161006.UpdateProject", change).await.unwrap();
}

/// A check that these credentials may not make is skipped: it neither passes nor fails.
#[tokio::test]
async fn doctor_skips_checks_without_permission() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let mut policy = sandbox.account.definition().owner_role().policy;
    for statement in policy["Statement"].as_array_mut().unwrap() {
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|action| !action.as_str().unwrap().starts_with("iam:"));
    }
    RootAccount(&sandbox).set_role(OWNER_ROLE, &policy).await;
    let (found, code) = run_doctor(&sandbox, &[]).await;
    let skipped: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(skipped, ["build-role-doorbell-build", "build-role-doorbell-build-unprivileged", "worker-role"]);
    assert!(found.iter().all(|(_, state, text)| state == "skipped" && text.contains("iam:")), "{found:?}");
    assert_eq!(code, Some(0));
}

/// At least one fault of this file is for each check that the page promises.
#[test]
fn every_documented_doctor_check_has_a_test() {
    let faults = include_str!("doctor.rs");
    let page = page("worker/cli/README.md");
    let rows = page.split("\n## Doctor\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = rows.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let names: Vec<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() >= 20, "{names:?}");
    // `-events` goes on from the name before it.
    for name in names.iter().filter(|name| !name.starts_with('-')) {
        let name = name.split('<').next().unwrap();
        assert!(faults.contains(&format!("\"{name}")), "no fault is for {name}");
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
