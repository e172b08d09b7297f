use doorbell_messages::RunnerExit;

/// Why the runner itself ends the build: the code to exit with, and one line for the people who read the log.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct RunnerError {
    pub(crate) exit: RunnerExit,
    reason: String,
}

impl RunnerError {
    pub(crate) fn new(exit: RunnerExit, reason: impl Into<String>) -> Self {
        Self { exit, reason: reason.into() }
    }

    pub(crate) fn environment(reason: impl Into<String>) -> Self {
        Self::new(RunnerExit::BadEnvironment, reason)
    }

    pub(crate) fn checkout(reason: impl Into<String>) -> Self {
        Self::new(RunnerExit::CheckoutFailed, reason)
    }

    pub(crate) fn infrastructure(reason: impl Into<String>) -> Self {
        Self::new(RunnerExit::InfrastructureFailure, reason)
    }
}
