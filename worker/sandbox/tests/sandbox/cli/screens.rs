//! What a person sees: on terminals of 60 and of 100 columns, which `script` plays, with colour and without.

use std::process::Stdio;
use std::time::Duration;

use doorbell_messages::DeadLetter;
use doorbell_sandbox::account::definition::DEAD_LETTER_QUEUE;
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::pages::has_shape;
use crate::e2e::{JOB_TIMEOUT, register_demo, start_sandbox, trigger};

/// A program on a terminal.
fn on_terminal(sandbox: &Sandbox, columns: usize, before: &str, arguments: &str) -> Child {
    let program = sandbox.programs().doorbell();
    let program = program.canonicalize().unwrap();
    let line = format!("stty rows 24 cols {columns}; {before} '{}' {arguments}", program.display());
    Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear()
        .envs(sandbox.owner_environment())
        .envs([("PATH", "/usr/bin:/bin"), ("TERM", "xterm-256color")])
        .current_dir(sandbox.account.dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What the terminal shows in the end, and the exit code.
pub(super) async fn run_on_terminal(
    sandbox: &Sandbox,
    columns: usize,
    before: &str,
    arguments: &str,
) -> (String, Option<i32>) {
    let child = on_terminal(sandbox, columns, before, arguments);
    let output = tokio::time::timeout(JOB_TIMEOUT, child.wait_with_output()).await.unwrap().unwrap();
    (String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"), output.status.code())
}

fn plain(text: &str) -> Vec<String> {
    anstream::adapter::strip_str(text).to_string().lines().map(str::to_owned).collect()
}

/// A job that went well, one that was rejected, a letter, a document with a mistake.
async fn populated_sandbox() -> Sandbox {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, "#!/bin/sh\necho hello\n").await;
    let long = [("ci.sh", EXECUTABLE_FILE, "#!/bin/sh\necho here\nexec sleep 300\n")];
    repository.commit("long", &long, "long").await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["timeoutMinute"] = json!(5);
    sandbox.register_project("odd", &document).await.unwrap();
    document["timeoutMinutes"] = json!(10);
    std::fs::write(sandbox.account.dir().join("odd.json"), document.to_string()).unwrap();
    let reason =
        "$.branch: invalid value \"-x\": expected a ref name whose parts are not empty and do not begin with - or ."
            .to_owned();
    let dead_letter = DeadLetter::new(reason, 1, "m".to_owned(), "{\"project\":\"demo\",\"branch\":\"-x\"}").to_json();
    sandbox.account.send_to_queue(&sandbox.account.queue_url(DEAD_LETTER_QUEUE), &dead_letter).await.unwrap();
    sandbox
}

#[tokio::test]
async fn terminal_output_fits_60_and_100_columns() {
    let sandbox = populated_sandbox().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let rejected = trigger(&sandbox, &["nowhere", "main"]).await;
    sandbox.wait_until_settled(&rejected, JOB_TIMEOUT).await.unwrap();
    let good = trigger(&sandbox, &["demo", "main", "--id", "ci-4711", "--cause", "push by ada"]).await;
    sandbox.wait_until_settled(&good, JOB_TIMEOUT).await.unwrap();
    let screens = [
        "doctor",
        "jobs list",
        "jobs show ci-4711",
        "jobs watch ci-4711",
        "logs -f ci-4711",
        "dlq list",
        "dlq redrive --all",
        "project list",
        "project show odd",
        "project lint",
        "project put odd odd.json",
        "explain --project demo --branch main",
        "explain --project nowhere --branch main",
        "jobs show none",
    ];
    for (columns, before) in [(60, ""), (100, "NO_COLOR=1")] {
        for screen in screens {
            let (text, _) = run_on_terminal(&sandbox, columns, before, screen).await;
            assert_eq!(text.contains('\u{1b}'), before.is_empty(), "{screen}: {text:?}");
            for line in plain(&text) {
                // A name, an address or a log's line is never cut: it may be copied.
                let is_one_word = line.split_whitespace().any(|word| word.len() + 14 > columns);
                let is_cut = is_one_word || screen.starts_with("logs") || line.trim_start().starts_with('"');
                assert!(line.chars().count() <= columns || is_cut, "{screen} at {columns}:\n{text}");
            }
        }
    }
    check(&sandbox, "jobs list", JOBS_OUTPUT).await;
    check(&sandbox, "dlq list", DEAD_LETTERS_OUTPUT).await;
    check(&sandbox, "project list", PROJECTS_OUTPUT).await;
    check(&sandbox, "doctor --quiet", DOCTOR_OUTPUT).await;
    check(&sandbox, "explain --project nowhere --branch main", EXPLAIN_OUTPUT).await;
}

/// At 60 columns; see [`has_shape`].
async fn check(sandbox: &Sandbox, arguments: &str, expected: &str) {
    let (text, _) = run_on_terminal(sandbox, 60, "NO_COLOR=1", arguments).await;
    let expected: Vec<String> = expected.lines().map(str::to_owned).collect();
    assert!(has_shape(&expected, &plain(&text)), "{arguments}:\n{text}");
}

const JOBS_OUTPUT: &str = "\
STATUS    AGE  JOB                   REF AND REASON
success   0 s  demo#ci-4711          branch main: ...
rejected  0 s  nowhere#aa80c17b2a1a  branch main: ...";

const DEAD_LETTERS_OUTPUT: &str = "\
QUEUE     AGE  ID        REASON
requests  0 s  4210eb6b  $.branch: invalid ...";

const PROJECTS_OUTPUT: &str = "\
STATE    PROJECT  REPOSITORY, OR WHAT IS WRONG
ok       demo     https://127.0.0.1/demo.git
warning  odd      the key \"timeoutMinute\" ...";

const DOCTOR_OUTPUT: &str = "\
warning dead-letters-requests: 1 message that could not be
        processed
        fix: doorbell dlq list --queue requests
warning project-odd: the key \"timeoutMinute\" is unknown and
        ignored: is \"timeoutMinutes\" meant?
        fix: fix the source file; doorbell project put odd
              FILE
note: 24 checks: 0 failed, 2 warned, 0 skipped";

const EXPLAIN_OUTPUT: &str = "\
it would be rejected
because     no project nowhere is registered";

/// Ctrl-C, typed by a person who looks on.
async fn interrupt(sandbox: &Sandbox, arguments: &str, once_shown: &str) -> (String, Option<i32>) {
    let mut child = on_terminal(sandbox, 60, "", arguments);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut text = String::new();
    let mut buffer = [0; 4096];
    let mut is_typed = false;
    let read = async {
        loop {
            let count = stdout.read(&mut buffer).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if count == 0 {
                return child.wait().await.unwrap();
            }
            if !is_typed && text.contains(once_shown) {
                stdin.write_all(b"\x03").await.unwrap();
                is_typed = true;
            }
        }
    };
    let ended = tokio::time::timeout(JOB_TIMEOUT, read).await;
    let ended = ended.unwrap_or_else(|_| panic!("{arguments} does not end: {text}"));
    (text, ended.code())
}

#[tokio::test]
async fn ctrl_c_while_following_restores_the_terminal() {
    let sandbox = populated_sandbox().await;
    let worker = sandbox.start_worker(&[]).await.unwrap();
    let job = trigger(&sandbox, &["demo", "long", "--id", "long"]).await;
    sandbox.wait_for_job(&job, JOB_TIMEOUT, |job| job.phase() == "running").await.unwrap();
    for (arguments, once_shown) in
        [("jobs watch", "Ctrl-C ends"), ("jobs watch long", "reported to forge"), ("logs -f long", "here")]
    {
        let (text, code) = interrupt(&sandbox, arguments, once_shown).await;
        assert_eq!(code, Some(130), "{arguments}: {text}");
        assert!(text.contains("interrupted; the job continues"), "{arguments}: {text}");
        // Neither a hidden cursor, nor another screen, nor a colour that stays.
        for sequence in ["\u{1b}[?25l", "\u{1b}[?1049h"] {
            assert!(!text.contains(sequence), "{arguments}: {text:?}");
        }
        let mut styles = text.split('\u{1b}').filter(|part| part.starts_with('[') && part.contains('m'));
        assert!(styles.next_back().is_some_and(|last| last.starts_with("[0m")), "{arguments}: {text:?}");
    }
    let row = sandbox.job(&job).await.unwrap().unwrap();
    assert_eq!(row.phase(), "running", "who looks on no more ends nothing");
    super::doorbell(&sandbox, &["jobs", "cancel", "long"]).await;
    sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap();
    worker.terminate(Duration::from_secs(10)).await.unwrap();
}
