use crate::invocation::{Invocation, SESSION_TOKEN, TOPIC};
use crate::stub::{Stub, StubResponse};

/// Each of these is final: one attempt, one exit code, and words that help.
async fn check(status: u16, code: &'static str, message: &'static str, exit: i32, parts: &[&str]) {
    let sns = Stub::start(&[StubResponse::Error(status, code, message)]).await;
    let result = Invocation::with_sns(&sns, &["demo", "main"]).run().await;
    result.assert_failed(exit, parts);
    assert_eq!(sns.requests().len(), 1, "{code} was tried again");
}

#[tokio::test]
async fn missing_permission_exits_4_and_is_named() {
    check(403, "AuthorizationError", "User: x is not authorized", 4, &[TOPIC, "sns:Publish", "User: x"]).await;
    check(400, "KMSAccessDenied", "no", 4, &["kms:GenerateDataKey*", "kms:Decrypt"]).await;
}

#[tokio::test]
async fn rejected_credentials_exit_4() {
    check(403, "InvalidClientTokenId", "The security token is invalid", 4, &["does not know"]).await;
    check(403, "ExpiredToken", "expired", 4, &["have expired"]).await;
}

#[tokio::test]
async fn signature_error_omits_text_quoted_by_aws() {
    // The real text ends with the canonical request, which has the session token among its headers.
    let message: &'static str = Box::leak(format!("mismatch: x-amz-security-token:{SESSION_TOKEN}").into_boxed_str());
    check(403, "SignatureDoesNotMatch", message, 4, &["SignatureDoesNotMatch", "secret access key"]).await;
}

#[tokio::test]
async fn request_rejected_by_sns_exits_2() {
    check(404, "NotFound", "Topic does not exist", 2, &["there is no topic", TOPIC]).await;
    check(400, "InvalidParameter", "Invalid parameter: Message", 2, &["Invalid parameter: Message"]).await;
}

#[tokio::test]
async fn other_sns_error_exits_5_on_one_line() {
    check(400, "KMSDisabled", "key is off\n::error::forged", 5, &["KMSDisabled (key is off)", "--id"]).await;
}
