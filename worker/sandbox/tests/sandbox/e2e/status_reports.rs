//! Reports to a failing forge: the job ends with one flag, and with the correct status.
use std::time::Duration;

use doorbell_sandbox::forge::{FaultScope, ForgeFailure, ForgeFault, ReleaseTrigger, TokenScope};
use doorbell_sandbox::sandbox::Sandbox;
use reqwest::StatusCode;
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, flag_history, register_demo, single_flag, start_sandbox, trigger};

/// Slow enough for a test to act meanwhile.
const SLOW_SCRIPT: &str = "#!/bin/sh\nsleep 3\n";

const HOOK_SECRET: &str = "doorbell/report/hook";

/// Makes the project report by the plugin's route.
async fn report_through_plugin(sandbox: &Sandbox, repository: &doorbell_sandbox::git_host::GitRepository) {
    let token = sandbox.forge.create_hook_token(repository.name());
    sandbox.account.put_secret(HOOK_SECRET, &token).await.unwrap();
    let mut document = sandbox.registry_document(repository, &json!("./ci.sh"));
    document["reportTo"]["type"] = json!("pagure-ci");
    document["reportTo"]["tokenSecret"] = json!(HOOK_SECRET);
    sandbox.register_project("demo", &document).await.unwrap();
}

async fn wait_for_flag(sandbox: &Sandbox, status: &str) {
    let is_shown = |forge: &doorbell_sandbox::forge::ForgeServer| {
        forge.flag_posts().last().is_some_and(|post| post.flag.status.as_str() == status)
    };
    sandbox.forge.wait_until(JOB_TIMEOUT, status, is_shown).await.unwrap();
}

#[tokio::test]
async fn plugin_project_reports_through_the_plugin_route_only() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, "#!/bin/sh\nexit 3\n").await;
    report_through_plugin(&sandbox, &repository).await;
    let worker = sandbox.start_worker(&[("DOORBELL_LOG", "debug")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "failure");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "failure");
    let calls = sandbox.forge.calls();
    let posts: Vec<_> = calls.iter().filter(|call| call.method == "POST" && call.path.contains("/api/")).collect();
    assert!(posts.iter().all(|call| call.path == "/api/0/ci/doorbell/demo"), "{posts:#?}");
    let token = sandbox.forge.create_hook_token("other");
    assert_eq!(token.len(), 32);
    assert!(calls.iter().all(|call| !call.path.contains("token")), "{calls:#?}");
    assert!(!worker.log().unwrap().contains("\"token\""));
}

#[tokio::test]
async fn token_rotated_between_two_reports_is_reloaded() {
    for by_plugin in [false, true] {
        let sandbox = start_sandbox().await;
        let (repository, commit) = register_demo(&sandbox, SLOW_SCRIPT).await;
        if by_plugin {
            report_through_plugin(&sandbox, &repository).await;
        }
        let _worker = sandbox.start_worker(&[]).await.unwrap();
        let key = trigger(&sandbox, &["demo", "main"]).await;
        wait_for_flag(&sandbox, "pending").await;
        if by_plugin {
            let fresh = sandbox.forge.create_hook_token("demo");
            sandbox.account.put_secret(HOOK_SECRET, &fresh).await.unwrap();
        } else {
            let fresh = sandbox.forge.create_token(TokenScope::Any, &["commit_flag"]);
            sandbox.account.put_secret("doorbell/report/forge", &fresh).await.unwrap();
            sandbox.forge.revoke(sandbox.report_token());
        }
        sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
        assert_eq!(flag_history(&sandbox, &commit), ["pending", "success"], "by the plugin: {by_plugin}");
        assert!(sandbox.forge.calls().iter().any(|call| call.status == Some(401)), "the old token was tried");
    }
}

#[tokio::test]
async fn eight_parallel_reports_leave_one_correct_flag() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, SLOW_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    wait_for_flag(&sandbox, "pending").await;
    let uid = single_flag(&sandbox, &commit).uid;
    // As recorded on PostgreSQL: of concurrent posts one is stored and the others get 400 EDBERROR. The ninth is the
    // worker's own.
    sandbox.forge.fail_next(8, FaultScope::FlagPosts, ForgeFault::Before(ForgeFailure::database_error()));
    let ca = sandbox.account.ca().ca_pem().as_bytes();
    let http =
        reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(ca).unwrap()]).build().unwrap();
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
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.remaining_faults()), ("success", 0));
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
    assert_eq!(flag_history(&sandbox, &commit), ["pending", "success"]);
}

#[tokio::test]
async fn slow_500_from_pagure_without_redis_is_retried() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let nineteen = ReleaseTrigger::After(Duration::from_secs(19));
    let late = ForgeFault::FailLate(nineteen, ForgeFailure::html(StatusCode::INTERNAL_SERVER_ERROR));
    sandbox.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::Skip);
    sandbox.forge.fail_next(1, FaultScope::FlagPosts, late);
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.remaining_faults()), ("success", 0));
    // A caller that gives up at its deadline leaves a call without a status.
    assert!(sandbox.forge.calls().iter().any(|call| call.status.is_none()));
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
}

#[tokio::test]
async fn forge_restart_during_report_leaves_one_correct_flag() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    sandbox.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::Skip);
    // The forge is down before the post is stored, and again after; then its proxy responds 502.
    for fault in [
        ForgeFault::Before(ForgeFailure::Disconnect),
        ForgeFault::After(ForgeFailure::Disconnect),
        ForgeFault::Before(ForgeFailure::html(StatusCode::BAD_GATEWAY)),
    ] {
        sandbox.forge.fail_next(1, FaultScope::FlagPosts, fault);
    }
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap();
    assert_eq!((job.status(), sandbox.forge.remaining_faults()), ("success", 0));
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
    assert_eq!(flag_history(&sandbox, &commit).iter().filter(|status| **status == "pending").count(), 1);
}
