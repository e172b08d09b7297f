//! The account as data: names, settings and policies.
//!
//! `create.rs` creates it in the emulator and decides nothing, so this file and its siblings can be compared with
//! Terraform's plan.
use serde_json::{Value, json};

/// The sandbox's account id, one of those that AWS's documentation uses.
pub const ACCOUNT_ID: &str = "111122223333";
/// The sandbox's Region.
pub const REGION: &str = "eu-central-1";

/// The topic that publishers publish to.
pub const TOPIC_NAME: &str = "doorbell-requests";
/// The topic of done events, where the installation has one.
pub const DONE_TOPIC_NAME: &str = "doorbell-done";

/// Receives what was published, in SNS's envelope.
pub const TRIGGER_QUEUE: &str = "doorbell-triggers";
/// Receives the events of our builds.
pub const EVENT_QUEUE: &str = "doorbell-events";
/// The dead-letter queue of the trigger queue. The worker sends invalid messages to it, with a reason.
pub const DEAD_LETTER_QUEUE: &str = "doorbell-dead-letters";
/// The dead-letter queue of the event queue and of the rules that fill it.
pub const EVENT_DEAD_LETTER_QUEUE: &str = "doorbell-events-dead-letters";
/// Receives what SNS could not deliver to the trigger queue.
pub const SUBSCRIPTION_DEAD_LETTER_QUEUE: &str = "doorbell-subscription-dead-letters";

/// The ledger's table.
pub const JOBS_TABLE: &str = "doorbell-jobs";
/// The ledger's sparse index of unsettled rows, by shard and due time.
pub const DUE_INDEX: &str = "due";
/// The ledger's index of a project's jobs, by the time of receipt.
pub const PROJECT_INDEX: &str = "by_project";

/// The rule for "CodeBuild Build State Change".
pub const STATE_RULE: &str = "doorbell-build-state";
/// The rule for "CodeBuild Build Phase Change".
pub const PHASE_RULE: &str = "doorbell-build-phase";

/// The IAM user whose access key a third-party CI has.
pub const PUBLISHER_USER: &str = "doorbell-publisher";
/// The role of the worker's task.
pub const WORKER_ROLE: &str = "doorbell-worker";
/// The role of the account's owner, who runs `doorbell`.
pub const OWNER_ROLE: &str = "doorbell-owner";
/// The role of builds of branches and tags.
pub const BUILD_ROLE: &str = "doorbell-build";
/// The role of the pinned build project: it reads [`PINNED_GIT_SECRET`] and writes its log.
pub const PINNED_BUILD_ROLE: &str = "doorbell--demo-2a97516c";
/// The git secret of the pinned build project.
pub const PINNED_GIT_SECRET: &str = "doorbell/git/demo";
/// The role of builds of pull requests: it can write its log and nothing else.
pub const UNPRIVILEGED_BUILD_ROLE: &str = "doorbell-build-unprivileged";

/// Secrets with this prefix hold forges' tokens, which only workers read.
pub const REPORT_SECRET_PREFIX: &str = "doorbell/report/";
/// Secrets with this prefix hold git credentials, which only builds read.
pub const GIT_SECRET_PREFIX: &str = "doorbell/git/";
/// The log groups of build projects are this prefix and the project's name.
pub const LOG_GROUP_PREFIX: &str = "/aws/codebuild/";

/// The settings that differ between installations.
#[derive(Debug, Clone)]
pub struct AccountDefinition {
    /// The registry's parameters are named `<prefix>/<project>`: `/doorbell`, or iwomp's `/iwomp-in-aws`.
    pub prefix: String,
    /// The CodeBuild projects that workers may start and whose events they receive.
    pub build_projects: Vec<String>,
    /// Whether there is a topic of done events.
    pub done_topic: bool,
}

impl AccountDefinition {
    /// CreateTable's input: the key alone identifies a row, and unsettled rows are also in the sparse index.
    pub fn table(&self) -> Value {
        json!({
            "TableName": JOBS_TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "due_shard", "AttributeType": "N" },
                { "AttributeName": "due_at", "AttributeType": "N" },
                { "AttributeName": "listed", "AttributeType": "S" },
                { "AttributeName": "received_at", "AttributeType": "N" },
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            // An index lags behind the table, so a sweep reads the row itself before it acts.
            "GlobalSecondaryIndexes": [
                index(DUE_INDEX, "due_shard", "due_at"),
                index(PROJECT_INDEX, "listed", "received_at"),
            ],
        })
    }

    /// UpdateTimeToLive's input: settled rows expire.
    pub fn time_to_live(&self) -> Value {
        json!({
            "TableName": JOBS_TABLE,
            "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": true },
        })
    }

    /// The rules that forward our builds' events, as (name, event pattern).
    ///
    /// There are two, because AWS warns that one for both kinds "might produce unexpected results". Only the phases
    /// that carry new information are forwarded.
    pub fn rules(&self) -> Vec<(&'static str, Value)> {
        let pattern =
            |kind: &str, detail: Value| json!({ "source": ["aws.codebuild"], "detail-type": [kind], "detail": detail });
        let projects = &self.build_projects;
        let state = json!({ "project-name": projects });
        let phase = json!({ "project-name": projects, "completed-phase": ["PROVISIONING", "FINALIZING", "COMPLETED"] });
        vec![
            (STATE_RULE, pattern("CodeBuild Build State Change", state)),
            (PHASE_RULE, pattern("CodeBuild Build Phase Change", phase)),
        ]
    }
}

/// A global secondary index of the ledger, keys only.
fn index(name: &str, hash_key: &str, range_key: &str) -> Value {
    json!({
        "IndexName": name,
        "KeySchema": [
            { "AttributeName": hash_key, "KeyType": "HASH" },
            { "AttributeName": range_key, "KeyType": "RANGE" },
        ],
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    })
}

/// The topic's subscription: with the envelope, whose MessageId, TopicArn and Timestamp the worker needs.
///
/// It has a dead-letter queue of its own; without one SNS drops what the queue's policy rejects.
pub(crate) fn subscription() -> [(&'static str, String); 4] {
    [
        ("Protocol", "sqs".to_owned()),
        ("Endpoint", arn("sqs", TRIGGER_QUEUE)),
        ("RawMessageDelivery", false.to_string()),
        ("RedrivePolicy", json!({ "deadLetterTargetArn": arn("sqs", SUBSCRIPTION_DEAD_LETTER_QUEUE) }).to_string()),
    ]
}

/// The target of the rules: the event queue.
pub(crate) fn rule_target() -> Value {
    json!({
        "Id": EVENT_QUEUE,
        "Arn": arn("sqs", EVENT_QUEUE),
        "DeadLetterConfig": { "Arn": arn("sqs", EVENT_DEAD_LETTER_QUEUE) },
    })
}

/// An ARN of this account and Region.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}")
}

pub(crate) fn iam_arn(resource: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:{resource}")
}

pub(crate) fn topic_arn() -> String {
    arn("sns", TOPIC_NAME)
}

pub(crate) fn done_topic_arn() -> String {
    arn("sns", DONE_TOPIC_NAME)
}

pub(crate) fn rule_arns() -> [String; 2] {
    [STATE_RULE, PHASE_RULE].map(|rule| arn("events", &format!("rule/{rule}")))
}
