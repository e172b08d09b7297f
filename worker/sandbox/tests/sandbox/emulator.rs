//! The account in the emulator: who may do what, and which way messages take.
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use doorbell_messages::Envelope;
use doorbell_sandbox::authority::Authority;
use doorbell_sandbox::aws::{AwsClient, AwsError};
use doorbell_sandbox::credentials::Key;
use doorbell_sandbox::emulator::Emulator;
use doorbell_sandbox::world::account::{
    BUILD, DEAD_LETTERS, EVENTS, EVENTS_DEAD_LETTERS, SUBSCRIPTION_DEAD_LETTERS, TABLE, TRIGGERS, UNPRIVILEGED_BUILD,
    WORKER,
};
use doorbell_sandbox::world::{World, WorldOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// Seconds that a message may take through the emulator on a busy machine.
const ARRIVAL: u32 = 10;
/// The launcher's start, and its end, on a busy machine.
const START: Duration = Duration::from_secs(60);
const PROJECT: &str = "doorbell-build";

/// What `bin/lib/python.sh` makes; where it is missing, starting the emulator names that script.
pub(crate) fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/emulator/bin/python")
}

async fn world() -> World {
    World::build(WorldOptions::new(python())).await.unwrap()
}

/// One call, for tables of what somebody may do.
enum Call {
    Json(&'static str, &'static str, Value),
    Query(&'static str, &'static str, Vec<(&'static str, String)>),
}

impl Call {
    async fn send(&self, client: &AwsClient) -> Result<(), AwsError> {
        match self {
            Call::Json(service, target, body) => client.json(service, target, body.clone()).await.map(drop),
            Call::Query(service, action, params) => {
                let version = match *service {
                    "iam" => "2010-05-08",
                    "sns" => "2010-03-31",
                    "sts" => "2011-06-15",
                    other => panic!("no version for {other}"),
                };
                let params: Vec<_> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
                client.query(service, version, action, &params).await.map(drop)
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Call::Json(service, target, body) => format!("{service} {target} {body}"),
            Call::Query(service, action, params) => format!("{service} {action} {params:?}"),
        }
    }
}

async fn check_denied(client: &AwsClient, calls: &[Call]) {
    for call in calls {
        match call.send(client).await {
            Err(error) if error.is_denied() => {}
            other => panic!("{:?} must not: {}: {other:?}", client.key(), call.name()),
        }
    }
}

async fn check_allowed(client: &AwsClient, calls: &[Call]) {
    for call in calls {
        if let Err(error) = call.send(client).await {
            panic!("{:?} may: {}: {error}", client.key(), call.name());
        }
    }
}

fn publish(topic: &str) -> Call {
    Call::Query("sns", "Publish", vec![("TopicArn", topic.to_owned()), ("Message", "{}".to_owned())])
}

fn sqs(action: &'static str, url: &str) -> Call {
    Call::Json("sqs", action, json!({ "QueueUrl": url, "MessageBody": "{}", "ReceiptHandle": "x" }))
}

fn parameter(action: &'static str, name: &str) -> Call {
    Call::Json("ssm", action, json!({ "Name": name, "Value": "{}", "Type": "String", "Overwrite": true }))
}

fn secret(id: &str) -> Call {
    Call::Json("secretsmanager", "secretsmanager.GetSecretValue", json!({ "SecretId": id }))
}

fn dynamo(action: &'static str, body: Value) -> Call {
    let mut body = body;
    body["TableName"] = TABLE.into();
    Call::Json("dynamodb", action, body)
}

fn codebuild(action: &'static str, project: &str) -> Call {
    Call::Json("codebuild", action, json!({ "projectName": project, "project": project }))
}

async fn other_topic(world: &World) -> String {
    let answer = world.root().query("sns", "2010-03-31", "CreateTopic", &[("Name", "other")]).await.unwrap();
    answer.text("TopicArn").unwrap()
}

async fn with_secrets(world: &World) {
    world.put_parameter("demo", r#"{"gitUrl": "https://example.org/demo.git"}"#).await.unwrap();
    world.put_secret("doorbell/git/demo", "git").await.unwrap();
    world.put_secret("doorbell/report/demo", "report").await.unwrap();
    let foreign = json!({ "Name": "/elsewhere/demo", "Value": "x", "Type": "String" });
    world.root().json("ssm", "AmazonSSM.PutParameter", foreign).await.unwrap();
    world.put_secret("elsewhere/demo", "x").await.unwrap();
}

async fn as_role(world: &World, role: &str) -> AwsClient {
    world.root().with_key(world.roles().key(role).await.unwrap())
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
async fn a_published_request_arrives_in_its_envelope_and_no_other_topics_does() {
    let world = world().await;
    let other = other_topic(&world).await;
    let foreign = [
        ("TopicArn", other.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", "arn:aws:sqs:eu-central-1:111122223333:doorbell-triggers"),
    ];
    world.root().query("sns", "2010-03-31", "Subscribe", &foreign).await.unwrap();
    check_allowed(world.root(), &[publish(&other)]).await;
    let request = r#"{"project": "demo", "branch": "master"}"#;
    let id = world.publish(request).await.unwrap();
    let url = world.trigger_queue_url();
    let messages = world.receive(&url, ARRIVAL).await.unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let envelope = Envelope::parse(&messages[0].body).unwrap();
    assert_eq!((envelope.message_id, envelope.topic_arn), (id, world.topic_arn()));
    assert_eq!(envelope.message, request);
    world.delete(&url, &messages[0]).await.unwrap();
    assert_eq!(world.receive(&url, 0).await.unwrap().len(), 0);
}

fn codebuild_event(project: &str) -> Value {
    let detail = json!({ "build-status": "SUCCEEDED", "project-name": project });
    json!({ "Source": "aws.codebuild", "DetailType": "CodeBuild Build State Change", "Detail": detail.to_string() })
}

#[tokio::test]
async fn events_of_our_build_projects_reach_the_queue_and_others_do_not() {
    let world = world().await;
    let mut phase = codebuild_event(PROJECT);
    phase["DetailType"] = "CodeBuild Build Phase Change".into();
    let mut other_source = codebuild_event(PROJECT);
    other_source["Source"] = "somebody.else".into();
    let mut other_kind = codebuild_event(PROJECT);
    other_kind["DetailType"] = "CodeBuild Fleet State Change".into();
    let entries = [codebuild_event("somebody-elses"), other_source, other_kind, codebuild_event(PROJECT), phase];
    let answer = world.root().json("events", "AWSEvents.PutEvents", json!({ "Entries": entries })).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let messages = world.receive(&world.event_queue_url(), ARRIVAL).await.unwrap();
        assert!(!messages.is_empty(), "only these arrived: {seen:?}");
        seen.extend(messages.iter().map(|message| {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            (event["detail-type"].clone(), event["source"].clone(), event["detail"]["project-name"].clone())
        }));
    }
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| kind.as_str().unwrap()).collect();
    assert_eq!(kinds, ["CodeBuild Build State Change", "CodeBuild Build Phase Change"]);
    assert!(seen.iter().all(|(_, source, project)| source == "aws.codebuild" && project == PROJECT), "{seen:?}");
    assert!(world.receive(&world.event_queue_url(), 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    for (queue, dead_letters) in [(TRIGGERS, DEAD_LETTERS), (EVENTS, EVENTS_DEAD_LETTERS)] {
        let world = world().await;
        let (url, dead_letters) = (world.queue_url(queue), world.queue_url(dead_letters));
        world.send_to_queue(&url, "poison").await.unwrap();
        // Thirty receives are allowed; peek makes the message visible again after each.
        for attempt in 1..=30 {
            assert_eq!(world.peek(&url).await.unwrap(), ["poison"], "attempt {attempt} at {queue}");
            assert!(world.peek(&dead_letters).await.unwrap().is_empty(), "attempt {attempt} at {queue}");
        }
        assert!(world.peek(&url).await.unwrap().is_empty());
        assert_eq!(world.peek(&dead_letters).await.unwrap(), ["poison"]);
    }
}

#[tokio::test]
async fn the_credentials_endpoint_gives_roles_keys_to_those_who_know_the_token() {
    let world = world().await;
    let environment = world.worker_environment();
    let (uri, token) =
        (&environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], &environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]);
    let get = async |uri: &str, token: &str| {
        let answer = reqwest::Client::new().get(uri).header("Authorization", token).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, body) = get(uri, token).await;
    assert_eq!(status, 200, "{body}");
    let given: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(given["RoleArn"], "arn:aws:iam::111122223333:role/doorbell-worker");
    assert!(given["Expiration"].is_string() && given["Token"].is_string(), "{given}");
    let key = world.key_ring().find(given["AccessKeyId"].as_str().unwrap()).unwrap();
    assert_eq!(key.initiator, "doorbell-worker/sandbox");
    assert_eq!(get(uri, token).await.1, body, "a key is kept until shortly before it expires");
    assert_eq!(get(uri, "guessed").await.0, 401);
    assert_eq!(get(&uri.replace("doorbell-worker", "no-such-role"), token).await.0, 403);
    let identity = world.root().with_key(key).query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    assert!(identity.text("Arn").unwrap().ends_with(":assumed-role/doorbell-worker/sandbox"), "{identity:?}");
}

#[tokio::test]
async fn no_well_known_key_is_root() {
    let world = world().await;
    for id in ["test", "111122223333", "AKIAIOSFODNN7EXAMPLE"] {
        let key = Key { access_key_id: id.to_owned(), secret_access_key: "test".to_owned(), ..world.publisher_key() };
        let error = publish(&world.topic_arn()).send(&world.root().with_key(key)).await.unwrap_err();
        assert!(error.status == 403 || error.code.contains("InvalidClientTokenId"), "{id}: {error}");
    }
    let forged = Key { secret_access_key: "guessed".to_owned(), ..world.emulator().root_key() };
    let error = publish(&world.topic_arn()).send(&world.root().with_key(forged)).await.unwrap_err();
    assert_eq!(error.code, "SignatureDoesNotMatch");
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
    assert_eq!(world.worker_environment()["DOORBELL_PROJECT_PREFIX"], "/iwomp-in-aws");
}

#[tokio::test]
async fn a_missing_python_environment_is_named_with_the_script_that_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("python");
    let error = Emulator::start(&missing, dir.path(), &Authority::new().unwrap(), false).await.unwrap_err();
    assert!(error.to_string().contains("run bin/lib/python.sh"), "{error}");
}

#[tokio::test]
async fn the_emulator_ends_with_its_handle() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let emulator = Emulator::start(&python(), dir.path(), &authority, false).await.unwrap();
    let client = AwsClient::new(emulator.endpoint(), "eu-central-1", emulator.root_key(), &authority).unwrap();
    let identity = [Call::Query("sts", "GetCallerIdentity", vec![])];
    check_allowed(&client, &identity).await;
    drop(emulator);
    let deadline = Instant::now() + Duration::from_secs(ARRIVAL.into());
    while identity[0].send(&client).await.is_ok() {
        assert!(Instant::now() < deadline, "it still answers");
    }
    assert_eq!(identity[0].send(&client).await.unwrap_err().code, AwsError::NO_ANSWER);
}

#[tokio::test]
async fn the_launcher_refuses_an_emulator_that_it_was_not_written_for() {
    let launcher = include_str!("../../emulator/launcher.py");
    check_refused(launcher, r#"VERSION = "1.5.33""#, r#"VERSION = "1.5.34""#, "the version of ministack").await;
    let (stock, changed) = ("stock = eventbridge._put_events\n", "stock = eventbridge._put_events_renamed\n");
    check_refused(launcher, stock, changed, "_put_events_renamed").await;
    let patch = "iam_actions.extract_iam_action = extract_iam_action";
    check_refused(launcher, patch, "pass", "the patched action of a batch call").await;
}

/// With `there` replaced in the launcher, it stops before it serves and says `why`.
async fn check_refused(launcher: &str, there: &str, instead: &str, why: &str) {
    assert!(launcher.contains(there), "the launcher no longer has {there}");
    let dir = tempfile::tempdir().unwrap();
    let mut launcher = spawn(dir.path(), &launcher.replace(there, instead));
    // Held, since the launcher ends quietly when its input does.
    let _input = launcher.stdin.take();
    let output = timeout(START, launcher.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn the_launcher_ends_with_its_input_so_that_a_killed_test_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Authority::new().unwrap().issue().unwrap();
    std::fs::write(dir.path().join("server.crt"), &certificate.cert_pem).unwrap();
    std::fs::write(dir.path().join("server.key"), &certificate.key_pem).unwrap();
    let mut launcher = spawn(dir.path(), include_str!("../../emulator/launcher.py"));
    let mut answers = BufReader::new(launcher.stdout.take().unwrap()).lines();
    let answer = timeout(START, answers.next_line()).await.unwrap().unwrap().unwrap();
    assert!(answer.contains("\"port\""), "{answer}");
    assert!(launcher.try_wait().unwrap().is_none(), "it ended while its input was open");
    drop(launcher.stdin.take());
    let status = timeout(START, launcher.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

/// A launcher with that text in `dir`.
fn spawn(dir: &Path, launcher: &str) -> Child {
    std::fs::write(dir.join("launcher.py"), launcher).unwrap();
    Command::new(python())
        .args(["-I", "-B", "launcher.py", "."])
        .current_dir(dir)
        .env_clear()
        .envs([("AWS_ACCESS_KEY_ID", "AKIAROOT"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("run bin/lib/python.sh")
}
