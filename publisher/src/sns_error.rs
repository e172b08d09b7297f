use std::error::Error;

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;

use crate::Publication;
use crate::failure::{TriggerFailure, TriggerFailureKind, one_line};

/// What a publish that did not succeed means for the person who asked for it.
pub(crate) fn from_publish_error<R>(error: &SdkError<PublishError, R>, publication: &Publication) -> TriggerFailure
where
    R: std::fmt::Debug,
{
    match error.as_service_error() {
        Some(service_error) => from_error_code(
            service_error.code().unwrap_or("an error without a code"),
            service_error.message(),
            publication,
        ),
        None => TriggerFailure::new(
            TriggerFailureKind::NotPublished,
            format!("SNS in {} gave no answer: {}", publication.topic().region(), error_chain(error)),
            format!("see that this machine reaches it (HTTPS_PROXY, SSL_CERT_FILE); {}", retry_hint(publication)),
        ),
    }
}

/// SNS's codes, with and without the ending that the newer protocols give them.
fn from_error_code(code: &str, message: Option<&str>, publication: &Publication) -> TriggerFailure {
    let topic = publication.topic();
    let error_text = describe_error(code, message);
    match code.strip_suffix("Exception").unwrap_or(code) {
        "AuthorizationError" | "AccessDenied" => TriggerFailure::new(
            TriggerFailureKind::Denied,
            format!("these credentials may not publish to {topic}: {error_text}"),
            "they need sns:Publish on exactly that topic; is it the right topic?",
        ),
        "KMSAccessDenied" => TriggerFailure::new(
            TriggerFailureKind::Denied,
            format!("these credentials may not use the key that {topic} is encrypted with: {error_text}"),
            "they need kms:GenerateDataKey* and kms:Decrypt on that key",
        ),
        "ExpiredToken" | "RequestExpired" => TriggerFailure::new(
            TriggerFailureKind::Denied,
            format!("the credentials have expired: {}", describe_code(code)),
            "get new ones in the step that runs trigger_job, and see that this machine's clock is right",
        ),
        "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignature" | "InvalidSecurity" => {
            TriggerFailure::new(
                TriggerFailureKind::Denied,
                format!("AWS does not accept the signature: {}", describe_code(code)),
                "the secret access key does not belong to the access key id, or this machine's clock is wrong",
            )
        }
        "InvalidClientTokenId" | "UnrecognizedClient" | "MissingAuthenticationToken" | "OptInRequired" => {
            TriggerFailure::new(
                TriggerFailureKind::Denied,
                format!("AWS does not know these credentials: {}", describe_code(code)),
                "the access key was deleted or is of another partition, or its AWS_SESSION_TOKEN is missing or of another key",
            )
        }
        "NotFound" => TriggerFailure::new(
            TriggerFailureKind::Usage,
            format!("there is no topic {topic}: {error_text}"),
            "take its ARN from the Doorbell installation",
        ),
        "InvalidParameter" | "InvalidParameterValue" | "Validation" => TriggerFailure::new(
            TriggerFailureKind::Usage,
            format!("SNS does not take this request: {error_text}"),
            "see trigger_job --help",
        ),
        _ => TriggerFailure::new(
            TriggerFailureKind::NotPublished,
            format!("SNS did not publish it: {error_text}"),
            retry_hint(publication),
        ),
    }
}

/// No credentials could be found, for this reason.
pub(crate) fn no_credentials(why: &str) -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::Denied,
        format!("no AWS credentials: {why}"),
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    )
}

/// An instance without metadata, or a token service that can't be reached, must not hold up a CI for longer.
const CREDENTIALS_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Credentials, or that there are none in time.
pub(crate) async fn with_credentials_timeout<T>(
    credentials: impl Future<Output = Result<T, TriggerFailure>>,
) -> Result<T, TriggerFailure> {
    let timed_out = |_elapsed| Err(no_credentials(&format!("nothing answered within {CREDENTIALS_TIMEOUT:?}")));
    tokio::time::timeout(CREDENTIALS_TIMEOUT, credentials).await.unwrap_or_else(timed_out)
}

/// How to try again without the risk of a second build.
pub(crate) fn retry_hint(publication: &Publication) -> String {
    format!(
        "the same command with --id {} can't start a second build, even if this one was published",
        publication.id()
    )
}

/// An error and its causes, on one line.
pub(crate) fn error_chain(error: &dyn Error) -> String {
    one_line(&doorbell_messages::text::error_chain(&error.to_string(), error))
}

fn describe_error(code: &str, message: Option<&str>) -> String {
    match message.map(one_line).filter(|text| !text.is_empty()) {
        Some(message) => format!("AWS answered {} ({message})", one_line(code)),
        None => describe_code(code),
    }
}

/// Without AWS's text: that of a signature error quotes the request, session token included.
fn describe_code(code: &str) -> String {
    format!("AWS answered {}", one_line(code))
}
