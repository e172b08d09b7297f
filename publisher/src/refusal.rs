use std::error::Error;

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;

use crate::Publication;
use crate::failure::{Failure, FailureKind, one_line};

/// What a publish that did not succeed means for the person who asked for it.
pub(crate) fn explained<R>(error: &SdkError<PublishError, R>, publication: &Publication) -> Failure
where
    R: std::fmt::Debug,
{
    match error.as_service_error() {
        Some(refusal) => by_code(refusal.code().unwrap_or("an error without a code"), refusal.message(), publication),
        None => Failure::new(
            FailureKind::NotPublished,
            format!("SNS in {} gave no answer: {}", publication.topic().region(), chain(error)),
            format!("see that this machine reaches it (HTTPS_PROXY, SSL_CERT_FILE); {}", again(publication)),
        ),
    }
}

/// SNS's codes, with and without the ending that the newer protocols give them.
fn by_code(code: &str, message: Option<&str>, publication: &Publication) -> Failure {
    let topic = publication.topic();
    let answer = answer(code, message);
    match code.strip_suffix("Exception").unwrap_or(code) {
        "AuthorizationError" | "AccessDenied" => Failure::new(
            FailureKind::Denied,
            format!("these credentials may not publish to {topic}: {answer}"),
            "they need sns:Publish on exactly that topic; is it the right topic?",
        ),
        "KMSAccessDenied" => Failure::new(
            FailureKind::Denied,
            format!("these credentials may not use the key that {topic} is encrypted with: {answer}"),
            "they need kms:GenerateDataKey* and kms:Decrypt on that key",
        ),
        "ExpiredToken" | "RequestExpired" => Failure::new(
            FailureKind::Denied,
            format!("the credentials have expired: {}", quiet(code)),
            "get new ones in the step that runs trigger_job, and see that this machine's clock is right",
        ),
        "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignature" | "InvalidSecurity" => Failure::new(
            FailureKind::Denied,
            format!("AWS does not accept the signature: {}", quiet(code)),
            "the secret access key does not belong to the access key id, or this machine's clock is wrong",
        ),
        "InvalidClientTokenId" | "UnrecognizedClient" | "MissingAuthenticationToken" | "OptInRequired" => Failure::new(
            FailureKind::Denied,
            format!("AWS does not know these credentials: {}", quiet(code)),
            "the access key was deleted or is of another partition, or its AWS_SESSION_TOKEN is missing or of another key",
        ),
        "NotFound" => Failure::new(
            FailureKind::Usage,
            format!("there is no topic {topic}: {answer}"),
            "take its ARN from the Doorbell installation",
        ),
        "InvalidParameter" | "InvalidParameterValue" | "Validation" => Failure::new(
            FailureKind::Usage,
            format!("SNS does not take this request: {answer}"),
            "see trigger_job --help",
        ),
        _ => Failure::new(FailureKind::NotPublished, format!("SNS did not publish it: {answer}"), again(publication)),
    }
}

/// No credentials could be found, for this reason.
pub(crate) fn no_credentials(why: &str) -> Failure {
    Failure::new(
        FailureKind::Denied,
        format!("no AWS credentials: {why}"),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    )
}

/// An instance without metadata, or a token service that can't be reached, must not hold up a CI for longer.
const CREDENTIALS_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Credentials, or that there are none in time.
pub(crate) async fn in_time<T>(credentials: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_elapsed| Err(no_credentials(&format!("nothing answered within {CREDENTIALS_WITHIN:?}")));
    tokio::time::timeout(CREDENTIALS_WITHIN, credentials).await.unwrap_or_else(late)
}

/// How to try again without the risk of a second build.
pub(crate) fn again(publication: &Publication) -> String {
    format!(
        "the same command with --id {} can't start a second build, even if this one was published",
        publication.id()
    )
}

/// An error and its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = one_line(&cause.to_string());
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    causes.join(": ")
}

fn answer(code: &str, message: Option<&str>) -> String {
    match message.map(one_line).filter(|text| !text.is_empty()) {
        Some(message) => format!("AWS answered {} ({message})", one_line(code)),
        None => quiet(code),
    }
}

/// Without AWS's text: that of a signature error quotes the request, session token included.
fn quiet(code: &str) -> String {
    format!("AWS answered {}", one_line(code))
}
