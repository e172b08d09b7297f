//! Every text that a forge shows, as people read it.

use serde_json::{Value, json};

use super::{COMMIT, Life, described, failed_in, known, mins, policy, secs};
use crate::domain::{Act, ProviderBuild, Seen, SendSeen};

fn flag(acts: &[Act]) -> String {
    acts.iter()
        .find_map(|act| match act {
            Act::Tell { report, .. } => Some(format!("{}: {}\n{}", report.status, report.comment, report.url)),
            _ => None,
        })
        .expect("something is told")
}

fn refusal(mut fields: Value, keys: Value) -> String {
    fields["commit"] = json!(COMMIT);
    let mut life = Life::of(fields);
    flag(&life.see(known(&policy(keys))))
}

#[test]
fn queued() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    life.pool_open = false;
    life.see(known(&policy(json!({}))));
    insta::assert_snapshot!(flag(&life.wait(secs(10)).wake()), @r"
    queued: waiting for a build
    https://console.example.org/projects/builds
    ");
}

#[test]
fn queued_at_a_limit() {
    let mut life = Life::starting(json!({}));
    life.sent(SendSeen::Limited("AccountLimitExceededException: cannot have more than 20 builds".to_owned()));
    life.pool_open = false;
    insta::assert_snapshot!(flag(&life.wait(secs(10)).wake()), @r"
    queued: waiting for a build: AccountLimitExceededException: cannot have more than 20 builds
    https://console.example.org/projects/builds
    ");
}

#[test]
fn running() {
    insta::assert_snapshot!(flag(&Life::starting(json!({})).started(1)), @r"
    running: branch main is being built
    https://logs.example.org/1
    ");
}

#[test]
fn endings_with_a_build() {
    let end = |status, phase: Option<(&str, &str)>| {
        let mut life = Life::running();
        let build = ProviderBuild {
            failed_phase: phase.map(|(name, message)| failed_in(name, message)),
            ..life.build(1, status)
        };
        flag(&life.see(described(build)))
    };
    insta::assert_snapshot!(end("SUCCEEDED", None), @r"
    success: passed after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end("FAILED", Some(("BUILD", "exit status 3"))), @r"
    failure: the command exited with 3 after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end("FAILED", Some(("BUILD", "exit status 242"))), @r"
    error: the commit is not on the ref that was asked for after 42 s (runner code 242)
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end("TIMED_OUT", None), @r"
    error: the provider ended the build at its time limit after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end("STOPPED", None), @r"
    canceled: stopped after 42 s
    https://logs.example.org/1
    ");
}

#[test]
fn endings_without_a_build() {
    let mut life = Life::starting(json!({}));
    let acts = life.sent(SendSeen::Invalid("Invalid environment variable".to_owned()));
    insta::assert_snapshot!(flag(&acts), @r"
    error: the provider refused the build: Invalid environment variable
    https://console.example.org/projects
    ");
    let mut life = Life::starting(json!({"onUnknownStart": "stop"}));
    let asked_at = life.wait(mins(16)).now;
    insta::assert_snapshot!(flag(&life.see(Seen::Searched { asked_at, builds: vec![] })), @r"
    error: unknown whether it started: a person decides (onUnknownStart is stop)
    https://console.example.org/projects
    ");
}

#[test]
fn refusals() {
    insta::assert_snapshot!(refusal(json!({"branch": "x"}), json!({"refs": ["main", "tags/v*"]})), @r"
    rejected: refused: branch x is not among the refs that project demo may build: heads/main, tags/v*
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(refusal(json!({"branch": null, "pullRequest": 7}), json!({})), @r"
    rejected: refused: project demo does not build pull requests
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(refusal(json!({"variables": {"STAGE": "x"}}), json!({})), @r"
    rejected: refused: project demo does not let requests set the variable STAGE
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(refusal(json!({"variables": {"PATH": "x"}}), json!({"variables": ["PATH"]})), @r"
    rejected: refused: the variable PATH is reserved: no request may set it
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(refusal(json!({}), json!({"buildProject": null})), @r"
    rejected: refused: project demo names no build project (buildProject)
    https://console.example.org/projects
    ");
    let mut life = Life::of(json!({"commit": COMMIT}));
    insta::assert_snapshot!(flag(&life.wait(mins(72 * 60 + 1)).see(known(&policy(json!({}))))), @r"
    rejected: refused: it was published more than 72 h ago: too old to build
    https://console.example.org/projects
    ");
}
