//! Who may do what.
use doorbell_sandbox::aws::AwsClient;
use doorbell_sandbox::world::account::{
    BUILD, DEAD_LETTERS, EVENTS, EVENTS_DEAD_LETTERS, SUBSCRIPTION_DEAD_LETTERS, TRIGGERS, UNPRIVILEGED_BUILD, WORKER,
};
use doorbell_sandbox::world::{World, WorldOptions};
use serde_json::json;

use super::call::{Call, check_allowed, check_denied, codebuild, dynamo, parameter, publish, secret, sqs};
use super::{PROJECT, as_role, codebuild_event, other_topic, python, world};

async fn with_secrets(world: &World) {
    world.put_parameter("demo", r#"{"gitUrl": "https://example.org/demo.git"}"#).await.unwrap();
    world.put_secret("doorbell/git/demo", "git").await.unwrap();
    world.put_secret("doorbell/report/demo", "report").await.unwrap();
    let foreign = json!({ "Name": "/elsewhere/demo", "Value": "x", "Type": "String" });
    world.root().json("ssm", "AmazonSSM.PutParameter", foreign).await.unwrap();
    world.put_secret("elsewhere/demo", "x").await.unwrap();
}

async fn in_build(world: &World, role: &str) -> AwsClient {
    world.root().with_key(world.roles().key_in_build(role, PROJECT).await.unwrap())
}

#[tokio::test]
async fn the_publisher_can_publish_to_the_topic_and_do_nothing_else() {
    let world = world().await;
    with_secrets(&world).await;
    let other = other_topic(&world).await;
    let publisher = world.root().with_key(world.publisher_key());
    check_allowed(&publisher, &[publish(&world.topic_arn())]).await;
    let triggers = world.trigger_queue_url();
    let topic = world.topic_arn();
    let worker = "arn:aws:iam::111122223333:role/doorbell-worker";
    check_denied(
        &publisher,
        &[
            publish(&other),
            Call::Query(
                "sns",
                "Subscribe",
                vec![
                    ("TopicArn", topic.clone()),
                    ("Protocol", "sqs".to_owned()),
                    ("Endpoint", "arn:aws:sqs:eu-central-1:111122223333:doorbell-events".to_owned()),
                ],
            ),
            Call::Query("sns", "DeleteTopic", vec![("TopicArn", topic.clone())]),
            Call::Query("sns", "GetTopicAttributes", vec![("TopicArn", topic)]),
            sqs("AmazonSQS.SendMessage", &triggers),
            sqs("AmazonSQS.ReceiveMessage", &triggers),
            sqs("AmazonSQS.PurgeQueue", &triggers),
            sqs("AmazonSQS.GetQueueAttributes", &world.dead_letter_queue_url()),
            parameter("AmazonSSM.GetParameter", "/doorbell/demo"),
            parameter("AmazonSSM.PutParameter", "/doorbell/demo"),
            secret("doorbell/git/demo"),
            secret("doorbell/report/demo"),
            dynamo("DynamoDB_20120810.Scan", json!({})),
            dynamo("DynamoDB_20120810.PutItem", json!({ "Item": { "pk": { "S": "x" } } })),
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            Call::Json("events", "AWSEvents.PutEvents", json!({ "Entries": [codebuild_event(PROJECT)] })),
            Call::Query("iam", "CreateAccessKey", vec![("UserName", "doorbell-publisher".to_owned())]),
            Call::Query("iam", "ListUsers", vec![]),
            Call::Query(
                "sts",
                "AssumeRole",
                vec![("RoleArn", worker.to_owned()), ("RoleSessionName", "intruder".to_owned())],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_worker_can_do_what_it_needs_and_read_no_git_secret() {
    let world = world().await;
    with_secrets(&world).await;
    let project = json!({
        "name": PROJECT, "source": { "type": "NO_SOURCE", "buildspec": "version: 0.2" },
        "artifacts": { "type": "NO_ARTIFACTS" }, "serviceRole": "arn:aws:iam::111122223333:role/doorbell-build",
        "environment": { "type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL" },
    });
    world.root().json("codebuild", "CodeBuild_20161006.CreateProject", project).await.unwrap();
    let worker = as_role(&world, WORKER).await;
    let key = json!({ "pk": { "S": "demo#1#0" } });
    let update = json!({
        "Key": key, "UpdateExpression": "SET due_at = :at", "ExpressionAttributeValues": { ":at": { "N": "5" } },
    });
    let query = json!({
        "IndexName": "due", "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
        "ExpressionAttributeValues": { ":shard": { "N": "3" }, ":now": { "N": "9" } },
    });
    let batch = json!({ "QueueUrl": world.trigger_queue_url(), "Entries": [{ "Id": "1", "ReceiptHandle": "x" }] });
    check_allowed(
        &worker,
        &[
            Call::Json(
                "sqs",
                "AmazonSQS.ReceiveMessage",
                json!({ "QueueUrl": world.trigger_queue_url(), "WaitTimeSeconds": 0 }),
            ),
            Call::Json(
                "sqs",
                "AmazonSQS.ReceiveMessage",
                json!({ "QueueUrl": world.event_queue_url(), "WaitTimeSeconds": 0 }),
            ),
            Call::Json("sqs", "AmazonSQS.DeleteMessageBatch", batch),
            sqs("AmazonSQS.SendMessage", &world.dead_letter_queue_url()),
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
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            codebuild("CodeBuild_20161006.ListBuildsForProject", PROJECT),
        ],
    )
    .await;
    assert_eq!(world.rows().await.unwrap(), [json!({ "pk": "demo#1#0", "due_shard": 3, "due_at": 5 })]);
    check_denied(
        &worker,
        &[
            secret("doorbell/git/demo"),
            secret("elsewhere/demo"),
            parameter("AmazonSSM.GetParameter", "/elsewhere/demo"),
            parameter("AmazonSSM.PutParameter", "/doorbell/demo"),
            publish(&world.topic_arn()),
            sqs("AmazonSQS.SendMessage", &world.trigger_queue_url()),
            sqs("AmazonSQS.ReceiveMessage", &world.dead_letter_queue_url()),
            sqs("AmazonSQS.PurgeQueue", &world.trigger_queue_url()),
            dynamo("DynamoDB_20120810.DeleteItem", json!({ "Key": key })),
            dynamo("DynamoDB_20120810.Scan", json!({})),
            dynamo("DynamoDB_20120810.DeleteTable", json!({})),
            codebuild("CodeBuild_20161006.StartBuild", "somebody-elses"),
            codebuild("CodeBuild_20161006.CreateProject", PROJECT),
            Call::Json("events", "AWSEvents.PutEvents", json!({ "Entries": [codebuild_event(PROJECT)] })),
            Call::Query(
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
async fn a_build_reads_its_git_secret_and_an_unprivileged_one_nothing() {
    let world = world().await;
    with_secrets(&world).await;
    let log = || {
        Call::Json(
            "logs",
            "Logs_20140328.CreateLogStream",
            json!({
                "logGroupName": "/aws/codebuild/doorbell-build", "logStreamName": "one",
            }),
        )
    };
    let group = |name: &str| Call::Json("logs", "Logs_20140328.CreateLogGroup", json!({ "logGroupName": name }));
    assert_eq!(world.roles().key(BUILD).await.unwrap_err().code, "AccessDenied", "a task is no build");
    assert_eq!(world.roles().key_in_build(BUILD, "other").await.unwrap_err().code, "AccessDenied");
    let build = in_build(&world, BUILD).await;
    let git = secret("doorbell/git/demo");
    check_allowed(&build, &[group("/aws/codebuild/doorbell-build"), log(), git]).await;
    check_denied(
        &build,
        &[
            secret("doorbell/report/demo"),
            // CodeBuild resolves a build's PARAMETER_STORE variables by GetParameters; the role has no other.
            parameter("AmazonSSM.GetParameter", "/doorbell/demo"),
            group("/somebody/elses"),
            publish(&world.topic_arn()),
            codebuild("CodeBuild_20161006.StartBuild", PROJECT),
            dynamo("DynamoDB_20120810.Scan", json!({})),
        ],
    )
    .await;
    let unprivileged = in_build(&world, UNPRIVILEGED_BUILD).await;
    check_allowed(&unprivileged, &[group("/aws/codebuild/doorbell-build-unprivileged")]).await;
    let refused = [secret("doorbell/git/demo"), parameter("AmazonSSM.GetParameter", "/doorbell/demo")];
    check_denied(&unprivileged, &refused).await;
}

#[tokio::test]
async fn every_queue_and_the_topic_refuse_plain_http() {
    let world = world().await;
    let plain = world.root().with_endpoint(world.emulator().plain_endpoint()).unwrap();
    for queue in [TRIGGERS, EVENTS, DEAD_LETTERS, EVENTS_DEAD_LETTERS, SUBSCRIPTION_DEAD_LETTERS] {
        let send = [sqs("AmazonSQS.SendMessage", &world.queue_url(queue))];
        check_denied(&plain, &send).await;
        check_allowed(world.root(), &send).await;
    }
    let publish = [publish(&world.topic_arn())];
    check_denied(&plain.with_key(world.publisher_key()), &publish).await;
    // The port works: it is the policies that refuse.
    check_allowed(&plain, &[Call::Query("sts", "GetCallerIdentity", vec![])]).await;
}

#[tokio::test]
async fn another_prefix_gives_the_worker_another_registry() {
    let mut options = WorldOptions::new(python());
    options.account.prefix = "/iwomp-in-aws".to_owned();
    let world = World::build(options).await.unwrap();
    world.put_parameter("demo", "{}").await.unwrap();
    let worker = as_role(&world, WORKER).await;
    check_allowed(&worker, &[parameter("AmazonSSM.GetParameter", "/iwomp-in-aws/demo")]).await;
    check_denied(&worker, &[parameter("AmazonSSM.GetParameter", "/doorbell/demo")]).await;
    assert_eq!(world.worker_environment()["DOORBELL_REGISTRY_PREFIX"], "/iwomp-in-aws");
}
