//! The account in the emulator: permissions, and delivery of messages.
mod access_keys;
mod call;
mod launcher;
mod messages;
mod permissions;

use std::path::{Path, PathBuf};

use doorbell_sandbox::account::{SandboxAccount, SandboxAccountOptions};
use doorbell_sandbox::aws::AwsClient;
use serde_json::{Value, json};

/// The time in seconds that a message may take through the emulator on a busy machine.
const ARRIVAL_TIMEOUT_SECONDS: u32 = 10;
const PROJECT: &str = "doorbell-build";

/// The Python that `bin/lib/python.sh` installs; if it is missing, the emulator's start names that script.
pub(crate) fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/emulator/bin/python")
}

async fn account() -> SandboxAccount {
    SandboxAccount::create(SandboxAccountOptions::new(python())).await.unwrap()
}

async fn other_topic(account: &SandboxAccount) -> String {
    let response = account.root().query("sns", "2010-03-31", "CreateTopic", &[("Name", "other")]).await.unwrap();
    response.text("TopicArn").unwrap()
}

async fn role_client(account: &SandboxAccount, role: &str) -> AwsClient {
    account.root().with_key(account.roles().key(role).await.unwrap())
}

fn codebuild_event(project: &str) -> Value {
    let detail = json!({ "build-status": "SUCCEEDED", "project-name": project });
    json!({ "Source": "aws.codebuild", "DetailType": "CodeBuild Build State Change", "Detail": detail.to_string() })
}
