//! Access keys of roles, and keys that are invalid.
use doorbell_sandbox::credentials::AccessKey;
use serde_json::Value;

use super::account;
use super::call::publish;

#[tokio::test]
async fn credentials_endpoint_requires_its_token() {
    let account = account().await;
    let environment = account.worker_environment();
    let (uri, token) =
        (&environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"], &environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]);
    let get = async |uri: &str, token: &str| {
        let response = reqwest::Client::new().get(uri).header("Authorization", token).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, body) = get(uri, token).await;
    assert_eq!(status, 200, "{body}");
    let given: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(given["RoleArn"], "arn:aws:iam::111122223333:role/doorbell-worker");
    assert!(given["Expiration"].is_string() && given["Token"].is_string(), "{given}");
    let key = account.key_ring().find(given["AccessKeyId"].as_str().unwrap()).unwrap();
    assert_eq!(key.initiator, "doorbell-worker/sandbox");
    assert_eq!(get(uri, token).await.1, body, "a key is kept until shortly before it expires");
    assert_eq!(get(uri, "guessed").await.0, 401);
    assert_eq!(get(&uri.replace("doorbell-worker", "no-such-role"), token).await.0, 403);
    let identity = account.root().with_key(key).query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    assert!(identity.text("Arn").unwrap().ends_with(":assumed-role/doorbell-worker/sandbox"), "{identity:?}");
}

#[tokio::test]
async fn well_known_access_keys_are_not_root() {
    let account = account().await;
    for id in ["test", "111122223333", "AKIAIOSFODNN7EXAMPLE"] {
        let key =
            AccessKey { access_key_id: id.to_owned(), secret_access_key: "test".to_owned(), ..account.publisher_key() };
        let error = publish(&account.topic_arn()).send(&account.root().with_key(key)).await.unwrap_err();
        assert!(error.status == 403 || error.code.contains("InvalidClientTokenId"), "{id}: {error}");
    }
    let forged = AccessKey { secret_access_key: "guessed".to_owned(), ..account.emulator().root_key() };
    let error = publish(&account.topic_arn()).send(&account.root().with_key(forged)).await.unwrap_err();
    assert_eq!(error.code, "SignatureDoesNotMatch");
}
