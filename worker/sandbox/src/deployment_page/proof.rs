//! `bin/prove_account` in the deployed account: it has to find each behavior that the sandbox can be switched to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::terminal::Terminal;
use crate::codebuild::UndocumentedBehavior;
use crate::terraform_account::fixture::{BareEnvironment, ensure_no_secrets_in};

/// The script waits this long before it repeats a token. The sandbox forgets all tokens in that time.
const COMMAND: &str = "bin/prove_account --yes --token-age 5";
/// The fixture that is written right before that wait.
const BEFORE_THE_WAIT: &str = "-failed-build.json";
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// One position of the sandbox's switches, and the answers that the script has to find.
struct Position {
    directory: &'static str,
    behavior: UndocumentedBehavior,
    expected: [(&'static str, &'static str); 5],
}

/// The choices where AWS documents nothing. A limit that is checked first refuses a call before its token is looked up, so
/// no token can be consumed: hence not all switches at once.
fn positions() -> [Position; 3] {
    let behavior = UndocumentedBehavior::default;
    let answers = |mismatch, repeated, refused| {
        [
            ("token-other-parameters", mismatch),
            ("limit-or-token-first", repeated),
            ("refusal-consumes-token", refused),
            ("exit-code", "3"),
            ("account-quota", "20.0"),
        ]
    };
    [
        Position {
            directory: "proof-default",
            behavior: behavior(),
            expected: answers("InvalidInputException", "the same build", "no"),
        },
        Position {
            directory: "proof-limit-first",
            behavior: UndocumentedBehavior {
                limit_before_token: true,
                mismatch_error: "ClientException".to_owned(),
                ..behavior()
            },
            expected: answers("ClientException", "AccountLimitExceededException", "no"),
        },
        Position {
            directory: "proof-token-consumed",
            behavior: UndocumentedBehavior { refusal_consumes_token: true, ..behavior() },
            expected: answers("InvalidInputException", "the same build", "yes: AccountLimitExceededException"),
        },
    ]
}

/// The directory of the run in the account that loses requests.
const LOST: &str = "proof-lost";

/// Runs the script at each position, where it succeeds since either choice is right, and in an account whose trigger queue
/// takes no request.
///
/// # Errors
/// The script did not find what it has to find, or a fixture holds a secret.
pub(super) async fn prove(fixture: &BareEnvironment, terminal: &Terminal) -> anyhow::Result<()> {
    let mut directories = vec![terminal.file(LOST)];
    for Position { directory, behavior, expected } in positions() {
        fixture.codebuild.controls.change_settings(|settings| settings.undocumented = behavior);
        let answers = Answers::parse(&run_script(fixture, terminal, directory).await?);
        for (question, answer) in expected {
            answers.expect(question, answer).with_context(|| directory.to_owned())?;
        }
        println!("bin/prove_account, {directory}: {} answers, with {expected:?}", answers.0.len());
        directories.push(terminal.file(directory));
    }
    fixture.codebuild.controls.change_settings(|settings| settings.undocumented = UndocumentedBehavior::default());
    prove_lost_requests(fixture, terminal).await?;

    for directory in &directories {
        ensure!(directory.is_dir(), "{} does not exist", directory.display());
    }
    let key = fixture.emulator.root_key();
    let secrets = [key.access_key_id, key.secret_access_key];
    let paths: Vec<_> = directories.iter().map(PathBuf::as_path).collect();
    let file_count = ensure_no_secrets_in(&paths, &secrets)?;
    ensure!(file_count > 50, "only {file_count} fixtures were written");
    println!("bin/prove_account: lost requests are found, and no key in {file_count} files");
    Ok(())
}

/// Runs the script, and lets all tokens expire while it waits for that.
async fn run_script(fixture: &BareEnvironment, terminal: &Terminal, directory: &str) -> anyhow::Result<Vec<u8>> {
    let path = terminal.file(directory);
    let expire_tokens = async {
        while !has_file(&path, BEFORE_THE_WAIT) {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        fixture.codebuild.controls.expire_tokens();
        std::future::pending().await
    };
    let command = format!("{COMMAND} {directory}");
    tokio::select! {
        output = terminal.run(&command) => output,
        never = expire_tokens => never,
    }
}

/// Whether the directory has a file whose name ends so.
fn has_file(directory: &Path, end: &str) -> bool {
    let names = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().ends_with(end))
}

/// The trigger queue's policy no longer matches what SNS sends (O-14): every request is lost to the subscription's
/// dead-letter queue.
async fn prove_lost_requests(fixture: &BareEnvironment, terminal: &Terminal) -> anyhow::Result<()> {
    let url = terminal.run("printf %s \"$DOORBELL_TRIGGER_QUEUE_URL\"").await?;
    let url = String::from_utf8(url)?;
    let policy = queue_policy(fixture, &url).await?;
    let set = async |policy: &str| {
        let body = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
        fixture.root.json("sqs", "AmazonSQS.SetQueueAttributes", body).await
    };
    let broken = policy.replace("\"sqs:SendMessage\"", "\"sqs:PurgeQueue\"");
    ensure!(broken != policy, "the trigger queue's policy permits no sqs:SendMessage: {policy}");
    set(&broken).await?;
    let error = run_script(fixture, terminal, LOST).await.err().context("lost requests were not noticed")?;
    set(&policy).await?;
    let answers = Answers::parse(error.to_string().as_bytes());
    answers.expect("request-arrives", "no (expected: yes)")?;
    answers.expect("subscription-dead-letters", "1 (expected: 0)")?;
    answers.expect("dead-letters", "0")
}

async fn queue_policy(fixture: &BareEnvironment, url: &str) -> anyhow::Result<String> {
    let read = json!({ "QueueUrl": url, "AttributeNames": ["Policy"] });
    let answer = fixture.root.json("sqs", "AmazonSQS.GetQueueAttributes", read).await?;
    Ok(answer["Attributes"]["Policy"].as_str().context("the trigger queue has no policy")?.to_owned())
}

/// What the script printed, by question.
struct Answers(BTreeMap<String, String>);

impl Answers {
    /// Lines of `ok   NAME: QUESTION? ANSWER`.
    fn parse(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        let answer = |line: &str| {
            let (mark, rest) = line.split_once(' ')?;
            let (name, rest) = rest.trim_start().split_once(": ")?;
            let (_, answer) = rest.split_once("? ")?;
            ["ok", "note", "NO"].contains(&mark).then(|| (name.to_owned(), answer.to_owned()))
        };
        Self(text.lines().filter_map(answer).collect())
    }

    fn expect(&self, question: &str, answer: &str) -> anyhow::Result<()> {
        let found = self.0.get(question).map(String::as_str);
        ensure!(found == Some(answer), "{question}: {found:?}, not {answer:?}; all answers: {:#?}", self.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Answers;

    #[test]
    fn answers_are_read_by_question() {
        let output =
            b"text\nok   stop: which status? STOPPED\nNO   quota: how many? no answer\nnote lag: how long? 0.1\n";
        let answers = Answers::parse(output);
        assert_eq!(answers.0.len(), 3);
        answers.expect("stop", "STOPPED").unwrap();
        answers.expect("quota", "no answer").unwrap();
        assert!(answers.expect("lag", "0.2").is_err());
    }
}
