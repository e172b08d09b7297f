use doorbell_worker::CallFailed;

/// Why a command did not do what it was asked: what happened and why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) what: String,
    pub(crate) next: String,
}

/// The kinds of failure, named by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Other arguments.
    Usage,
    /// A setting, or something that exists: no such job, project, message, queue.
    Context,
    /// Other credentials, or more rights for these.
    Denied,
    /// Another try, later.
    NotDone,
    /// Nothing: whoever read the output went away.
    PipeClosed,
}

/// How a command ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Well.
    Done,
    /// The answer is no: a build failed, a check failed, a document is wrong.
    Failed,
    /// The policy says, or said, no.
    Rejected,
    /// The job was canceled.
    Canceled,
    /// The job ended in an error or a timeout.
    Error,
}

impl Outcome {
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

impl FailureKind {
    /// As [`Outcome::exit_code`].
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Context => 3,
            Self::Denied => 4,
            Self::NotDone => 5,
            // A shell's own for SIGPIPE: 128 + 13.
            Self::PipeClosed => 141,
        }
    }
}

impl Failure {
    pub(crate) fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind: FailureKind::Usage, what: what.into(), next: next.into() }
    }

    pub(crate) fn context(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind: FailureKind::Context, what: what.into(), next: next.into() }
    }

    pub(crate) fn denied(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind: FailureKind::Denied, what: what.into(), next: next.into() }
    }

    pub(crate) fn not_done(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind: FailureKind::NotDone, what: what.into(), next: next.into() }
    }
}

impl From<CallFailed> for Failure {
    fn from(failed: CallFailed) -> Self {
        let what = format!("AWS: {failed}");
        let code = failed.code.as_deref().unwrap_or_default();
        if is_denied(code) {
            let next = "these credentials lack that right; the README of doorbell-cli lists what each command needs";
            return Self::denied(what, next);
        }
        if is_missing(code) {
            return Self::context(what, "is the setting right, and is this the right account and Region?");
        }
        Self::not_done(what, "nothing more was done; try again, and see `doorbell doctor`")
    }
}

/// Whether AWS's code says that the caller may not.
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

/// Whether AWS's code says that what was named does not exist.
pub(crate) fn is_missing(code: &str) -> bool {
    code.contains("NotFound")
        || code.contains("NonExistentQueue")
        || matches!(code, "QueueDoesNotExist" | "NoSuchEntity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Option<&str>, kind: FailureKind) {
        let failed = CallFailed { call: "Scan".to_owned(), code: code.map(str::to_owned), words: "no luck".to_owned() };
        assert_eq!(Failure::from(failed).kind, kind, "{code:?}");
    }

    #[test]
    fn an_answer_of_aws_becomes_the_kind_of_failure_that_says_what_helps() {
        check(Some("AccessDeniedException"), FailureKind::Denied);
        check(Some("AccessDenied"), FailureKind::Denied);
        check(Some("ExpiredTokenException"), FailureKind::Denied);
        check(Some("ResourceNotFoundException"), FailureKind::Context);
        check(Some("AWS.SimpleQueueService.NonExistentQueue"), FailureKind::Context);
        check(Some("ThrottlingException"), FailureKind::NotDone);
        check(None, FailureKind::NotDone);
    }
}
