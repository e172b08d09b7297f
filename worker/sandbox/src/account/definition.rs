//! What the account consists of, as data: names, settings and policies. `build.rs` creates it in the emulator;
//! nothing else decides anything, so that this file and its neighbours can be compared with Terraform's plan.
use serde_json::{Value, json};

/// The sandbox's account, one of those that AWS's documentation uses.
pub const ACCOUNT_ID: &str = "111122223333";
/// The sandbox's Region.
pub const REGION: &str = "eu-central-1";

/// Where publishers publish.
pub const TOPIC_NAME: &str = "doorbell-requests";

/// What was published, in SNS's envelope.
pub const TRIGGER_QUEUE: &str = "doorbell-triggers";
/// Our builds' events.
pub const EVENT_QUEUE: &str = "doorbell-events";
/// Of the trigger queue, and of the worker itself: what it can't read goes here with a reason.
pub const DEAD_LETTER_QUEUE: &str = "doorbell-dead-letters";
/// Of the event queue, and of the rules that fill it.
pub const EVENT_DEAD_LETTER_QUEUE: &str = "doorbell-events-dead-letters";
/// What SNS could not put into the trigger queue.
pub const SUBSCRIPTION_DEAD_LETTER_QUEUE: &str = "doorbell-subscription-dead-letters";

/// The ledger.
pub const JOBS_TABLE: &str = "doorbell-jobs";
/// The ledger's sparse index: rows that somebody must look at, by shard and time.
pub const DUE_INDEX: &str = "due";

/// Brings "CodeBuild Build State Change".
pub const STATE_RULE: &str = "doorbell-build-state";
/// Brings "CodeBuild Build Phase Change".
pub const PHASE_RULE: &str = "doorbell-build-phase";

/// The IAM user whose key a third-party CI holds.
pub const PUBLISHER_USER: &str = "doorbell-publisher";
/// The role of the worker's task.
pub const WORKER_ROLE: &str = "doorbell-worker";
/// The role of the account's owner, who runs `doorbell`.
pub const OWNER_ROLE: &str = "doorbell-owner";
/// The role of builds of branches and tags.
pub const BUILD_ROLE: &str = "doorbell-build";
/// The role of builds of pull requests: it can write its log and nothing else.
pub const UNPRIVILEGED_BUILD_ROLE: &str = "doorbell-build-unprivileged";

/// Secrets Manager names that start so hold forges' tokens, which only workers read.
pub const REPORT_SECRET_PREFIX: &str = "doorbell/report/";
/// Secrets Manager names that start so hold git credentials, which only builds read.
pub const GIT_SECRET_PREFIX: &str = "doorbell/git/";
/// Build projects write their logs into groups of this prefix and their own name.
pub const LOG_GROUP_PREFIX: &str = "/aws/codebuild/";

/// What differs from one installation to the next.
#[derive(Debug, Clone)]
pub struct AccountDefinition {
    /// SSM parameters of the registry are called `<prefix>/<project>`: `/doorbell`, or iwomp's `/iwomp-in-aws`.
    pub prefix: String,
    /// CodeBuild projects that workers may start, and whose events they hear.
    pub build_projects: Vec<String>,
}

impl AccountDefinition {
    /// CreateTable's input. A row is found by its key alone; what is not settled is in the sparse index, too.
    pub fn table(&self) -> Value {
        json!({
            "TableName": JOBS_TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "due_shard", "AttributeType": "N" },
                { "AttributeName": "due_at", "AttributeType": "N" },
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "GlobalSecondaryIndexes": [{
                "IndexName": DUE_INDEX,
                "KeySchema": [
                    { "AttributeName": "due_shard", "KeyType": "HASH" },
                    { "AttributeName": "due_at", "KeyType": "RANGE" },
                ],
                // The index is behind the table, so a sweep reads the row itself before it acts.
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            }],
        })
    }

    /// UpdateTimeToLive's input: settled rows are forgotten after a while.
    pub fn time_to_live(&self) -> Value {
        json!({
            "TableName": JOBS_TABLE,
            "TimeToLiveSpecification": { "AttributeName": "expires_at", "Enabled": true },
        })
    }

    /// The rules that bring our builds' events, as (name, event pattern). Two, because AWS warns that one for both
    /// kinds "might produce unexpected results"; of a build's nine phases those that bring something.
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

/// How the trigger queue hears of the topic: with the envelope, whose MessageId, TopicArn and Timestamp the worker needs.
/// The subscription has a dead-letter queue of its own: SNS drops what the queue's policy refuses, else.
pub(crate) fn subscription() -> [(&'static str, String); 4] {
    [
        ("Protocol", "sqs".to_owned()),
        ("Endpoint", arn("sqs", TRIGGER_QUEUE)),
        ("RawMessageDelivery", false.to_string()),
        ("RedrivePolicy", json!({ "deadLetterTargetArn": arn("sqs", SUBSCRIPTION_DEAD_LETTER_QUEUE) }).to_string()),
    ]
}

/// Where a rule sends its events.
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

pub(crate) fn rule_arns() -> [String; 2] {
    [STATE_RULE, PHASE_RULE].map(|rule| arn("events", &format!("rule/{rule}")))
}
