//! The fast endpoint, called by the sandbox's small client and by a real worker with the AWS SDK.
use std::time::Duration;

use doorbell_sandbox::account::definition::{DEAD_LETTER_QUEUE, JOBS_TABLE};
use doorbell_sandbox::aws::{AwsClient, AwsError};
use doorbell_sandbox::fast_endpoint::{EndpointFault, EndpointSettings, FastEndpoint, FaultRule};
use doorbell_sandbox::programs::Programs;
use doorbell_sandbox::worker_process::WorkerProcess;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Jobs of the small run: several receives, and more than one window of every limiter.
const JOBS: usize = 40;

/// The time limit of the small run on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

async fn start(settings: EndpointSettings) -> FastEndpoint {
    FastEndpoint::start(settings).await.unwrap()
}

async fn dynamodb(client: &AwsClient, operation: &str, mut input: Value) -> Result<Value, AwsError> {
    input["TableName"] = json!(JOBS_TABLE);
    client.json("dynamodb", &format!("DynamoDB_20120810.{operation}"), input).await
}

async fn sqs(client: &AwsClient, operation: &str, input: Value) -> Value {
    client.json("sqs", &format!("AmazonSQS.{operation}"), input).await.unwrap()
}

async fn start_worker(endpoint: &FastEndpoint) -> WorkerProcess {
    let program = Programs::find().unwrap().worker();
    let log = endpoint.dir().join("worker.log");
    let mut environment = endpoint.worker_environment();
    environment.insert("DOORBELL_SWEEP_INTERVAL".to_owned(), "500ms".to_owned());
    WorkerProcess::start(&program, &environment, log).await.unwrap()
}

/// Starts a worker, sends it all requests, waits until the jobs are settled, and stops it.
async fn run_worker(endpoint: &FastEndpoint) {
    let worker = start_worker(endpoint).await;
    endpoint.enqueue(0..JOBS);
    let is_done = endpoint.wait_until(RUN_TIMEOUT, |endpoint| endpoint.settled_jobs() == JOBS).await;
    let log = worker.log().unwrap();
    worker.terminate(RUN_TIMEOUT).await.unwrap();
    assert!(is_done, "{} jobs are settled: {:?}\n{log}", endpoint.settled_jobs(), endpoint.verdict(JOBS));
}

fn reporting() -> EndpointSettings {
    EndpointSettings {
        build_duration: Some(Duration::from_millis(200)),
        sends_events: true,
        reports: true,
        ..EndpointSettings::default()
    }
}

#[tokio::test]
async fn worker_at_fast_endpoint_gives_each_job_one_build_and_flag() {
    let endpoint = start(reporting()).await;
    run_worker(&endpoint).await;
    let verdict = endpoint.verdict(JOBS);
    assert_eq!((verdict.started, verdict.duplicates, verdict.strays), (JOBS, 0, 0), "{verdict:?}");
    assert_eq!((verdict.successes, verdict.backward_flags, verdict.dead_letters), (JOBS, 0, 0), "{verdict:?}");
    let counts = endpoint.counts();
    assert_eq!(counts.writes_per_row.values().sum::<u64>(), JOBS as u64, "{counts:?}");
    assert_eq!((counts.of("PutItem"), counts.of("StartBuild")), (JOBS as u64, JOBS as u64), "{counts:?}");
    assert_eq!(endpoint.trigger_messages(), 0);
}

#[tokio::test]
async fn worker_survives_the_fast_endpoints_faults() {
    let fault = |operation, percent, fault| FaultRule { operation, percent, fault };
    let endpoint = start(EndpointSettings {
        // A message that was not deleted comes back, and meets a token that has expired. Without faults of the ledger:
        // a worker that cannot know its own write waits a minute.
        visibility_timeout: Duration::from_secs(2),
        token_lifetime: Duration::from_secs(1),
        faults: vec![
            fault("DeleteMessage", 40, EndpointFault::Refused),
            fault("StartBuild", 10, EndpointFault::Throttled),
        ],
        ..reporting()
    })
    .await;
    run_worker(&endpoint).await;
    let verdict = endpoint.verdict(JOBS);
    assert_eq!((verdict.started, verdict.duplicates, verdict.successes), (JOBS, 0, JOBS), "{verdict:?}");
    assert!(endpoint.counts().faults > 0, "faults were played");
}

#[tokio::test]
async fn worker_at_fast_endpoint_starts_registered_projects_only() {
    let endpoint = start(EndpointSettings::default()).await;
    // With the project of every endpoint the registry has two pages.
    (0..10).for_each(|number| endpoint.register_project(&format!("project-{number}")));
    let worker = start_worker(&endpoint).await;
    let has_names = endpoint.wait_until(RUN_TIMEOUT, |endpoint| endpoint.has_item("#registry")).await;
    assert!(has_names, "no pass has ended:\n{}", worker.log().unwrap());
    assert_eq!(endpoint.counts().of("GetParametersByPath"), 2);
    endpoint.enqueue_for("unknown", 1);
    endpoint.enqueue_for("project-9", 0);
    let is_started = |endpoint: &FastEndpoint| (endpoint.started(), endpoint.settled_jobs()) == (1, 1);
    assert!(endpoint.wait_until(RUN_TIMEOUT, is_started).await, "{:?}\n{}", endpoint.verdict(2), worker.log().unwrap());
    let delays = endpoint.start_delays(2);
    assert!(delays[0].is_some_and(|delay| delay > Duration::ZERO) && delays[1].is_none(), "{delays:?}");
    assert_eq!((endpoint.jobs(), endpoint.verdict(1).strays, endpoint.trigger_messages()), (2, 0, 0));
    worker.terminate(RUN_TIMEOUT).await.unwrap();
}

#[tokio::test]
async fn fast_endpoint_throttles_ssm_over_all_callers() {
    let endpoint = start(EndpointSettings { ssm_calls_per_second: Some(2), ..EndpointSettings::default() }).await;
    let clients = [endpoint.client().unwrap(), endpoint.client().unwrap()];
    let list =
        |client: usize| clients[client].json("ssm", "AmazonSSM.GetParametersByPath", json!({ "Path": "/doorbell" }));
    list(0).await.unwrap();
    list(1).await.unwrap();
    assert_eq!(list(1).await.unwrap_err().code, "ThrottlingException");
    dynamodb(&clients[0], "DescribeTable", json!({})).await.unwrap();
    assert_eq!((endpoint.counts().of("GetParametersByPath"), endpoint.counts().throttled), (3, 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    list(0).await.unwrap();
}

#[tokio::test]
async fn fast_endpoint_delivers_to_a_waiting_long_poll() {
    let endpoint = start(EndpointSettings::default()).await;
    let client = endpoint.client().unwrap();
    let url = endpoint.queue_url(DEAD_LETTER_QUEUE);
    let receive = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20 });
    let body = "a message";
    let send = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sqs(&client, "SendMessage", json!({ "QueueUrl": url, "MessageBody": body })).await
    };
    let began = Instant::now();
    let (received, sent) = tokio::join!(sqs(&client, "ReceiveMessage", receive), send);
    assert!(began.elapsed() < Duration::from_secs(10), "the poll ended when the message came");
    let message = &received["Messages"][0];
    assert_eq!((&message["Body"], &message["MessageId"]), (&json!(body), &sent["MessageId"]));
    assert_eq!(message["MD5OfBody"], "70645f4a342b238e21cb034ffde4279b");
    let entries = json!([{ "Id": "0", "ReceiptHandle": message["ReceiptHandle"] }]);
    let deleted = sqs(&client, "DeleteMessageBatch", json!({ "QueueUrl": url, "Entries": entries })).await;
    assert_eq!(deleted["Successful"], json!([{ "Id": "0" }]));
    assert_eq!(endpoint.verdict(0).dead_letters, 0);
}

#[tokio::test]
async fn fast_endpoint_checks_conditions_and_pages_its_index() {
    let endpoint = start(EndpointSettings::default()).await;
    let client = endpoint.client().unwrap();
    let item = |number: u32| {
        json!({
            "pk": { "S": format!("job-{number}") }, "rev": { "N": "1" },
            "due_shard": { "N": "3" }, "due_at": { "N": number.to_string() },
        })
    };
    let absent = "attribute_not_exists(pk)";
    for number in 0..5 {
        let put = json!({ "Item": item(number), "ConditionExpression": absent });
        dynamodb(&client, "PutItem", put).await.unwrap();
    }
    let again = dynamodb(&client, "PutItem", json!({ "Item": item(0), "ConditionExpression": absent })).await;
    assert_eq!(again.unwrap_err().code, "ConditionalCheckFailedException");
    let mut query = json!({
        "IndexName": "due", "Limit": 3, "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
        "ExpressionAttributeValues": { ":shard": { "N": "3" }, ":now": { "N": "3" } },
    });
    let first = dynamodb(&client, "Query", query.clone()).await.unwrap();
    query["ExclusiveStartKey"] = first["LastEvaluatedKey"].clone();
    let second = dynamodb(&client, "Query", query).await.unwrap();
    let keys = |page: &Value| page["Items"].as_array().unwrap().iter().map(|item| item["pk"]["S"].clone()).collect();
    let (first, second): (Vec<Value>, Vec<Value>) = (keys(&first), keys(&second));
    assert_eq!((first, second), (vec![json!("job-0"), json!("job-1"), json!("job-2")], vec![json!("job-3")]));
}

#[tokio::test]
async fn fast_endpoint_counts_a_second_build_of_a_commit() {
    let endpoint = start(EndpointSettings { concurrent_builds: Some(2), ..EndpointSettings::default() }).await;
    let client = endpoint.client().unwrap();
    let commit = format!("{:040x}", 1);
    let start_build = async |token: &str| {
        let variables = json!([{ "name": "DOORBELL_COMMIT", "value": commit, "type": "PLAINTEXT" }]);
        let input = json!({
            "projectName": "doorbell-build", "idempotencyToken": token, "environmentVariablesOverride": variables,
        });
        client.json("codebuild", "CodeBuild_20161006.StartBuild", input).await
    };
    let first = start_build("a").await.unwrap();
    assert_eq!(start_build("a").await.unwrap()["build"]["id"], first["build"]["id"], "a token starts one build");
    assert_eq!(endpoint.verdict(1).duplicates, 0);
    start_build("b").await.unwrap();
    assert_eq!((endpoint.verdict(1).started, endpoint.verdict(1).duplicates), (1, 1));
    assert_eq!(start_build("c").await.unwrap_err().code, "AccountLimitExceededException");
    endpoint.finish_builds();
    start_build("c").await.unwrap();
}
