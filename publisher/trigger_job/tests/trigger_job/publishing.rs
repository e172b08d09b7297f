use crate::invocation::{Invocation, TOPIC};
use crate::stub::{MESSAGE_ID, Stub, StubResponse};

/// The job of `{"project":"demo","branch":"main","id":"7"}`, as every worker names it.
const JOB: &str = "demo#7#";

#[tokio::test]
async fn published_job_is_the_only_stdout_output() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let result = Invocation::with_sns(&sns, &["demo", "main", "--id", "7"]).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    assert!(result.stdout.starts_with(JOB) && result.stdout.lines().count() == 1, "{}", result.stdout);
    assert_eq!(result.stderr, format!("published: branch main of demo to {TOPIC}, message {MESSAGE_ID}\n"));

    let [call] = &sns.requests()[..] else { panic!("more than one call: {:?}", sns.requests()) };
    assert_eq!(call.fields["Action"], "Publish");
    assert_eq!(call.fields["TopicArn"], TOPIC);
    assert_eq!(call.fields["Message"], r#"{"project":"demo","branch":"main","id":"7"}"#);
    assert_eq!(call.fields["MessageGroupId"], "demo");
}

#[tokio::test]
async fn region_comes_from_topic_not_environment() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let run = Invocation::with_sns(&sns, &["demo", "main"])
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1");
    assert_eq!(run.run().await.exit_code, Some(0));
    let authorization = &sns.requests()[0].authorization;
    assert!(authorization.contains("/eu-west-1/sns/aws4_request"), "{authorization}");
}

#[tokio::test]
async fn global_endpoint_variable_is_honored() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let run = Invocation::with_sns(&sns, &["demo", "main"])
        .without("AWS_ENDPOINT_URL_SNS")
        .env("AWS_ENDPOINT_URL", &sns.url());
    assert_eq!(run.run().await.exit_code, Some(0));
    assert_eq!(sns.requests().len(), 1);
}

#[tokio::test]
async fn publish_json_shape_is_stable() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let arguments = ["demo", "--tag", "v1", "--commit", commit, "--id", "7", "--output", "json"];
    let result = Invocation::with_sns(&sns, &arguments).run().await;
    let job =
        doorbell_messages::JobKey::for_request(&doorbell_messages::Request::parse(&sns.messages()[0]).unwrap(), "")
            .unwrap();
    let want = format!(
        r#"{{"job":"{job}","project":"demo","ref":"refs/tags/v1","commit":"{commit}","topicArn":"{TOPIC}","messageId":"{MESSAGE_ID}"}}"#
    );
    assert_eq!(result.stdout, want + "\n");

    let without_commit = Invocation::with_sns(&sns, &["demo", "main", "--output", "json"]).run().await;
    assert!(without_commit.stdout.contains(r#""commit":null"#), "{}", without_commit.stdout);
}

#[tokio::test]
async fn cancel_prints_job_of_matching_start() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let start = Invocation::with_sns(&sns, &["demo", "main", "--id", "7"]).run().await;
    let cancel = Invocation::with_sns(&sns, &["demo", "main", "--id", "7", "--cancel"]).run().await;
    assert_eq!(start.stdout, cancel.stdout);
    assert!(sns.messages()[1].contains(r#""action":"cancel""#), "{:?}", sns.messages());
}

#[tokio::test]
async fn iwomp_variables_alone_publish_its_message_with_id() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let result = Invocation::with_sns(&sns, &[])
        .without("DOORBELL_TOPIC_ARN")
        .env("IWOMPINAWS_TOPIC_ARN", TOPIC)
        .env("IWOMPINAWS_PROJECT", "demo")
        .env("GIT_BRANCH", "main")
        .run()
        .await;
    let id = result.job_id();
    assert_eq!(sns.messages(), [format!(r#"{{"project":"demo","branch":"main","id":"{id}"}}"#)]);
    assert_eq!(sns.requests()[0].fields["TopicArn"], TOPIC);
}

#[tokio::test]
async fn interrupted_run_prints_retry_hint_with_id() {
    let sns = Stub::start(&[StubResponse::NoResponse]).await;
    let (child, _directory) = Invocation::with_sns(&sns, &["demo", "main", "--id", "7"]).spawn();
    sns.first_request().await;
    crate::invocation::interrupt(&child).await;
    crate::invocation::InvocationResult::wait(child).await.assert_failed(130, &["interrupted", "--id 7"]);
}
