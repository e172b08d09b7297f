use doorbell_messages::RequestId;
use doorbell_publisher::PublishError;

use crate::failure::{TriggerFailure, TriggerFailureKind};

impl TriggerFailure {
    /// A publisher's error, with what to do about it.
    ///
    /// `id` is the request's id if the request had one when the error occurred.
    pub fn from_publish_error(error: &PublishError, id: Option<&RequestId>) -> Self {
        use TriggerFailureKind::{Denied, NotPublished, Usage};
        let retry = || id.map_or_else(|| "try again".to_owned(), retry_hint);
        let (kind, next) = match error {
            PublishError::CancelWithoutId => {
                return Self::new(
                    Usage,
                    "a cancel needs the --id of the request it cancels",
                    "it is the middle part of the job that trigger_job printed: <project>#<id>#<digest>",
                );
            }
            PublishError::TooLarge { .. }
            | PublishError::InvalidRequest { .. }
            | PublishError::RejectedRequest { .. } => (Usage, "see trigger_job --help".to_owned()),
            PublishError::NoSuchTopic { .. } => (Usage, "take its ARN from the Doorbell installation".to_owned()),
            PublishError::RandomId { .. } => (NotPublished, "give one with --id; nothing was published".to_owned()),
            PublishError::NoAnswer { .. } => {
                (NotPublished, format!("see that this machine reaches it (HTTPS_PROXY, SSL_CERT_FILE); {}", retry()))
            }
            PublishError::Failed { .. } => (NotPublished, retry()),
            _ => (Denied, credentials_hint(error).to_owned()),
        };
        Self::new(kind, error.to_string(), next)
    }
}

/// What to do about credentials that are missing or denied.
fn credentials_hint(error: &PublishError) -> &'static str {
    match error {
        PublishError::NoIdToken { .. } => "try again; the job needs permissions: { id-token: write }",
        PublishError::AssumeRole { .. } => {
            "its trust policy must name this CI's OIDC provider, the token's audience, and this repository and ref as its subject"
        }
        PublishError::NotAuthorized { .. } => "they need sns:Publish on exactly that topic; is it the right topic?",
        PublishError::KeyNotAuthorized { .. } => "they need kms:GenerateDataKey* and kms:Decrypt on that key",
        PublishError::ExpiredCredentials { .. } => {
            "get new ones in the step that runs trigger_job, and see that this machine's clock is right"
        }
        PublishError::InvalidSignature { .. } => {
            "the secret access key does not belong to the access key id, or this machine's clock is wrong"
        }
        PublishError::UnknownCredentials { .. } => {
            "the access key was deleted or is of another partition, or its AWS_SESSION_TOKEN is missing or of another key"
        }
        _ => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"
        }
    }
}

/// How to try again without the risk of a second build.
pub(crate) fn retry_hint(id: &RequestId) -> String {
    format!("the same command with --id {id} can't start a second build, even if this one was published")
}
