//! Pagure's API, as 5.14.1 answers (the sandbox's forge holds its recorded exchanges), and our plugin's route in it.

mod ref_resolver;
mod response;

use doorbell_engine::domain::{DeliveryOutcome, ForgeRepository, ReportTarget, StatusReport};
use doorbell_engine::ports::Unauthorized;
use doorbell_messages::{Redactor, Status};
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub(super) use ref_resolver::resolve_ref;
use response::{ErrorBody, describe_response, describe_transport_error, read};

/// A flag's answer is below 1 KiB; of anything longer only so much is read.
const MAX_RESPONSE_BYTES: usize = 16 * 1024;

const TOKEN_NOT_HEADER_SAFE: &str = "the token holds characters that no header can carry";

/// Pagure has five statuses by default, and none for "running".
fn pagure_status(status: Status) -> &'static str {
    match status {
        Status::Queued | Status::Running => "pending",
        Status::Success => "success",
        Status::Failure => "failure",
        Status::Error | Status::Rejected => "error",
        Status::Canceled => "canceled",
    }
}

/// The flag's uid: the 32 characters of the external id that Pagure's column holds. A longer uid is a `400 EDBERROR`.
fn uid(target: &ReportTarget) -> &str {
    const UID_CHARS: usize = 32;
    target.external_id.get(..UID_CHARS).unwrap_or(&target.external_id)
}

/// Flags the commit by Pagure's own API. Repeating it is safe: one uid is one flag, and the last write wins.
pub(super) async fn post_flag(
    client: &Client,
    forge: &Url,
    target: &ReportTarget,
    report: &StatusReport,
    token: &SecretString,
) -> Result<DeliveryOutcome, Unauthorized> {
    let path = format!("api/0/{}/c/{}/flag", target.to.repo, target.commit);
    let form = [
        ("username", target.to.username.as_str()),
        ("comment", report.comment.as_str()),
        ("url", report.url.as_str()),
        ("status", pagure_status(report.status)),
        ("uid", uid(target)),
    ];
    match with_token(client.post(join(forge, &path)).form(&form), token) {
        Some(request) => send(request, token).await,
        None => Ok(DeliveryOutcome::Failed { reason: TOKEN_NOT_HEADER_SAFE.to_owned(), retry_after: None }),
    }
}

/// Flags the commit by the route of Doorbell's plugin for Pagure, which answers as the flag API does. The token is in
/// the body: neither in the URL, which servers write to their logs, nor in a header that Pagure would look up.
pub(super) async fn post_to_plugin(
    client: &Client,
    forge: &Url,
    target: &ReportTarget,
    report: &StatusReport,
    token: &SecretString,
) -> Result<DeliveryOutcome, Unauthorized> {
    let path = format!("api/0/ci/doorbell/{}", target.to.repo);
    let body = serde_json::json!({
        "token": token.expose_secret(),
        "commit": target.commit.as_str(),
        "username": target.to.username,
        "comment": report.comment,
        "url": report.url,
        "status": pagure_status(report.status),
        "uid": uid(target),
    });
    send(client.post(join(forge, &path)).json(&body), token).await
}

async fn send(request: RequestBuilder, token: &SecretString) -> Result<DeliveryOutcome, Unauthorized> {
    let secrets = Redactor::new([token.expose_secret()]);
    match request.send().await {
        Ok(response) => classify_response(response, &secrets).await,
        Err(error) if error.is_connect() => {
            Ok(DeliveryOutcome::Failed { reason: describe_transport_error(&error, &secrets), retry_after: None })
        }
        Err(error) => Ok(DeliveryOutcome::Unknown(describe_transport_error(&error, &secrets))),
    }
}

async fn classify_response(response: Response, secrets: &Redactor) -> Result<DeliveryOutcome, Unauthorized> {
    let code = response.status();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let body = match read(response, MAX_RESPONSE_BYTES, secrets).await {
        Ok(body) => body,
        // The status line was there: for a refusal it says enough.
        Err(reason) if code.is_success() => return Ok(DeliveryOutcome::Unknown(reason)),
        Err(_) => Vec::new(),
    };
    let error_body: Option<ErrorBody> = serde_json::from_slice(&body).ok();
    let reason = describe_response(code, error_body.as_ref(), secrets);
    let is_edberror = error_body.as_ref().and_then(|problem| problem.error_code.as_deref()) == Some("EDBERROR");
    Ok(match code {
        StatusCode::OK if serde_json::from_slice::<FlagAccepted>(&body).is_ok() => DeliveryOutcome::Delivered,
        StatusCode::OK => DeliveryOutcome::Unknown(
            "it answers 200, but not as Pagure does: is reportTo.url the forge's address?".to_owned(),
        ),
        StatusCode::UNAUTHORIZED => return Err(Unauthorized(reason)),
        StatusCode::BAD_REQUEST if is_edberror => DeliveryOutcome::Conflict(reason),
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_FOUND
        | StatusCode::GONE
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::PAYLOAD_TOO_LARGE => DeliveryOutcome::Undeliverable(reason),
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            DeliveryOutcome::Unknown(reason)
        }
        _ => DeliveryOutcome::Failed { reason, retry_after },
    })
}

/// Whether the forge takes an API token for flags on this repository. The form is empty on purpose: Pagure checks the
/// token and the repository first, and then refuses the form, so that nothing is written.
pub(super) async fn probe_flag_api(
    client: &Client,
    forge: &Url,
    repository: &ForgeRepository,
    token: &SecretString,
) -> Result<Result<(), String>, Unauthorized> {
    let path = format!("api/0/{}/c/{NULL_COMMIT}/flag", repository.repo);
    match with_token(client.post(join(forge, &path)).form(&[("", ""); 0]), token) {
        Some(request) => classify_probe(request, token).await,
        None => Err(Unauthorized(TOKEN_NOT_HEADER_SAFE.to_owned())),
    }
}

/// As [`probe_flag_api`], for a hook's token and the plugin's route, which misses the uid after it has checked the token.
pub(super) async fn probe_plugin(
    client: &Client,
    forge: &Url,
    repository: &ForgeRepository,
    token: &SecretString,
) -> Result<Result<(), String>, Unauthorized> {
    let path = format!("api/0/ci/doorbell/{}", repository.repo);
    let body = serde_json::json!({ "token": token.expose_secret(), "commit": NULL_COMMIT });
    classify_probe(client.post(join(forge, &path)).json(&body), token).await
}

/// A commit that does not exist.
const NULL_COMMIT: &str = "0000000000000000000000000000000000000000";

async fn classify_probe(request: RequestBuilder, token: &SecretString) -> Result<Result<(), String>, Unauthorized> {
    let secrets = Redactor::new([token.expose_secret()]);
    let response = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(describe_transport_error(&error, &secrets))),
    };
    let code = response.status();
    let error_body: Option<ErrorBody> =
        read(response, MAX_RESPONSE_BYTES, &secrets).await.ok().and_then(|body| serde_json::from_slice(&body).ok());
    let refused_form = error_body.as_ref().and_then(|problem| problem.error_code.as_deref()) == Some("EINVALIDREQ");
    let reason = describe_response(code, error_body.as_ref(), &secrets);
    match code {
        StatusCode::BAD_REQUEST if refused_form => Ok(Ok(())),
        StatusCode::UNAUTHORIZED => Err(Unauthorized(reason)),
        _ => Ok(Err(reason)),
    }
}

/// Enough of a flag's answer to know it for one. The rest holds people's e-mail addresses and is never kept.
#[derive(Deserialize)]
struct FlagAccepted {
    #[serde(rename = "flag")]
    _flag: serde::de::IgnoredAny,
}

/// Pagure looks for a lower-case "token" in this header, and for nothing else.
fn with_token(request: RequestBuilder, token: &SecretString) -> Option<RequestBuilder> {
    let mut value = HeaderValue::from_str(&format!("token {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(request.header(AUTHORIZATION, value))
}

/// The API under the forge's address, which may have a path of its own.
fn join(forge: &Url, path: &str) -> String {
    format!("{}/{path}", forge.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests;
