use doorbell_adapters::aws::AwsCallError;

/// Error of a command: the cause, and a hint at the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CliError {
    pub(crate) kind: CliErrorKind,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Kinds of errors, each with an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CliErrorKind {
    /// Invalid arguments or settings.
    Usage,
    /// A setting is missing, or a job, project, message or queue does not exist.
    Missing,
    /// Missing credentials, or access denied.
    Denied,
    /// An AWS call failed after retries.
    OperationFailed,
    /// The output is closed.
    PipeClosed,
}

/// Outcome of a command that completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandOutcome {
    /// Success.
    Done,
    /// The answer is no: the build failed, a check failed, a document is invalid.
    Failed,
    /// The job is rejected, or would be.
    Rejected,
    /// The job was canceled.
    Canceled,
    /// The job ended in an error or a timeout.
    Error,
}

impl CommandOutcome {
    /// Stable; documented in the README and in `--help`.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Rejected => 6,
            Self::Canceled => 7,
            Self::Error => 8,
        }
    }
}

impl CliErrorKind {
    /// As [`CommandOutcome::exit_code`].
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Missing => 3,
            Self::Denied => 4,
            Self::OperationFailed => 5,
            // A shell's exit code for SIGPIPE: 128 + 13.
            Self::PipeClosed => 141,
        }
    }
}

impl CliError {
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: CliErrorKind::Usage, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn missing(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: CliErrorKind::Missing, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn denied(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: CliErrorKind::Denied, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn operation_failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: CliErrorKind::OperationFailed, message: message.into(), hint: hint.into() }
    }
}

impl From<AwsCallError> for CliError {
    fn from(error: AwsCallError) -> Self {
        let message = format!("AWS: {error}");
        let code = error.code.as_deref().unwrap_or_default();
        if is_denied(code) {
            let hint = "these credentials lack a permission; worker/cli/README.md lists what each command needs";
            return Self::denied(message, hint);
        }
        if is_missing(code) {
            return Self::missing(message, "check the setting, the account and the Region");
        }
        Self::operation_failed(message, "retry; `doorbell doctor` checks the installation")
    }
}

/// Whether the error code means that access is denied.
pub(crate) fn is_denied(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || matches!(
            code,
            "AuthorizationError"
                | "AuthorizationErrorException"
                | "UnauthorizedOperation"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "ExpiredTokenException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
        )
}

/// Whether the error code means that the resource does not exist.
pub(crate) fn is_missing(code: &str) -> bool {
    code.contains("NotFound")
        || code.contains("NonExistentQueue")
        || matches!(code, "QueueDoesNotExist" | "NoSuchEntity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Option<&str>, kind: CliErrorKind) {
        let error =
            AwsCallError { call: "Scan".to_owned(), code: code.map(str::to_owned), message: "no luck".to_owned() };
        assert_eq!(CliError::from(error).kind, kind, "{code:?}");
    }

    #[test]
    fn aws_error_code_maps_to_cli_error_kind() {
        check(Some("AccessDeniedException"), CliErrorKind::Denied);
        check(Some("AccessDenied"), CliErrorKind::Denied);
        check(Some("ExpiredTokenException"), CliErrorKind::Denied);
        check(Some("ResourceNotFoundException"), CliErrorKind::Missing);
        check(Some("AWS.SimpleQueueService.NonExistentQueue"), CliErrorKind::Missing);
        check(Some("ThrottlingException"), CliErrorKind::OperationFailed);
        check(None, CliErrorKind::OperationFailed);
    }
}
