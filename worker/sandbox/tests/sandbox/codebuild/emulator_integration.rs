//! CodeBuild with the emulator's services: real policies, rules, secrets and logs.
use doorbell_sandbox::account::definition::{BUILD_ROLE, UNPRIVILEGED_BUILD_ROLE, WORKER_ROLE};
use doorbell_sandbox::account::{SandboxAccount, SandboxAccountOptions};
use doorbell_sandbox::codebuild::EmulatedServices;

use super::*;

const PROJECT: &str = "doorbell-build";
/// The duration of a long poll in seconds.
const POLL_SECONDS: u32 = 5;

async fn start() -> (SandboxAccount, CodeBuildServer) {
    let account = SandboxAccount::create(SandboxAccountOptions::new(crate::emulator::python())).await.unwrap();
    let options = CodeBuildOptions {
        region: REGION.to_owned(),
        account: ACCOUNT.to_owned(),
        services: Arc::new(EmulatedServices::new(account.root().clone())),
        keys: account.key_ring().clone(),
        ca: account.ca().clone(),
        work_dir: account.dir().to_owned(),
        path_dirs: Vec::new(),
        environment: BTreeMap::new(),
        image: None,
        build_credentials: BuildCredentials::Endpoint,
        settings: CodeBuildSettings::default(),
    };
    (account, CodeBuildServer::start(options).await.unwrap())
}

async fn create_project(
    account: &SandboxAccount,
    codebuild: &CodeBuildServer,
    role: &str,
    command: &str,
    variables: Value,
) -> AwsClient {
    let root = account.root().with_endpoint(codebuild.url()).unwrap();
    let buildspec = json!({"version": 0.2, "phases": {"build": {"commands": [command]}}}).to_string();
    let input = project(&json!({
        "name": PROJECT,
        "source": {"type": "NO_SOURCE", "buildspec": buildspec},
        "serviceRole": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
        "environment": {"type": "LINUX_CONTAINER", "image": "any", "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": variables},
    }));
    call(&root, "CreateProject", input).await.unwrap();
    root
}

async fn run(client: &AwsClient) -> Value {
    // The worker's policy requires a variable, as each of its starts has.
    let variables = json!([{"name": "DOORBELL_JOB_ID", "value": "a job"}]);
    let input = json!({"projectName": PROJECT, "environmentVariablesOverride": variables});
    let started = call(client, "StartBuild", input).await.unwrap();
    let end = Instant::now() + STEP_TIMEOUT;
    loop {
        let builds = call(client, "BatchGetBuilds", json!({"ids": [started["build"]["id"]]})).await.unwrap();
        if builds["builds"][0]["buildComplete"] == true {
            return builds["builds"][0].clone();
        }
        assert!(Instant::now() < end, "{builds:#}");
        sleep(POLL_INTERVAL).await;
    }
}

#[tokio::test]
async fn build_started_by_worker_reads_secret_and_writes_log() {
    let (account, codebuild) = start().await;
    account.put_secret("doorbell/git/demo", "s3cret").await.unwrap();
    let secret = json!([{"name": "TOKEN", "value": "doorbell/git/demo", "type": "SECRETS_MANAGER"}]);
    let root =
        create_project(&account, &codebuild, BUILD_ROLE, "test \"$TOKEN\" = s3cret && echo \"token $TOKEN\"", secret)
            .await;
    let build = run(&root.with_key(account.roles().key(WORKER_ROLE).await.unwrap())).await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{build:#}");
    assert_eq!(build["initiator"], "doorbell-worker/sandbox");
    let stream = json!({"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]});
    let log = account.root().json("logs", "Logs_20140328.GetLogEvents", stream).await.unwrap();
    let lines: Vec<_> =
        log["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert!(lines.contains(&"token ***"), "{lines:?}");
}

#[tokio::test]
async fn eventbridge_rules_route_build_events_to_the_queue() {
    let (account, codebuild) = start().await;
    let root = create_project(&account, &codebuild, BUILD_ROLE, "true", json!([])).await;
    let build = run(&root).await;
    let mut events: Vec<BuildEvent> = Vec::new();
    // The first and last state, and two of the phases.
    while events.len() < 4 {
        let messages = account.receive(&account.event_queue_url(), POLL_SECONDS).await.unwrap();
        assert!(!messages.is_empty(), "only these arrived: {events:?}");
        events.extend(messages.iter().map(|message| BuildEvent::parse(&message.body).unwrap()));
        let event: Value = serde_json::from_str(&messages[0].body).unwrap();
        assert_eq!((&event["account"], &event["region"]), (&json!(ACCOUNT), &json!(REGION)));
    }
    let count = |kind: EventKind| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!((events.len(), count(EventKind::State)), (4, 2), "{events:?}");
    assert_eq!(events.iter().filter(|event| event.claims_final).count(), 1, "{events:?}");
    assert!(events.iter().all(|event| build["id"] == event.build.as_str()), "{events:?}");
}

#[tokio::test]
async fn start_build_without_iam_permission_is_denied() {
    let (account, codebuild) = start().await;
    let root = create_project(&account, &codebuild, BUILD_ROLE, "true", json!([])).await;
    let build_role = account.roles().key_in_build(BUILD_ROLE, PROJECT).await.unwrap();
    for key in [account.publisher_key(), build_role] {
        let error = call(&root.with_key(key), "StartBuild", json!({"projectName": PROJECT})).await.unwrap_err();
        assert_eq!(error.code, "AccessDeniedException", "{error}");
    }
    assert!(codebuild.controls.builds().is_empty());
}

#[tokio::test]
async fn build_without_role_permission_cannot_read_secrets() {
    let (account, codebuild) = start().await;
    account.put_secret("doorbell/git/demo", "s3cret").await.unwrap();
    account.put_parameter("demo", "{}").await.unwrap();
    let variables = [
        json!([{"name": "A", "value": "doorbell/git/demo", "type": "SECRETS_MANAGER"}]),
        json!([{"name": "A", "value": "/doorbell/demo", "type": "PARAMETER_STORE"}]),
    ];
    for variable in variables {
        let root = create_project(&account, &codebuild, UNPRIVILEGED_BUILD_ROLE, "true", variable).await;
        let build = run(&root).await;
        assert_eq!(build["buildStatus"], "FAILED");
        let message = context_of(&build, "DOWNLOAD_SOURCE")["message"].as_str().unwrap();
        assert!(message.starts_with("AccessDenied"), "{message}");
        call(&root, "DeleteProject", json!({"name": PROJECT})).await.unwrap();
    }
}

#[tokio::test]
async fn build_with_get_parameters_permission_reads_parameter() {
    let (account, codebuild) = start().await;
    account.put_parameter("demo", "p4rameter").await.unwrap();
    let statement = json!({"Effect": "Allow", "Action": "ssm:GetParameters",
        "Resource": format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/doorbell/demo")});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let policy = [("RoleName", BUILD_ROLE), ("PolicyName", "more"), ("PolicyDocument", document.as_str())];
    account.root().query("iam", "2010-05-08", "PutRolePolicy", &policy).await.unwrap();
    let variable = json!([{"name": "A", "value": "/doorbell/demo", "type": "PARAMETER_STORE"}]);
    let root = create_project(&account, &codebuild, BUILD_ROLE, "test \"$A\" = p4rameter", variable).await;
    let build = run(&root).await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{build:#}");
}
