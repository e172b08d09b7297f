//! What the recording does not hold: read in Pagure's source, or counted by hand on the running one.
use doorbell_sandbox::forge::{FlagStatus, GitLogin, PLAIN, TokenScope};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{HASH, PATIENCE, Stage};

#[tokio::test]
async fn a_projects_token_is_refused_in_another_project_and_without_a_detail() {
    let stage = Stage::set().await;
    stage.forge.create_repository("other").await.unwrap();
    let token = stage.forge.create_token(TokenScope::Repository("other"), &["commit_flag"]);
    let answer = stage.flag(&token, "u", "success").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["error_code"], body.get("errors")), (&json!("EINVALIDTOK"), None));
    assert!(stage.forge.flags(HASH).is_empty());
}

#[tokio::test]
async fn a_revoked_token_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    assert_eq!(stage.flag(&token, "u", "pending").send().await.unwrap().status(), 200);
    stage.forge.revoke(&token);
    let answer = stage.flag(&token, "u", "success").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["errors"], "Invalid token");
    assert_eq!(stage.shown(HASH), ["u pending"]);
    let authorised: Vec<bool> = stage.forge.calls().iter().map(|call| call.authorised).collect();
    assert_eq!(authorised, [true, false]);
}

#[tokio::test]
async fn the_authorization_header_is_read_as_loosely_as_pagure_reads_it() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let check = async |header: String, expected: u16| {
        let path = format!("/api/0/demo/c/{HASH}/flag");
        let fields =
            [("username", "n"), ("comment", "c"), ("url", "https://example.org/"), ("status", "success"), ("uid", "u")];
        let request = stage.request(Method::POST, &path).header("Authorization", &header).form(&fields);
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
async fn an_update_keeps_the_username_and_forgets_the_percentage() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let path = format!("/api/0/demo/c/{HASH}/flag");
    let first = [("uid", "u"), ("status", "pending"), ("percent", "50")];
    stage.post(&token, &path, &first).send().await.unwrap();
    assert_eq!(stage.forge.flags(HASH)[0].percent, Some(50));
    let second =
        [("username", "n"), ("comment", "c"), ("url", "https://example.org/2"), ("uid", "u"), ("status", "success")];
    let request = stage.request(Method::POST, &path).header("Authorization", format!("token {token}")).form(&second);
    assert_eq!(request.send().await.unwrap().json::<Value>().await.unwrap()["message"], "Flag updated");
    let flags = stage.forge.flags(HASH);
    assert_eq!((flags.len(), flags[0].percent, flags[0].username.as_str()), (1, None, "Doorbell"));
    assert_eq!(flags[0].url, "https://example.org/2");
}

#[tokio::test]
async fn the_history_of_a_flag_holds_every_stored_post_in_order() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    for status in ["pending", "success", "nonsense", "pending"] {
        stage.flag(&token, "u", status).send().await.unwrap();
    }
    stage.flag(&token, "v", "error").send().await.unwrap();
    let history = stage.forge.flag_history(HASH, "u");
    assert_eq!(history, [FlagStatus::Pending, FlagStatus::Success, FlagStatus::Pending]);
    assert_eq!(stage.shown(HASH), ["u pending", "v error"]);
    let posts = stage.forge.flag_posts();
    assert!(posts.len() == 4 && posts.is_sorted_by_key(|post| post.at), "{posts:?}");
    let statuses: Vec<_> = stage.forge.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(200), Some(200), Some(400), Some(200), Some(200)]);
}

#[tokio::test]
async fn forms_are_checked_as_pagure_checks_them() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let (commit, pull) = (format!("/api/0/demo/c/{HASH}/flag"), "/api/0/demo/pull-request/1/flag".to_owned());
    let check = async |path: &str, fields: &[(&str, &str)], expected: u16, word: &str| {
        let answer = stage.post(&token, path, fields).send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
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
async fn a_number_in_a_json_form_is_a_crash() {
    let stage = Stage::set().await;
    let form =
        json!({"username": "n", "comment": "c", "url": "https://example.org/", "status": "success", "percent": 50});
    let request = stage.request(Method::POST, &format!("/api/0/demo/c/{HASH}/flag")).json(&form);
    let answer = request.header("Authorization", format!("token {}", stage.flag_token())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(stage.forge.flags(HASH).is_empty());
}

#[tokio::test]
async fn a_pull_requests_flag_is_on_its_head_of_the_moment() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let path = "/api/0/demo/pull-request/1/flag";
    let old = stage.demo.tip("feature").await.unwrap().unwrap();
    stage.post(&token, path, &[("uid", "u"), ("status", "pending")]).send().await.unwrap();
    let new = stage.demo.commit("feature", &[("more.txt", PLAIN, "more\n")], "More").await.unwrap();
    stage.post(&token, path, &[("uid", "u"), ("status", "success")]).send().await.unwrap();
    assert_eq!(stage.shown(old.as_str()), ["u pending"]);
    assert_eq!(stage.shown(new.as_str()), ["u success"]);
    let request: Value = stage.get("/api/0/demo/pull-request/1").await.json().await.unwrap();
    assert_eq!(request["commit_stop"], new.as_str());
    assert_eq!(request["commit_start"], old.as_str());
}

#[tokio::test]
async fn the_four_spellings_of_a_repository_reach_four_repositories() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    for name in ["ns/demo", "forks/me/demo", "forks/me/ns/demo"] {
        stage.forge.create_repository(name).await.unwrap();
    }
    for (path, full_name) in [
        ("demo", "demo"),
        ("ns/demo", "ns/demo"),
        ("fork/me/demo", "forks/me/demo"),
        ("fork/me/ns/demo", "forks/me/ns/demo"),
    ] {
        let commit = format!("{HASH:.39}{}", full_name.len() % 10);
        let flag = format!("/api/0/{path}/c/{commit}/flag");
        let answer = stage.post(&token, &flag, &[("uid", "u"), ("status", "success")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(stage.forge.flags(&commit)[0].repository, full_name);
        let project: Value = stage.get(&format!("/api/0/{path}")).await.json().await.unwrap();
        assert_eq!((&project["fullname"], &project["url_path"]), (&json!(full_name), &json!(path)));
    }
    let fork: Value = stage.get("/api/0/fork/me/demo").await.json().await.unwrap();
    assert_eq!(fork["parent"]["fullname"], "demo");
}

#[tokio::test]
async fn branches_and_tags_are_listed_with_and_without_their_commits() {
    let stage = Stage::set().await;
    let main = stage.demo.tip("main").await.unwrap().unwrap();
    stage.demo.tag("v1", &main).await.unwrap();
    stage.demo.annotated_tag("v2", &main).await.unwrap();
    let check = async |path: &str, expected: Value| {
        assert_eq!(stage.get(path).await.json::<Value>().await.unwrap(), expected, "{path}");
    };
    let main = main.as_str();
    check("/api/0/demo/git/tags?with_commits=1", json!({"tags": {"v1": main, "v2": main}, "total_tags": 2})).await;
    check("/api/0/demo/git/tags", json!({"tags": ["v1", "v2"], "total_tags": 2})).await;
    let branches = json!({"branches": ["feature", "main"], "default": "main", "total_branches": 2});
    check("/api/0/demo/git/branches", branches).await;
}

#[tokio::test]
async fn a_private_repository_can_be_flagged_but_not_read() {
    let stage = Stage::set().await;
    stage.demo.make_private(&[GitLogin::Bearer("b".to_owned())]);
    let token = stage.flag_token();
    assert_eq!(stage.flag(&token, "u", "success").send().await.unwrap().status(), StatusCode::OK);
    for path in ["", "/git/branches?with_commits=1", "/pull-request/1"] {
        let request = stage.request(Method::GET, &format!("/api/0/demo{path}"));
        let answer = request.header("Authorization", format!("token {token}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error_code"], "ENOPROJECT");
    }
}

#[tokio::test]
async fn a_comment_has_no_name_and_is_added_every_time() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    for _ in 0..2 {
        stage.post(&token, "/api/0/demo/pull-request/1/comment", &[]).send().await.unwrap();
    }
    assert_eq!(stage.demo.comments(1), ["a text", "a text"]);
}

#[tokio::test]
async fn waiting_ends_with_the_condition_or_with_its_name() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let is_flagged = |forge: &doorbell_sandbox::forge::Forge| !forge.flags(HASH).is_empty();
    let (waited, sent) = tokio::join!(
        stage.forge.wait_until(PATIENCE, "a flag", is_flagged),
        stage.flag(&token, "u", "success").send(),
    );
    waited.unwrap();
    assert!(sent.is_ok());
    let error = stage.forge.wait_until(std::time::Duration::ZERO, "a miracle", |_| false).await.unwrap_err();
    assert!(error.to_string().contains("a miracle"), "{error}");
}
