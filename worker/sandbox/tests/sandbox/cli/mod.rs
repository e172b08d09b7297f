//! `doorbell`, as the account's owner runs it: with a role of the owner's own.
mod account;
mod dead_letters;
mod doctor;
mod documented;
mod explain;
mod following;
mod hostile_text;
mod jobs;
mod pages;
mod pinned;
mod project;
mod redrive;
mod screens;

use doorbell_sandbox::sandbox::{CommandOutput, Sandbox};
use serde_json::Value;

/// Runs `doorbell`.
async fn doorbell(sandbox: &Sandbox, arguments: &[&str]) -> CommandOutput {
    sandbox.doorbell(arguments, &[]).await.unwrap()
}

/// Its result as JSON; it must have ended well.
async fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let said = doorbell(sandbox, &[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.stderr);
    serde_json::from_str(&said.stdout).unwrap()
}
