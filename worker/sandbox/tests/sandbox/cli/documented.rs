//! The pages' command lines are run, and what they are shown to print is what they print.

use std::collections::BTreeMap;
use std::process::Stdio;

use doorbell_messages::DeadLetter;
use doorbell_sandbox::account::definition::{DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE};
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::process::Command;

use super::account::RootAccount;
use super::json;
use super::pages::{CommandExample, command_examples, has_shape, named_in_table, page, pages};
use crate::e2e::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, start_sandbox};

const OWNERS_PAGE: &str = "worker/cli/README.md";

/// What is not run here, and why.
const SKIPPED: [(&str, &str); 1] = [("doorbell jobs watch --project demo", "it needs a terminal: see screens.rs")];

/// What does not end with 0: the page shows that the answer is no.
const CODES: [(&str, i32); 4] = [
    ("doorbell doctor", 1),
    ("doorbell doctor --quiet --output json", 1),
    ("doorbell project lint", 1),
    ("doorbell explain --project demo --branch wild", 6),
];

/// The world that the pages tell of.
struct DocumentedSandbox<'a> {
    sandbox: &'a Sandbox,
    /// What the pages say, and what it is here.
    substitutions: BTreeMap<&'static str, String>,
}

/// A registered project, a job that went well, and one that was rejected.
async fn documented_sandbox(sandbox: &Sandbox) -> DocumentedSandbox<'_> {
    let repository = sandbox.forge.create_repository("demo").await.unwrap();
    let mut commit = None;
    for branch in ["broken", "wild", "main"] {
        let script = if branch == "broken" { "#!/bin/sh\nexit 3\n" } else { PASSING_SCRIPT };
        commit = Some(repository.commit(branch, &[("ci.sh", EXECUTABLE_FILE, script)], branch).await.unwrap());
    }
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/main"]);
    sandbox.register_project("demo", &document).await.unwrap();
    document["timeoutMinutes"] = json!(10);
    std::fs::write(sandbox.account.dir().join("demo.json"), document.to_string()).unwrap();
    let request = json!({ "project": "demo", "branch": "main" });
    std::fs::write(sandbox.account.dir().join("message.json"), request.to_string()).unwrap();
    for arguments in
        [&["demo", "main", "--id", "ci-4711", "--cause", "push by ada"][..], &["nowhere", "main", "--id", "ci-2"]]
    {
        let build = [("TRAVIS", "true"), ("TRAVIS_PULL_REQUEST", "false")];
        let job = sandbox.trigger_in(&build, arguments).await.unwrap().job_key().unwrap();
        sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap();
    }
    let places = BTreeMap::from([("$COMMIT", commit.unwrap().to_string())]);
    DocumentedSandbox { sandbox, substitutions: places }
}

impl DocumentedSandbox<'_> {
    /// What the page takes for granted at this line.
    async fn prepare(&mut self, line: &str) {
        match line {
            "doorbell doctor" => RootAccount(self.sandbox).set_subscription("RawMessageDelivery", "true").await,
            "doorbell dlq list" => self.put_dead_letters().await,
            "doorbell project list" => self.sandbox.account.put_parameter("other", "{}").await.unwrap(),
            _ => {}
        }
    }

    async fn repair(&self, line: &str) {
        if line == "doorbell doctor --quiet --output json" {
            RootAccount(self.sandbox).set_subscription("RawMessageDelivery", "false").await;
        }
    }

    async fn put_dead_letters(&mut self) {
        let request = json!({ "project": "demo", "branch": "main" });
        let request = envelope(self.sandbox, "11111111-0000-4000-8000-000000000001", &request);
        let reason = "$.branch: invalid value \"-x\": expected a ref name whose parts are not empty and do not begin with - or .".to_owned();
        let unreadable =
            DeadLetter::new(reason, 1, "m".to_owned(), "{\"project\":\"demo\",\"branch\":\"-x\"}").to_json();
        for (queue, body) in [(DEAD_LETTER_QUEUE, unreadable), (SUBSCRIPTION_DEAD_LETTER_QUEUE, request)] {
            let url = self.sandbox.account.queue_url(queue);
            self.sandbox.account.send_to_queue(&url, &body).await.unwrap();
        }
        let listed = json(self.sandbox, &["dlq", "list"]).await;
        for (queue, name) in [("requests", "567910cd"), ("subscription", "0f1e2d3c")] {
            let messages = listed["messages"].as_array().unwrap();
            let id = messages.iter().find(|message| message["queue"] == queue).unwrap()["id"].as_str().unwrap();
            self.substitutions.insert(name, id[..8].to_owned());
        }
    }

    /// As a person's shell would run it: what it printed, on stdout and on stderr, and its exit code.
    async fn run(&self, line: &str) -> (Vec<String>, Option<i32>) {
        let line = self.substitutions.iter().fold(line.to_owned(), |line, (written, here)| line.replace(written, here));
        let environment = match line.starts_with("trigger_job") {
            true => self.sandbox.account.publisher_environment(),
            false => self.sandbox.owner_environment(),
        };
        let path = format!("{}:/usr/bin:/bin", self.sandbox.programs().dir().canonicalize().unwrap().display());
        let output = Command::new("sh")
            .args(["-euc", &format!("exec 2>&1\n{line}")])
            .env_clear()
            .envs(environment)
            .envs([("PATH", path.as_str()), ("BRANCH", "main"), ("BUILD_ID", "17")])
            .current_dir(self.sandbox.account.dir())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (text.lines().map(str::to_owned).collect(), output.status.code())
    }

    /// What is not as the page has it.
    async fn check(&mut self, example: &CommandExample) -> Option<String> {
        let line = example.line.as_str();
        self.prepare(line).await;
        let (mut printed, code) = self.run(line).await;
        self.repair(line).await;
        let expected = CODES.iter().find(|(of, _)| *of == line).map_or(0, |(_, code)| *code);
        let is_remark = |line: &String| line.starts_with("note: ") || line.starts_with("next: ");
        if !example.shown.iter().any(is_remark) {
            // A page may leave out what is beside the result.
            printed.retain(|line| !is_remark(line));
        }
        let is_as_shown = example.shown.is_empty() || has_shape(&example.shown, &printed);
        let texts = [example.shown.join("\n"), printed.join("\n")];
        (code != Some(expected) || !is_as_shown).then(|| {
            format!(
                "$ {line}\nit ended with {code:?}, not {expected}; or this is shown:\n{}\nand this printed:\n{}",
                texts[0], texts[1]
            )
        })
    }
}

/// One world for all of it: each line finds what those above it have left.
#[tokio::test]
async fn documented_commands_and_json_shapes_match_output() {
    let sandbox = start_sandbox().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let mut documented = documented_sandbox(&sandbox).await;
    let all: Vec<CommandExample> = pages().iter().flat_map(|name| command_examples(&page(name))).collect();
    for (line, why) in SKIPPED {
        assert!(all.iter().any(|example| example.line == line), "{line} is skipped ({why}), and in no page");
    }
    assert!(all.len() >= 30, "only {} lines were found", all.len());
    let mut wrong = Vec::new();
    for example in all.iter().filter(|example| SKIPPED.iter().all(|(line, _)| *line != example.line)) {
        wrong.extend(documented.check(example).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    check_shapes(&sandbox).await;
}

/// Each row of the page's table of shapes: what shows it, and where it is in that.
const SHAPES: [(&str, &str, &str); 24] = [
    ("doctor", "doctor", ""),
    ("a check", "doctor", "/checks/0"),
    ("jobs list", "jobs list", ""),
    ("a job", "jobs list", "/jobs/0"),
    ("its build", "jobs show ci-4711", "/build"),
    ("its last report", "jobs show ci-4711", "/lastReport"),
    ("jobs show", "jobs show ci-2", ""),
    ("a step", "jobs show ci-2", "/trail/0"),
    ("jobs watch", "jobs watch ci-2", ""),
    ("jobs cancel", "jobs cancel ci-2", ""),
    ("jobs rerun", "jobs rerun ci-2", ""),
    ("logs", "logs ci-4711", ""),
    ("dlq list", "dlq list", ""),
    ("a message", "dlq list", "/messages/0"),
    ("dlq show", "dlq show ID", ""),
    ("dlq redrive", "dlq redrive --all", ""),
    ("dlq delete", "dlq delete --all", ""),
    ("project list", "project list", ""),
    ("a project", "project list", "/projects/0"),
    ("project show", "project show demo", ""),
    ("project lint", "project lint demo.json", ""),
    ("a document", "project lint demo.json", "/documents/0"),
    ("project put", "project put demo demo.json", ""),
    ("explain", "explain message.json", ""),
];

async fn check_shapes(sandbox: &Sandbox) {
    let url = sandbox.account.queue_url(DEAD_LETTER_QUEUE);
    sandbox.account.send_to_queue(&url, "{}").await.unwrap();
    let id = json(sandbox, &["dlq", "list"]).await["messages"][0]["id"].as_str().unwrap().to_owned();
    let rows = named_in_table(&page(OWNERS_PAGE), "JSON");
    assert_eq!(rows.iter().map(|(row, _)| row.as_str()).collect::<Vec<_>>(), SHAPES.map(|(row, ..)| row));
    for ((row, mut named), (_, command, pointer)) in rows.into_iter().zip(SHAPES) {
        let arguments: Vec<&str> = command.split(' ').map(|word| if word == "ID" { &id } else { word }).collect();
        let said = super::doorbell(sandbox, &[&arguments[..], &["--output", "json"]].concat()).await;
        let first: Value = serde_json::from_str(said.stdout.lines().next().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{command}: {error}: {}{}", said.stdout, said.stderr));
        let object = first.pointer(pointer).and_then(Value::as_object);
        let object = object.unwrap_or_else(|| panic!("{row}: nothing at {pointer} in {first}"));
        let mut keys: Vec<&String> = object.keys().collect();
        keys.sort_unstable();
        named.sort_unstable();
        assert_eq!(named.iter().collect::<Vec<_>>(), keys, "{row}, as the page has it, and as {command} prints it");
    }
}
