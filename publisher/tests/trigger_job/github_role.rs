//! On GitHub, with a role and `id-token: write`: no key, no aws CLI, no other action.
use std::time::{Duration, Instant};

use crate::invocation::{Invocation, TOPIC};
use crate::stub::{Stub, StubResponse};
use crate::vendors::in_build;

const ROLE: &str = "arn:aws:iam::123456789012:role/doorbell-publisher";
const BEARER: &str = "bearerBEARERbearer";
const TOKEN: &str = "header.payload.signature";

/// A step of a job with `id-token: write`; the token comes from `github`, the rest from `aws`.
fn step(github: &Stub, aws: &Stub, arguments: &[&str]) -> Invocation {
    in_build(Invocation::new(&[&["--topic-arn", TOPIC], arguments].concat()), "github", "push")
        .env("AWS_ENDPOINT_URL", &aws.url())
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?api-version=2.0", github.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER)
}

fn token() -> StubResponse {
    StubResponse::Json(format!(r#"{{"count":1,"value":"{TOKEN}"}}"#))
}

#[tokio::test]
async fn github_step_fetches_token_and_assumes_role() {
    let (github, aws) = (Stub::start(&[token()]).await, Stub::start(&[StubResponse::Success]).await);
    let result = step(&github, &aws, &["--role-arn", ROLE]).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");

    let [token_request] = &github.requests()[..] else { panic!("{:?}", github.requests()) };
    assert_eq!(token_request.authorization, format!("Bearer {BEARER}"));
    assert_eq!(token_request.target, "/token?api-version=2.0&audience=sts.amazonaws.com");

    let [assume_role, publish] = &aws.requests()[..] else { panic!("{:?}", aws.requests()) };
    assert_eq!(assume_role.fields["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!((&*assume_role.fields["RoleArn"], &*assume_role.fields["WebIdentityToken"]), (ROLE, TOKEN));
    assert!(publish.authorization.contains("ASIAEXAMPLE"), "{}", publish.authorization);
    for secret in [BEARER, TOKEN] {
        assert!(!result.stderr.contains(secret) && !result.stdout.contains(secret), "{result:?}");
    }
}

#[tokio::test]
async fn role_arn_is_read_from_environment_or_config_file() {
    let (github, aws) = (Stub::start(&[token()]).await, Stub::start(&[StubResponse::Success]).await);
    let by_variable = step(&github, &aws, &[]).env("DOORBELL_ROLE_ARN", ROLE).run().await;
    let run = step(&github, &aws, &[]);
    std::fs::write(run.directory().join(".doorbell.toml"), format!("role-arn = '{ROLE}'\n")).unwrap();
    let by_file = run.run().await;
    assert_eq!((by_variable.exit_code, by_file.exit_code), (Some(0), Some(0)), "{by_variable:?} {by_file:?}");
    assert_eq!(aws.requests().iter().filter(|call| call.fields["Action"] == "AssumeRoleWithWebIdentity").count(), 2);
}

#[tokio::test]
async fn id_token_is_read_from_ci_variables() {
    for name in ["DOORBELL_ID_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "BITBUCKET_STEP_OIDC_TOKEN"] {
        let aws = Stub::start(&[StubResponse::Success]).await;
        let run = Invocation::new(&["demo", "main", TOPIC, "--role-arn", ROLE]).env("AWS_ENDPOINT_URL", &aws.url());
        let result = run.env(name, TOKEN).run().await;
        assert_eq!(result.exit_code, Some(0), "{name}: {result:?}");
        assert_eq!(aws.requests()[0].fields["WebIdentityToken"], TOKEN);
    }
}

async fn check_denied(github: StubResponse, aws: StubResponse, parts: &[&str]) {
    let (github, aws) = (Stub::start(&[github]).await, Stub::start(&[aws]).await);
    let result = step(&github, &aws, &["--role-arn", ROLE]).run().await;
    result.assert_failed(4, parts);
    assert!(!result.stderr.contains(TOKEN) && !result.stderr.contains(BEARER), "{result:?}");
}

#[tokio::test]
async fn missing_token_or_denied_role_exits_4_with_next_step() {
    check_denied(StubResponse::Error(403, "no", "no"), StubResponse::Success, &["HTTP 403", "id-token: write"]).await;
    check_denied(StubResponse::Json(r#"{"message":"no"}"#.to_owned()), StubResponse::Success, &["holds no token"])
        .await;
    let denied = StubResponse::Error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    check_denied(token(), denied, &[ROLE, "AccessDenied", "trust policy"]).await;
    let run = Invocation::new(&["demo", "main", TOPIC, "--role-arn", ROLE]);
    run.run().await.assert_failed(4, &["no OIDC token", "id-token: write", "DOORBELL_ID_TOKEN"]);
}

#[tokio::test]
async fn hanging_github_token_service_times_out() {
    let began = Instant::now();
    check_denied(StubResponse::NoResponse, StubResponse::Success, &["10s"]).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn ctrl_c_interrupts_token_request() {
    let (github, aws) = (Stub::start(&[StubResponse::NoResponse]).await, Stub::start(&[StubResponse::Success]).await);
    let (child, _directory) = step(&github, &aws, &["--role-arn", ROLE]).spawn();
    github.first_request().await;
    crate::invocation::interrupt(&child).await;
    crate::invocation::InvocationResult::wait(child).await.assert_failed(130, &["interrupted"]);
}
