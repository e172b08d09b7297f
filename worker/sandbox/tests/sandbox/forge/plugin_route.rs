//! The route of Doorbell's plugin, with the behavior that `publisher/pagure/tests/pagure` observes on a real Pagure.
use reqwest::Method;
use serde_json::{Value, json};

use super::{ForgeFixture, HASH};

const PATH: &str = "/api/0/ci/doorbell/demo";

fn body(token: &str) -> Value {
    json!({
        "token": token,
        "commit": HASH,
        "uid": "1".repeat(32),
        "status": "pending",
        "username": "Doorbell",
        "comment": "waiting",
        "url": "https://logs.example.org/1",
    })
}

async fn post(fixture: &ForgeFixture, path: &str, body: &Value) -> (u16, Value) {
    let response = fixture.request(Method::POST, path).json(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn hook_token_flags_only_its_own_repository() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.forge.create_hook_token("demo");
    let uid = "1".repeat(32);
    let mut report = body(&token);
    let flag = json!({ "commit_hash": HASH, "status": "pending" });
    let expected = json!({ "message": "Flag added", "uid": uid, "flag": flag });
    assert_eq!(post(&fixture, PATH, &report).await, (200, expected));
    report["status"] = json!("canceled");
    assert_eq!(post(&fixture, PATH, &report).await.1["message"], "Flag updated");
    assert_eq!(fixture.flags_on(HASH), [format!("{uid} canceled")]);
    fixture.forge.create_repository("ours/inner").await.unwrap();
    assert_eq!(post(&fixture, "/api/0/ci/doorbell/ours/inner", &report).await.0, 401);
}

#[tokio::test]
async fn plugin_route_rejects_invalid_fields_as_plugin_does() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.forge.create_hook_token("demo");
    let check = async |status: u16, code: &str, field: &str, value: Value| {
        let mut report = body(&token);
        report[field] = value;
        let (got, response) = post(&fixture, PATH, &report).await;
        assert_eq!((got, response["error_code"].as_str()), (status, Some(code)), "{report}");
    };
    check(401, "EINVALIDTOK", "token", json!("")).await;
    check(401, "EINVALIDTOK", "token", json!(token.to_lowercase())).await;
    check(404, "ENOCOMMIT", "commit", json!("main")).await;
    check(404, "ENOCOMMIT", "commit", json!(HASH[..10])).await;
    check(400, "EINVALIDREQ", "uid", json!("3".repeat(33))).await;
    check(400, "EINVALIDREQ", "status", json!("running")).await;
    check(400, "EINVALIDREQ", "url", json!("javascript:alert(1)")).await;
    check(400, "EINVALIDREQ", "comment", json!("")).await;
    let (status, response) = post(&fixture, "/api/0/ci/doorbell/nowhere", &body(&token)).await;
    assert_eq!((status, response["error_code"].as_str()), (404, Some("ENOPROJECT")));
    assert_eq!(fixture.get(PATH).await.status(), 405);
    assert!(fixture.forge.flag_posts().is_empty());
}
