//! Reports through a forge's bad hours: however it goes, the flag ends right, and there is one.
use std::time::Duration;

use doorbell_sandbox::forge::{Calls, Failure, Fault, Hold, TokenScope};
use doorbell_sandbox::sandbox::Sandbox;
use reqwest::StatusCode;
use serde_json::json;

use super::{JOB, PASSING, demo, flag, sandbox, shown, trigger};

/// Long enough for a test to do something meanwhile.
const SLOW: &str = "#!/bin/sh\nsleep 3\n";

const HOOK_SECRET: &str = "doorbell/report/hook";

/// From now on the project's results go to the plugin's route.
async fn report_by_the_plugin(sandbox: &Sandbox, repository: &doorbell_sandbox::forge::Repository) {
    let token = sandbox.forge.create_hook_token(repository.name());
    sandbox.world.put_secret(HOOK_SECRET, &token).await.unwrap();
    let mut document = sandbox.document(repository, &json!("./ci.sh"));
    document["reportTo"]["type"] = json!("pagure-ci");
    document["reportTo"]["tokenSecret"] = json!(HOOK_SECRET);
    sandbox.register("demo", &document).await.unwrap();
}

async fn until_shown(sandbox: &Sandbox, status: &str) {
    let is_shown = |forge: &doorbell_sandbox::forge::Forge| {
        forge.flag_posts().last().is_some_and(|post| post.flag.status.as_str() == status)
    };
    sandbox.forge.wait_until(JOB, status, is_shown).await.unwrap();
}

#[tokio::test]
async fn a_result_is_told_by_the_plugin_s_route_and_by_no_other() {
    let sandbox = sandbox().await;
    let (repository, commit) = demo(&sandbox, "#!/bin/sh\nexit 3\n").await;
    report_by_the_plugin(&sandbox, &repository).await;
    let worker = sandbox.worker(&[("DOORBELL_LOG", "debug")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "failure");
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "failure");
    let calls = sandbox.forge.calls();
    let posts: Vec<_> = calls.iter().filter(|call| call.method == "POST" && call.path.contains("/api/")).collect();
    assert!(posts.iter().all(|call| call.path == "/api/0/ci/doorbell/demo"), "{posts:#?}");
    let token = sandbox.forge.create_hook_token("other");
    assert_eq!(token.len(), 32);
    assert!(calls.iter().all(|call| !call.path.contains("token")), "{calls:#?}");
    assert!(!worker.log().unwrap().contains("\"token\""));
}

#[tokio::test]
async fn a_token_that_is_rotated_between_two_reports_of_one_job_is_read_afresh() {
    for by_plugin in [false, true] {
        let sandbox = sandbox().await;
        let (repository, commit) = demo(&sandbox, SLOW).await;
        if by_plugin {
            report_by_the_plugin(&sandbox, &repository).await;
        }
        let _worker = sandbox.worker(&[]).await.unwrap();
        let key = trigger(&sandbox, &["demo", "main"]).await;
        until_shown(&sandbox, "pending").await;
        if by_plugin {
            let fresh = sandbox.forge.create_hook_token("demo");
            sandbox.world.put_secret(HOOK_SECRET, &fresh).await.unwrap();
        } else {
            let fresh = sandbox.forge.create_token(TokenScope::Any, &["commit_flag"]);
            sandbox.world.put_secret("doorbell/report/forge", &fresh).await.unwrap();
            sandbox.forge.revoke(sandbox.report_token());
        }
        sandbox.until_settled(&key, JOB).await.unwrap();
        assert_eq!(shown(&sandbox, &commit), ["pending", "success"], "by the plugin: {by_plugin}");
        assert!(sandbox.forge.calls().iter().any(|call| call.status == Some(401)), "the old token was tried");
    }
}

#[tokio::test]
async fn eight_reports_of_one_flag_at_once_leave_one_flag_with_the_truth() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, SLOW).await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    until_shown(&sandbox, "pending").await;
    let uid = flag(&sandbox, &commit).uid;
    // As recorded on PostgreSQL: of posts that meet, one is stored and the others get 400 EDBERROR. The ninth is the
    // worker's own.
    sandbox.forge.fail_next(8, Calls::FlagPosts, Fault::Before(Failure::database_error()));
    let authority = sandbox.world.authority().ca_pem().as_bytes();
    let http = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority).unwrap()])
        .build()
        .unwrap();
    let url = format!("{}/api/0/demo/c/{commit}/flag", sandbox.forge.url());
    let token = sandbox.forge.create_token(TokenScope::Any, &["commit_flag"]);
    let strangers = (0..7).map(|number| {
        let form = [
            ("username", "stranger".to_owned()),
            ("comment", number.to_string()),
            ("url", "https://example.org".to_owned()),
            ("status", "error".to_owned()),
            ("uid", uid.clone()),
        ];
        tokio::spawn(http.post(&url).header("authorization", format!("token {token}")).form(&form).send())
    });
    for stranger in strangers.collect::<Vec<_>>() {
        assert_eq!(stranger.await.unwrap().unwrap().status(), 400);
    }
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.faults_left()), ("success", 0));
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
    assert_eq!(shown(&sandbox, &commit), ["pending", "success"]);
}

#[tokio::test]
async fn a_pagure_without_its_redis_is_waited_for_and_told_again() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    let nineteen = Hold::For(Duration::from_secs(19));
    let late = Fault::LateBefore(nineteen, Failure::html(StatusCode::INTERNAL_SERVER_ERROR));
    sandbox.forge.fail_next(1, Calls::FlagPosts, Fault::Spare);
    sandbox.forge.fail_next(1, Calls::FlagPosts, late);
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB * 2).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.faults_left()), ("success", 0));
    // Its answer was waited for: a caller that gives up leaves a call without a status.
    assert!(sandbox.forge.calls().iter().any(|call| call.status == Some(500)));
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn a_forge_that_restarts_in_the_middle_of_a_report_shows_the_truth_once() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    sandbox.forge.fail_next(1, Calls::FlagPosts, Fault::Spare);
    // Gone before the post was stored, gone after it, and then what stands before it has nobody to ask.
    for fault in [
        Fault::Before(Failure::Disconnect),
        Fault::After(Failure::Disconnect),
        Fault::Before(Failure::html(StatusCode::BAD_GATEWAY)),
    ] {
        sandbox.forge.fail_next(1, Calls::FlagPosts, fault);
    }
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB * 2).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.faults_left()), ("success", 0));
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "success");
    assert_eq!(shown(&sandbox, &commit).iter().filter(|status| **status == "pending").count(), 1);
}
