//! Permissions of each principal.
use doorbell_sandbox::account::definition::{
    BUILD_ROLE, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE,
    UNPRIVILEGED_BUILD_ROLE, WORKER_ROLE,
};
use doorbell_sandbox::account::{SandboxAccount, SandboxAccountOptions};
use doorbell_sandbox::aws::AwsClient;
use serde_json::json;

use super::call::{TestCall, check_allowed, check_denied, codebuild, dynamo, parameter, publish, secret, sqs};
use super::{PROJECT, account, codebuild_event, other_topic, python, role_client};

async fn put_secrets(account: &SandboxAccount) {
    account.put_parameter("demo", r#"{"gitUrl": "https://example.org/demo.git"}"#).await.unwrap();
    account.put_secret("doorbell/git/demo", "git").await.unwrap();
    account.put_secret("doorbell/report/demo", "report").await.unwrap();
    let foreign = json!({ "Name": "/elsewhere/demo", "Value": "x", "Type": "String" });
    account.root().json("ssm", "AmazonSSM.PutParameter", foreign).await.unwrap();
    account.put_secret("elsewhere/demo", "x").await.unwrap();
}

async fn build_client(account: &SandboxAccount, role: &str) -> AwsClient {
    account.root().with_key(account.roles().key_in_build(role, PROJECT).await.unwrap())
}

#[tokio::test]
async fn publisher_key_can_only_publish_to_the_topic() {
    let account = account().await;
    put_secrets(&account).await;
    let other = other_topic(&account).await;
    let publisher = account.root().with_key(account.publisher_key());
    check_allowed(&publisher, &[publish(&account.topic_arn())]).await;
    let triggers = account.trigger_queue_url();
    let topic = account.topic_arn();
    let worker = "arn:aws:iam::111122223333:role/doorbell-worker";
    check_denied(
        &publisher,
        &[
            publish(&other),
            TestCall::Query(
                "sns",
                "Subscribe",
                vec![
                    ("TopicArn", topic.clone()),
                    ("Protocol", "sqs".to_owned()),
                    ("Endpoint", "arn:aws:sqs:eu-central-1:111122223333:doorbell-events".to_owned()),
                ],
            ),
            TestCall::Query("sns", "DeleteTopic", vec![("TopicArn", topic.clone())]),
            TestCall::Query("sns", "GetTopicAttributes", vec![("TopicArn", topic)]),
            sqs("AmazonSQS.SendMessage", &triggers),
            sqs("AmazonSQS.ReceiveMessage", &triggers),
            sqs("AmazonSQS.PurgeQueue", &triggers),
            sqs("AmazonSQS.GetQueueAttributes", &account.dead_letter_queue_url()),
            parameter("AmazonSSM.GetParameter", "/doorbell/demo"),
            parameter("AmazonSSM.PutParameter", "/doorbell/demo"),
            secret("doorbell/git/demo"),
            secret("doorbell/report/demo"),
            dynamo("DynamoDB_20120810.Scan", json!({})),
            dynamo("DynamoDB_20120810.PutItem", json!({ "Item": { "pk": { "S": "x" } } })),
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            TestCall::Json("events", "AWSEvents.PutEvents", json!({ "Entries": [codebuild_event(PROJECT)] })),
            TestCall::Query("iam", "CreateAccessKey", vec![("UserName", "doorbell-publisher".to_owned())]),
            TestCall::Query("iam", "ListUsers", vec![]),
            TestCall::Query(
                "sts",
                "AssumeRole",
                vec![("RoleArn", worker.to_owned()), ("RoleSessionName", "intruder".to_owned())],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn worker_role_has_needed_permissions_and_no_git_secret() {
    let account = account().await;
    put_secrets(&account).await;
    let project = json!({
        "name": PROJECT, "source": { "type": "NO_SOURCE", "buildspec": "version: 0.2" },
        "artifacts": { "type": "NO_ARTIFACTS" }, "serviceRole": "arn:aws:iam::111122223333:role/doorbell-build",
        "environment": { "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL" },
    });
    account.root().json("codebuild", "CodeBuild_20161006.CreateProject", project).await.unwrap();
    let worker = role_client(&account, WORKER_ROLE).await;
    let key = json!({ "pk": { "S": "demo#1#0" } });
    let update = json!({
        "Key": key, "UpdateExpression": "SET due_at = :at", "ExpressionAttributeValues": { ":at": { "N": "5" } },
    });
    let query = json!({
        "IndexName": "due", "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
        "ExpressionAttributeValues": { ":shard": { "N": "3" }, ":now": { "N": "9" } },
    });
    let batch = json!({ "QueueUrl": account.trigger_queue_url(), "Entries": [{ "Id": "1", "ReceiptHandle": "x" }] });
    check_allowed(
        &worker,
        &[
            TestCall::Json(
                "sqs",
                "AmazonSQS.ReceiveMessage",
                json!({ "QueueUrl": account.trigger_queue_url(), "WaitTimeSeconds": 0 }),
            ),
            TestCall::Json(
                "sqs",
                "AmazonSQS.ReceiveMessage",
                json!({ "QueueUrl": account.event_queue_url(), "WaitTimeSeconds": 0 }),
            ),
            TestCall::Json("sqs", "AmazonSQS.DeleteMessageBatch", batch),
            sqs("AmazonSQS.SendMessage", &account.dead_letter_queue_url()),
            parameter("AmazonSSM.GetParameter", "/doorbell/demo"),
            secret("doorbell/report/demo"),
            dynamo("DynamoDB_20120810.DescribeTable", json!({})),
            dynamo(
                "DynamoDB_20120810.PutItem",
                json!({ "Item": { "pk": { "S": "demo#1#0" }, "due_shard": { "N": "3" } } }),
            ),
            dynamo("DynamoDB_20120810.GetItem", json!({ "Key": key })),
            dynamo("DynamoDB_20120810.UpdateItem", update),
            dynamo("DynamoDB_20120810.Query", query),
            codebuild("CodeBuild_20161006.ListBuildsForProject", PROJECT),
        ],
    )
    .await;
    assert_eq!(account.rows().await.unwrap(), [json!({ "pk": "demo#1#0", "due_shard": 3, "due_at": 5 })]);
    check_denied(
        &worker,
        &[
            // The emulator's own CodeBuild tells IAM of no variables. `stolen_worker` starts builds with them.
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            secret("doorbell/git/demo"),
            secret("elsewhere/demo"),
            parameter("AmazonSSM.GetParameter", "/elsewhere/demo"),
            parameter("AmazonSSM.PutParameter", "/doorbell/demo"),
            publish(&account.topic_arn()),
            sqs("AmazonSQS.SendMessage", &account.trigger_queue_url()),
            sqs("AmazonSQS.ReceiveMessage", &account.dead_letter_queue_url()),
            sqs("AmazonSQS.PurgeQueue", &account.trigger_queue_url()),
            dynamo("DynamoDB_20120810.DeleteItem", json!({ "Key": key })),
            dynamo("DynamoDB_20120810.Scan", json!({})),
            dynamo("DynamoDB_20120810.DeleteTable", json!({})),
            codebuild("CodeBuild_20161006.StartBuild", "other-project"),
            codebuild("CodeBuild_20161006.CreateProject", PROJECT),
            TestCall::Json("events", "AWSEvents.PutEvents", json!({ "Entries": [codebuild_event(PROJECT)] })),
            TestCall::Query(
                "sts",
                "AssumeRole",
                vec![
                    ("RoleArn", "arn:aws:iam::111122223333:role/doorbell-build".to_owned()),
                    ("RoleSessionName", "intruder".to_owned()),
                ],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn build_role_reads_git_secret_and_unprivileged_role_does_not() {
    let account = account().await;
    put_secrets(&account).await;
    let log = || {
        TestCall::Json(
            "logs",
            "Logs_20140328.CreateLogStream",
            json!({
                "logGroupName": "/aws/codebuild/doorbell-build", "logStreamName": "one",
            }),
        )
    };
    let group = |name: &str| TestCall::Json("logs", "Logs_20140328.CreateLogGroup", json!({ "logGroupName": name }));
    assert_eq!(account.roles().key(BUILD_ROLE).await.unwrap_err().code, "AccessDenied", "a task is no build");
    assert_eq!(account.roles().key_in_build(BUILD_ROLE, "other").await.unwrap_err().code, "AccessDenied");
    let build = build_client(&account, BUILD_ROLE).await;
    let git = secret("doorbell/git/demo");
    check_allowed(&build, &[group("/aws/codebuild/doorbell-build"), log(), git]).await;
    check_denied(
        &build,
        &[
            secret("doorbell/report/demo"),
            // CodeBuild resolves a build's PARAMETER_STORE variables by GetParameters; the role has no other
            // permission.
            parameter("AmazonSSM.GetParameter", "/doorbell/demo"),
            group("/another/group"),
            publish(&account.topic_arn()),
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            dynamo("DynamoDB_20120810.Scan", json!({})),
        ],
    )
    .await;
    let unprivileged = build_client(&account, UNPRIVILEGED_BUILD_ROLE).await;
    check_allowed(&unprivileged, &[group("/aws/codebuild/doorbell-build-unprivileged")]).await;
    let denied = [secret("doorbell/git/demo"), parameter("AmazonSSM.GetParameter", "/doorbell/demo")];
    check_denied(&unprivileged, &denied).await;
}

#[tokio::test]
async fn queues_and_topic_reject_plain_http() {
    let account = account().await;
    let plain = account.root().with_endpoint(account.emulator().plain_endpoint()).unwrap();
    for queue in
        [TRIGGER_QUEUE, EVENT_QUEUE, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE]
    {
        let send = [sqs("AmazonSQS.SendMessage", &account.queue_url(queue))];
        check_denied(&plain, &send).await;
        check_allowed(account.root(), &send).await;
    }
    let publish = [publish(&account.topic_arn())];
    check_denied(&plain.with_key(account.publisher_key()), &publish).await;
    // The port works: the policies deny the calls.
    check_allowed(&plain, &[TestCall::Query("sts", "GetCallerIdentity", vec![])]).await;
}

#[tokio::test]
async fn worker_role_follows_the_registry_prefix() {
    let mut options = SandboxAccountOptions::new(python());
    options.definition.prefix = "/iwomp-in-aws".to_owned();
    let account = SandboxAccount::create(options).await.unwrap();
    account.put_parameter("demo", "{}").await.unwrap();
    let worker = role_client(&account, WORKER_ROLE).await;
    check_allowed(&worker, &[parameter("AmazonSSM.GetParameter", "/iwomp-in-aws/demo")]).await;
    check_denied(&worker, &[parameter("AmazonSSM.GetParameter", "/doorbell/demo")]).await;
    assert_eq!(account.worker_environment()["DOORBELL_REGISTRY_PREFIX"], "/iwomp-in-aws");
}
