//! Behavior beyond the recording, from Pagure's source or observed on a running Pagure.
use doorbell_sandbox::forge::{FlagStatus, TokenScope};
use doorbell_sandbox::git_host::{GitLogin, REGULAR_FILE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ForgeFixture, HASH, STEP_TIMEOUT};

#[tokio::test]
async fn project_token_in_other_project_is_rejected_without_detail() {
    let fixture = ForgeFixture::new().await;
    fixture.forge.create_repository("other").await.unwrap();
    let token = fixture.forge.create_token(TokenScope::Repository("other"), &["commit_flag"]);
    let response = fixture.flag_request(&token, "u", "success").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["error_code"], body.get("errors")), (&json!("EINVALIDTOK"), None));
    assert!(fixture.forge.flags(HASH).is_empty());
}

#[tokio::test]
async fn revoked_token_is_rejected_as_unknown() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    assert_eq!(fixture.flag_request(&token, "u", "pending").send().await.unwrap().status(), 200);
    fixture.forge.revoke(&token);
    let response = fixture.flag_request(&token, "u", "success").send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["errors"], "Invalid token");
    assert_eq!(fixture.flags_on(HASH), ["u pending"]);
    let authorised: Vec<bool> = fixture.forge.calls().iter().map(|call| call.authorised).collect();
    assert_eq!(authorised, [true, false]);
}

#[tokio::test]
async fn authorization_header_is_parsed_as_loosely_as_in_pagure() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let check = async |header: String, expected: u16| {
        let path = format!("/api/0/demo/c/{HASH}/flag");
        let fields =
            [("username", "n"), ("comment", "c"), ("url", "https://example.org/"), ("status", "success"), ("uid", "u")];
        let request = fixture.request(Method::POST, &path).header("Authorization", &header).form(&fields);
        assert_eq!(request.send().await.unwrap().status(), expected, "{header}");
    };
    check(format!("token {token}"), 200).await;
    check(format!("Basic token {token}"), 200).await;
    check(format!("Token {token}"), 401).await;
    check(format!("TOKEN {token}"), 401).await;
    check(format!("token: {token}"), 401).await;
    check(format!("Bearer {token}"), 401).await;
}

#[tokio::test]
async fn flag_update_keeps_username_and_clears_percentage() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let path = format!("/api/0/demo/c/{HASH}/flag");
    let first = [("uid", "u"), ("status", "pending"), ("percent", "50")];
    fixture.post(&token, &path, &first).send().await.unwrap();
    assert_eq!(fixture.forge.flags(HASH)[0].percent, Some(50));
    let second =
        [("username", "n"), ("comment", "c"), ("url", "https://example.org/2"), ("uid", "u"), ("status", "success")];
    let request = fixture.request(Method::POST, &path).header("Authorization", format!("token {token}")).form(&second);
    assert_eq!(request.send().await.unwrap().json::<Value>().await.unwrap()["message"], "Flag updated");
    let flags = fixture.forge.flags(HASH);
    assert_eq!((flags.len(), flags[0].percent, flags[0].username.as_str()), (1, None, "Doorbell"));
    assert_eq!(flags[0].url, "https://example.org/2");
}

#[tokio::test]
async fn flag_history_lists_every_stored_post_in_order() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    for status in ["pending", "success", "nonsense", "pending"] {
        fixture.flag_request(&token, "u", status).send().await.unwrap();
    }
    fixture.flag_request(&token, "v", "error").send().await.unwrap();
    let history = fixture.forge.flag_history(HASH, "u");
    assert_eq!(history, [FlagStatus::Pending, FlagStatus::Success, FlagStatus::Pending]);
    assert_eq!(fixture.flags_on(HASH), ["u pending", "v error"]);
    let posts = fixture.forge.flag_posts();
    assert!(posts.len() == 4 && posts.is_sorted_by_key(|post| post.at), "{posts:?}");
    let statuses: Vec<_> = fixture.forge.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(200), Some(400), Some(200), Some(200)]);
}

#[tokio::test]
async fn flag_forms_are_validated_as_pagure_does() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let (commit, pull) = (format!("/api/0/demo/c/{HASH}/flag"), "/api/0/demo/pull-request/1/flag".to_owned());
    let check = async |path: &str, fields: &[(&str, &str)], expected: u16, word: &str| {
        let response = fixture.post(&token, path, fields).send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status == expected && body.contains(word), "{path} {fields:?}: {status} {body}");
    };
    check(&commit, &[("uid", &"u".repeat(32)), ("status", "success")], 200, "Flag added").await;
    check(&commit, &[("uid", &"u".repeat(33)), ("status", "success")], 400, "EDBERROR").await;
    check(&commit, &[("uid", &"ü".repeat(32)), ("status", "success")], 200, "Flag added").await;
    check(&commit, &[("status", "success"), ("percent", "-5")], 200, "-5").await;
    check(&commit, &[("status", "success"), ("percent", "3000000000")], 400, "EDBERROR").await;
    check(&commit, &[("status", "")], 400, "This field is required.").await;
    check(&commit, &[("status", " success")], 400, "Not a valid choice.").await;
    check(&pull, &[("percent", "40")], 200, "\"status\":\"success\"").await;
    check(&pull, &[("status", "")], 400, "This field is required.").await;
    check("/api/0/demo/c/abc/flag", &[("status", "success")], 404, "ENOCOMMIT").await;
    check(&format!("/api/0/demo/c/{}/flag", "a".repeat(64)), &[("status", "success")], 404, "ENOCOMMIT").await;
}

#[tokio::test]
async fn number_in_json_form_returns_500() {
    let fixture = ForgeFixture::new().await;
    let form =
        json!({"username": "n", "comment": "c", "url": "https://example.org/", "status": "success", "percent": 50});
    let request = fixture.request(Method::POST, &format!("/api/0/demo/c/{HASH}/flag")).json(&form);
    let response = request.header("Authorization", format!("token {}", fixture.flag_token())).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert!(fixture.forge.flags(HASH).is_empty());
}

#[tokio::test]
async fn pull_request_flag_is_stored_on_current_head() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let path = "/api/0/demo/pull-request/1/flag";
    let old = fixture.demo.tip("feature").await.unwrap().unwrap();
    fixture.post(&token, path, &[("uid", "u"), ("status", "pending")]).send().await.unwrap();
    let new = fixture.demo.commit("feature", &[("more.txt", REGULAR_FILE, "more\n")], "More").await.unwrap();
    fixture.post(&token, path, &[("uid", "u"), ("status", "success")]).send().await.unwrap();
    assert_eq!(fixture.flags_on(old.as_str()), ["u pending"]);
    assert_eq!(fixture.flags_on(new.as_str()), ["u success"]);
    let request: Value = fixture.get("/api/0/demo/pull-request/1").await.json().await.unwrap();
    assert_eq!(request["commit_stop"], new.as_str());
    assert_eq!(request["commit_start"], old.as_str());
}

#[tokio::test]
async fn four_repository_paths_reach_four_repositories() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    for name in ["ns/demo", "forks/me/demo", "forks/me/ns/demo"] {
        fixture.forge.create_repository(name).await.unwrap();
    }
    for (path, full_name) in [
        ("demo", "demo"),
        ("ns/demo", "ns/demo"),
        ("fork/me/demo", "forks/me/demo"),
        ("fork/me/ns/demo", "forks/me/ns/demo"),
    ] {
        let commit = format!("{HASH:.39}{}", full_name.len() % 10);
        let flag = format!("/api/0/{path}/c/{commit}/flag");
        let response = fixture.post(&token, &flag, &[("uid", "u"), ("status", "success")]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(fixture.forge.flags(&commit)[0].repository, full_name);
        let project: Value = fixture.get(&format!("/api/0/{path}")).await.json().await.unwrap();
        assert_eq!((&project["fullname"], &project["url_path"]), (&json!(full_name), &json!(path)));
    }
    let fork: Value = fixture.get("/api/0/fork/me/demo").await.json().await.unwrap();
    assert_eq!(fork["parent"]["fullname"], "demo");
}

#[tokio::test]
async fn branches_and_tags_are_listed_with_and_without_their_commits() {
    let fixture = ForgeFixture::new().await;
    let main = fixture.demo.tip("main").await.unwrap().unwrap();
    fixture.demo.tag("v1", &main).await.unwrap();
    fixture.demo.annotated_tag("v2", &main).await.unwrap();
    let check = async |path: &str, expected: Value| {
        assert_eq!(fixture.get(path).await.json::<Value>().await.unwrap(), expected, "{path}");
    };
    let main = main.as_str();
    check("/api/0/demo/git/tags?with_commits=1", json!({"tags": {"v1": main, "v2": main}, "total_tags": 2})).await;
    check("/api/0/demo/git/tags", json!({"tags": ["v1", "v2"], "total_tags": 2})).await;
    let branches = json!({"branches": ["feature", "main"], "default": "main", "total_branches": 2});
    check("/api/0/demo/git/branches", branches).await;
}

#[tokio::test]
async fn private_repository_accepts_flags_but_is_not_readable() {
    let fixture = ForgeFixture::new().await;
    fixture.demo.make_private(&[GitLogin::Bearer("b".to_owned())]);
    let token = fixture.flag_token();
    assert_eq!(fixture.flag_request(&token, "u", "success").send().await.unwrap().status(), StatusCode::OK);
    for path in ["", "/git/branches?with_commits=1", "/pull-request/1"] {
        let request = fixture.request(Method::GET, &format!("/api/0/demo{path}"));
        let response = request.header("Authorization", format!("token {token}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["error_code"], "ENOPROJECT");
    }
}

#[tokio::test]
async fn repeated_comment_is_added_every_time() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    for _ in 0..2 {
        fixture.post(&token, "/api/0/demo/pull-request/1/comment", &[]).send().await.unwrap();
    }
    assert_eq!(fixture.forge.comments("demo", 1), ["a text", "a text"]);
}

#[tokio::test]
async fn forge_wait_ends_with_condition_or_named_timeout() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let is_flagged = |forge: &doorbell_sandbox::forge::ForgeServer| !forge.flags(HASH).is_empty();
    let (waited, sent) = tokio::join!(
        fixture.forge.wait_until(STEP_TIMEOUT, "a flag", is_flagged),
        fixture.flag_request(&token, "u", "success").send(),
    );
    waited.unwrap();
    assert!(sent.is_ok());
    let error = fixture.forge.wait_until(std::time::Duration::ZERO, "a miracle", |_| false).await.unwrap_err();
    assert!(error.to_string().contains("a miracle"), "{error}");
}
