use std::time::Duration;

use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError as SdkPublishError;
use doorbell_messages::MAX_REQUEST_BYTES;

use crate::sent_secrets::SentSecrets;
use crate::{RoleArn, TopicArn};

/// Why a request was not published, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The body is larger than the worker reads.
    #[error("the request: it has {bytes} bytes, and workers read at most {MAX_REQUEST_BYTES}: shorten the variables")]
    TooLarge {
        /// The body's size.
        bytes: usize,
    },
    /// A cancel names no id, hence no job.
    #[error("a cancel needs the id of the request it cancels")]
    CancelWithoutId,
    /// The request has no key.
    #[error("the request: {problem}")]
    InvalidRequest {
        /// The rule that it breaks.
        problem: String,
    },
    /// The operating system gave no random id.
    #[error("no id could be made for this request: {cause}")]
    RandomId {
        /// Its error.
        cause: String,
    },
    /// The default chain found no credentials in time.
    #[error("no AWS credentials: {cause}")]
    NoCredentials {
        /// The chain's error.
        cause: String,
    },
    /// GitHub gave no OIDC token.
    #[error("GitHub gave no OIDC token: {cause}")]
    NoIdToken {
        /// GitHub's status, or the network's error.
        cause: String,
    },
    /// STS did not let the role be assumed.
    #[error("the role {role} cannot be assumed: {cause}")]
    AssumeRole {
        /// The role.
        role: RoleArn,
        /// STS's error code, or the network's error.
        cause: String,
    },
    /// SNS gave no answer; the message may have arrived.
    #[error("SNS in {region} gave no answer: {cause}")]
    NoAnswer {
        /// The topic's Region.
        region: String,
        /// The network's error.
        cause: String,
    },
    /// The credentials lack `sns:Publish` on the topic.
    #[error("these credentials may not publish to {topic}: {answer}")]
    NotAuthorized {
        /// The topic.
        topic: TopicArn,
        /// AWS's error code and message.
        answer: String,
    },
    /// The credentials may not use the key of an encrypted topic.
    #[error("these credentials may not use the key that {topic} is encrypted with: {answer}")]
    KeyNotAuthorized {
        /// The topic.
        topic: TopicArn,
        /// AWS's error code and message.
        answer: String,
    },
    /// The credentials or the signature have expired.
    #[error("the credentials have expired: {answer}")]
    ExpiredCredentials {
        /// AWS's error code.
        answer: String,
    },
    /// The signature does not belong to the access key, or a clock is wrong.
    #[error("AWS does not accept the signature: {answer}")]
    InvalidSignature {
        /// AWS's error code.
        answer: String,
    },
    /// The access key is unknown.
    #[error("AWS does not know these credentials: {answer}")]
    UnknownCredentials {
        /// AWS's error code.
        answer: String,
    },
    /// The topic does not exist.
    #[error("there is no topic {topic}: {answer}")]
    NoSuchTopic {
        /// The topic.
        topic: TopicArn,
        /// AWS's error code and message.
        answer: String,
    },
    /// SNS rejected the message itself.
    #[error("SNS does not take this request: {answer}")]
    RejectedRequest {
        /// AWS's error code and message.
        answer: String,
    },
    /// SNS failed, after retries; the message may have arrived.
    #[error("SNS did not publish it: {answer}")]
    Failed {
        /// AWS's error code and message.
        answer: String,
    },
}

impl PublishError {
    pub(crate) fn no_credentials(cause: impl Into<String>) -> Self {
        Self::NoCredentials { cause: cause.into() }
    }

    pub(crate) fn from_sdk<R: std::fmt::Debug>(
        error: &SdkError<SdkPublishError, R>,
        topic: &TopicArn,
        secrets: &SentSecrets,
    ) -> Self {
        match error.as_service_error() {
            Some(service_error) => Self::from_error_code(
                service_error.code().unwrap_or("an error without a code"),
                service_error.message(),
                topic,
                secrets,
            ),
            None => Self::NoAnswer { region: topic.region().to_owned(), cause: secrets.causes(error) },
        }
    }

    /// SNS's codes, with and without the ending that the newer protocols give them.
    fn from_error_code(code: &str, message: Option<&str>, topic: &TopicArn, secrets: &SentSecrets) -> Self {
        let (topic, answer) = (topic.clone(), describe_error(code, message, secrets));
        match code.strip_suffix("Exception").unwrap_or(code) {
            "AuthorizationError" | "AccessDenied" => Self::NotAuthorized { topic, answer },
            "KMSAccessDenied" => Self::KeyNotAuthorized { topic, answer },
            "ExpiredToken" | "RequestExpired" => Self::ExpiredCredentials { answer: describe_code(code, secrets) },
            "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignature" | "InvalidSecurity" => {
                Self::InvalidSignature { answer: describe_code(code, secrets) }
            }
            "InvalidClientTokenId" | "UnrecognizedClient" | "MissingAuthenticationToken" | "OptInRequired" => {
                Self::UnknownCredentials { answer: describe_code(code, secrets) }
            }
            "NotFound" => Self::NoSuchTopic { topic, answer },
            "InvalidParameter" | "InvalidParameterValue" | "Validation" => Self::RejectedRequest { answer },
            _ => Self::Failed { answer },
        }
    }
}

/// The longest wait for credentials: an instance without metadata must not hold up a CI.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

/// Credentials, or that there are none in time.
pub(crate) async fn with_credentials_timeout<T>(
    credentials: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    let timed_out =
        |_elapsed| Err(PublishError::no_credentials(format!("nothing answered within {CREDENTIALS_TIMEOUT:?}")));
    tokio::time::timeout(CREDENTIALS_TIMEOUT, credentials).await.unwrap_or_else(timed_out)
}

fn describe_error(code: &str, message: Option<&str>, secrets: &SentSecrets) -> String {
    match message.map(|message| secrets.line(message)).filter(|text| !text.is_empty()) {
        Some(message) => format!("AWS answered {} ({message})", secrets.line(code)),
        None => describe_code(code, secrets),
    }
}

/// The code alone: AWS's message about a signature or a token quotes the request, or the token's claims.
pub(crate) fn describe_code(code: &str, secrets: &SentSecrets) -> String {
    format!("AWS answered {}", secrets.line(code))
}
