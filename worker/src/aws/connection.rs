use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::one_line;
use doorbell_engine::ports::PortError;

use crate::causes::with_causes;

/// How calls are made: the SDK's own retries, and an end to each.
#[derive(Debug)]
pub struct Connection {
    /// For the services' clients.
    pub sdk: SdkConfig,
}

/// Until a TCP connection stands.
const CONNECT: Duration = Duration::from_secs(3);

/// One attempt. Longer only for a long poll, which waits on purpose.
const ATTEMPT: Duration = Duration::from_secs(10);

/// All attempts of one call together.
const OPERATION: Duration = Duration::from_secs(25);

impl Connection {
    /// As the environment says.
    pub async fn open() -> Self {
        Self::configured(|loader| loader).await
    }

    /// As the environment says, and then the caller.
    pub async fn configured(more: impl FnOnce(ConfigLoader) -> ConfigLoader) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        Self { sdk: more(aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts)).load().await }
    }
}

/// A call that got no good answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {words}")]
pub struct CallFailed {
    /// What was called.
    pub call: String,
    /// The service's code, where it spoke.
    pub code: Option<String>,
    /// For people: the service's code and message, else the chain of what went wrong on the way.
    pub words: String,
}

impl From<CallFailed> for PortError {
    fn from(failed: CallFailed) -> Self {
        Self(failed.to_string())
    }
}

/// For those who branch on the service's code.
pub fn call_failed<E, R>(call: &str, error: SdkError<E, R>) -> CallFailed
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    CallFailed { call: call.to_owned(), code: error.code().map(str::to_owned), words: in_words(&error) }
}

/// For a log.
pub(crate) fn failed<E, R>(call: &str, error: SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    call_failed(call, error).into()
}

pub(crate) fn in_words<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(code) = error.code() {
        return one_line(&format!("{code}: {}", error.message().unwrap_or("no message")));
    }
    with_causes(&error.to_string(), error)
}
