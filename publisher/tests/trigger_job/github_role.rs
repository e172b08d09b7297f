//! On GitHub, with a role and `id-token: write`: no key, no aws CLI, no other action.
use std::time::{Duration, Instant};

use crate::run::{Run, TOPIC};
use crate::stub::{Answer, Stub};
use crate::vendors::in_build;

const ROLE: &str = "arn:aws:iam::123456789012:role/doorbell-publisher";
const BEARER: &str = "bearerBEARERbearer";
const TOKEN: &str = "header.payload.signature";

/// A step of a job with `id-token: write`; the token comes from `github`, the rest from `aws`.
fn step(github: &Stub, aws: &Stub, arguments: &[&str]) -> Run {
    in_build(Run::bare(&[&["--topic-arn", TOPIC], arguments].concat()), "github", "push")
        .env("AWS_ENDPOINT_URL", &aws.url())
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?api-version=2.0", github.url()))
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER)
}

fn token() -> Answer {
    Answer::Json(format!(r#"{{"count":1,"value":"{TOKEN}"}}"#))
}

#[tokio::test]
async fn a_step_on_github_fetches_its_token_and_assumes_its_role() {
    let (github, aws) = (Stub::answering(&[token()]).await, Stub::answering(&[Answer::Done]).await);
    let ended = step(&github, &aws, &["--role-arn", ROLE]).end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let [asked] = &github.calls()[..] else { panic!("{:?}", github.calls()) };
    assert_eq!(asked.authorization, format!("Bearer {BEARER}"));
    assert_eq!(asked.target, "/token?api-version=2.0&audience=sts.amazonaws.com");

    let [assumed, published] = &aws.calls()[..] else { panic!("{:?}", aws.calls()) };
    assert_eq!(assumed.fields["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!((&*assumed.fields["RoleArn"], &*assumed.fields["WebIdentityToken"]), (ROLE, TOKEN));
    assert!(published.authorization.contains("ASIAEXAMPLE"), "{}", published.authorization);
    for secret in [BEARER, TOKEN] {
        assert!(!ended.stderr.contains(secret) && !ended.stdout.contains(secret), "{ended:?}");
    }
}

#[tokio::test]
async fn the_role_may_stand_in_the_environment_or_in_the_file() {
    let (github, aws) = (Stub::answering(&[token()]).await, Stub::answering(&[Answer::Done]).await);
    let by_variable = step(&github, &aws, &[]).env("DOORBELL_ROLE_ARN", ROLE).end().await;
    let run = step(&github, &aws, &[]);
    std::fs::write(run.directory().join(".doorbell.toml"), format!("role-arn = '{ROLE}'\n")).unwrap();
    let by_file = run.end().await;
    assert_eq!((by_variable.code, by_file.code), (Some(0), Some(0)), "{by_variable:?} {by_file:?}");
    assert_eq!(aws.calls().iter().filter(|call| call.fields["Action"] == "AssumeRoleWithWebIdentity").count(), 2);
}

#[tokio::test]
async fn other_cis_hand_the_token_over_in_a_variable() {
    for name in ["DOORBELL_ID_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "BITBUCKET_STEP_OIDC_TOKEN"] {
        let aws = Stub::answering(&[Answer::Done]).await;
        let run = Run::bare(&["demo", "main", TOPIC, "--role-arn", ROLE]).env("AWS_ENDPOINT_URL", &aws.url());
        let ended = run.env(name, TOKEN).end().await;
        assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
        assert_eq!(aws.calls()[0].fields["WebIdentityToken"], TOKEN);
    }
}

async fn check_denied(github: Answer, aws: Answer, parts: &[&str]) {
    let (github, aws) = (Stub::answering(&[github]).await, Stub::answering(&[aws]).await);
    let ended = step(&github, &aws, &["--role-arn", ROLE]).end().await;
    ended.assert_failed(4, parts);
    assert!(!ended.stderr.contains(TOKEN) && !ended.stderr.contains(BEARER), "{ended:?}");
}

#[tokio::test]
async fn without_a_token_or_the_role_it_is_exit_code_4_and_the_next_step_is_named() {
    check_denied(Answer::Refused(403, "no", "no"), Answer::Done, &["HTTP 403", "id-token: write"]).await;
    check_denied(Answer::Json(r#"{"message":"no"}"#.to_owned()), Answer::Done, &["holds no token"]).await;
    let refused = Answer::Refused(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    check_denied(token(), refused, &[ROLE, "AccessDenied", "trust policy"]).await;
    let run = Run::bare(&["demo", "main", TOPIC, "--role-arn", ROLE]);
    run.end().await.assert_failed(4, &["no OIDC token", "id-token: write", "DOORBELL_ID_TOKEN"]);
}

#[tokio::test]
async fn a_token_service_that_never_answers_does_not_hold_it_up() {
    let began = Instant::now();
    check_denied(Answer::Silence, Answer::Done, &["10s"]).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn ctrl_c_ends_the_wait_for_a_token() {
    let (github, aws) = (Stub::answering(&[Answer::Silence]).await, Stub::answering(&[Answer::Done]).await);
    let (child, _directory) = step(&github, &aws, &["--role-arn", ROLE]).start();
    github.first_call().await;
    crate::run::interrupt(&child).await;
    crate::run::Ended::of(child).await.assert_failed(130, &["interrupted"]);
}
