use aws_sdk_codebuild::operation::start_build::StartBuildError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::StartOutcome;

use crate::aws::connection::describe_error;

/// The outcome of a StartBuild that returned no build.
///
/// Only what AWS documents as "not run" is definite. Everything else, later error codes included, is unknown.
pub(super) fn classify_start_error(error: &SdkError<StartBuildError, HttpResponse>) -> StartOutcome {
    let message = describe_error(error);
    if let SdkError::ConstructionFailure(_) = error {
        return StartOutcome::Denied(message);
    }
    if says_limit(error) {
        return StartOutcome::Limited(message);
    }
    match error.code() {
        Some("AccountLimitExceededException") => StartOutcome::Limited(message),
        Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
            StartOutcome::Throttled(message)
        }
        // The name of the error for "same token, other parameters" is not documented.
        Some("InvalidInputException") if message.to_ascii_lowercase().contains("idempoten") => {
            StartOutcome::Unknown(message)
        }
        Some("InvalidInputException") => StartOutcome::Invalid(message),
        Some(
            "AccessDeniedException"
            | "ResourceNotFoundException"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "MissingAuthenticationTokenException",
        ) => StartOutcome::Denied(message),
        _ => StartOutcome::Unknown(message),
    }
}

/// Whether CodeBuild refuses the build since a concurrency limit is met, by the words of the refusal.
///
/// The error code of a build project's own limit is not documented. Names of resources are no words: a build project may
/// be called `concurrent-limit`.
fn says_limit(error: &SdkError<StartBuildError, HttpResponse>) -> bool {
    let is_refused = error.raw_response().is_some_and(|response| response.status().is_client_error());
    let Some(message) = error.message().filter(|_| is_refused) else { return false };
    let is_word = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || ".,;!()'".contains(c));
    let words = message.split_whitespace().filter(is_word).collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let says = |part: &str| words.contains(part);
    says("cannot have more than")
        || (says("concurren") && ["limit", "exceed", "maximum", "reached", "more than"].into_iter().any(says))
}
