//! One hostile text at every place that a stranger fills, through every command on a terminal: its bytes steer nothing.

use doorbell_messages::DeadLetter;
use doorbell_messages::text::is_unsafe_in_line;
use doorbell_sandbox::account::definition::{DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, JOBS_TABLE};
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};

use super::screens::run_on_terminal;
use super::{doorbell, json as json_of};
use crate::e2e::{JOB_TIMEOUT, envelope, register_demo, start_sandbox, trigger};

/// A window's title, a color, their 8-bit forms, a forged line, and characters that hide or turn text.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[38;5;99mx\u{9b}31m\u{9d}0;y\u{9c}\u{7f}\u{85}\rz\u{202e}\u{2066}\u{200b}\
                       \u{ad}\u{2028}\u{feff}\u{3164}\u{e0041}\nerror: forged";

/// What a request's texts may hold of it when it is published. The worker takes the invisible characters out.
const HOSTILE_CAUSE: &str = "seen\u{200b}\u{200d}\u{2060}\u{ad}\u{3164}\u{e0041}";

/// The SGR sequence of the hostile text. The program's own have other numbers.
const FOREIGN_COLOR: &str = "\u{1b}[38;5;99m";

/// The terminal's bytes without the program's own colors and without line ends.
#[track_caller]
fn assert_harmless(command: &str, shown: &str) {
    assert!(!shown.contains(FOREIGN_COLOR), "{command}: {shown:?}");
    for line in shown.lines() {
        let text = without_colors(line);
        let hostile = text.chars().find(|c| *c != '\t' && is_unsafe_in_line(*c));
        assert_eq!(hostile, None, "{command}: {line:?}");
        // The lines of a log are the build's own.
        let is_forged = text.starts_with("error: forged") && !command.starts_with("logs");
        assert!(!is_forged, "{command}: {line:?}");
    }
}

/// The text without sequences of the form `ESC [ digits m`.
fn without_colors(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        match part[end..].strip_prefix('m') {
            Some(rest) => text.push_str(rest),
            None => text.push_str(&format!("\u{1b}[{part}")),
        }
    }
    text
}

async fn hostile_sandbox() -> (Sandbox, String, String) {
    let sandbox = start_sandbox().await;
    // `printf` writes the text's bytes into the build's log.
    let octal: String = HOSTILE.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    let (repository, _) = register_demo(&sandbox, &format!("#!/bin/sh\nprintf '{octal}\\n'\n")).await;
    let mut document = sandbox.registry_document(&repository, &json!(["./ci.sh", HOSTILE]));
    document[HOSTILE] = json!(HOSTILE);
    document["variables"] = json!(["STAGE"]);
    sandbox.register_project("odd", &document).await.unwrap();
    document["command"] = json!(["./ci.sh", HOSTILE, "again"]);
    std::fs::write(sandbox.account.dir().join("odd.json"), document.to_string()).unwrap();
    std::fs::write(sandbox.account.dir().join("bad.json"), json!({ "gitUrl": HOSTILE }).to_string()).unwrap();
    let request =
        json!({ "project": "odd", "branch": "main", "variables": { "STAGE": HOSTILE }, "cause": HOSTILE_CAUSE });
    std::fs::write(sandbox.account.dir().join("request.json"), request.to_string()).unwrap();
    std::fs::write(sandbox.account.dir().join("malformed.json"), json!({ HOSTILE: HOSTILE }).to_string()).unwrap();

    let mut worker = sandbox.start_worker(&[]).await.unwrap();
    let good = trigger(&sandbox, &["demo", "main", "--id", "good", "--cause", HOSTILE_CAUSE]).await;
    sandbox.wait_until_settled(&good, JOB_TIMEOUT).await.unwrap();
    let rejected = trigger(&sandbox, &["nowhere", "main"]).await;
    sandbox.wait_until_settled(&rejected, JOB_TIMEOUT).await.unwrap();
    fill_row(&sandbox, &good).await;
    fill_row(&sandbox, &rejected).await;
    let body = envelope(&sandbox, HOSTILE, &request);
    sandbox.account.send_to_queue(&sandbox.account.trigger_queue_url(), &body).await.unwrap();
    worker.wait_for_log("moving it to the dead-letter queue", JOB_TIMEOUT).await.unwrap();
    assert_harmless("the worker", &worker.log().unwrap());
    for body in [HOSTILE.to_owned(), json!({ "project": HOSTILE, HOSTILE: 1 }).to_string()] {
        let dead_letter = DeadLetter::new(HOSTILE.to_owned(), 1, HOSTILE.to_owned(), &body).to_json();
        sandbox.account.send_to_queue(&sandbox.account.queue_url(DEAD_LETTER_QUEUE), &dead_letter).await.unwrap();
    }
    let event = json!({ "detail-type": HOSTILE, "detail": { "build-id": HOSTILE } }).to_string();
    sandbox.account.send_to_queue(&sandbox.account.queue_url(EVENT_DEAD_LETTER_QUEUE), &event).await.unwrap();
    (sandbox, good, rejected)
}

/// Puts the hostile text where a row keeps the words of providers, forges and rules.
async fn fill_row(sandbox: &Sandbox, key: &str) {
    let items = sandbox.account.rows().await.unwrap();
    let item = items.iter().find(|item| item["pk"] == key).unwrap();
    let mut row: Value = serde_json::from_str(item["row"].as_str().unwrap()).unwrap();
    for path in ["/phase/reason", "/phase/result/message", "/phase/build/log_url", "/reports/0/undeliverable"] {
        if let Some(text) = row.pointer_mut(path) {
            *text = json!(HOSTILE);
        }
    }
    row["trail"].as_array_mut().unwrap().iter_mut().for_each(|entry| entry["message"] = json!(HOSTILE));
    let update = json!({
        "TableName": JOBS_TABLE,
        "Key": { "pk": { "S": key } },
        "UpdateExpression": "SET #row = :row",
        "ExpressionAttributeNames": { "#row": "row" },
        "ExpressionAttributeValues": { ":row": { "S": row.to_string() } },
    });
    sandbox.account.root().json("dynamodb", "DynamoDB_20120810.UpdateItem", update).await.unwrap();
}

#[tokio::test]
async fn hostile_text_steers_no_terminal() {
    let (sandbox, good, rejected) = hostile_sandbox().await;
    let letters = json_of(&sandbox, &["dlq", "list"]).await;
    let ids: Vec<&str> =
        letters["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    let mut commands = vec![
        "doctor".to_owned(),
        "jobs list".to_owned(),
        format!("jobs list --status '{HOSTILE}'"),
        format!("jobs show '{good}'"),
        format!("jobs show '{rejected}'"),
        format!("jobs show '{HOSTILE}'"),
        format!("jobs watch '{good}'"),
        format!("jobs cancel '{good}'"),
        format!("jobs rerun '{good}'"),
        format!("logs '{good}'"),
        format!("logs -f '{good}'"),
        "dlq list".to_owned(),
        format!("dlq list --reason '{HOSTILE}'"),
        format!("dlq show '{HOSTILE}'"),
        "dlq redrive --all".to_owned(),
        "dlq delete --all".to_owned(),
        "project list".to_owned(),
        "project show odd".to_owned(),
        format!("project show '{HOSTILE}'"),
        "project lint".to_owned(),
        "project lint odd.json bad.json malformed.json".to_owned(),
        "project put odd odd.json".to_owned(),
        "project put odd bad.json".to_owned(),
        "project remove odd".to_owned(),
        "explain request.json".to_owned(),
        "explain malformed.json".to_owned(),
        "explain --project odd --branch main".to_owned(),
        format!("explain --project odd --branch '{HOSTILE}' --var 'STAGE={HOSTILE}'"),
        format!("'{HOSTILE}'"),
    ];
    commands.extend(ids.iter().map(|id| format!("dlq show {id}")));
    for command in &commands {
        for form in ["", "--output json"] {
            let (shown, _) = run_on_terminal(&sandbox, 100, "", &format!("{command} {form}")).await;
            assert_harmless(command, &shown);
        }
    }
}

#[tokio::test]
async fn json_output_keeps_the_meaning_of_hostile_text() {
    let (sandbox, good, rejected) = hostile_sandbox().await;
    let letters = json_of(&sandbox, &["dlq", "list"]).await;
    assert!(letters["messages"].as_array().unwrap().iter().any(|message| message["reason"] == HOSTILE), "{letters}");
    assert_eq!(json_of(&sandbox, &["jobs", "show", &good]).await["trail"][0]["message"], HOSTILE);
    assert_eq!(json_of(&sandbox, &["jobs", "show", &good]).await["cause"], "seen");
    assert_eq!(json_of(&sandbox, &["jobs", "show", &rejected]).await["message"], HOSTILE);
    assert_eq!(json_of(&sandbox, &["project", "show", "odd"]).await["document"]["command"][1], HOSTILE);
    let log = doorbell(&sandbox, &["logs", &good, "--output", "json"]).await;
    let lines: Vec<Value> = log.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["message"].as_str().unwrap().contains("\u{9b}31m")), "{}", log.stdout);
}
