use std::error::Error;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::one_line;
use doorbell_engine::ports::PortError;
use doorbell_messages::text::error_causes;

use crate::aws::sent_secrets::{foreign_words, remember_secrets};

/// How calls are made: the SDK's own retries, and an end to each.
#[derive(Debug)]
pub struct Connection {
    /// For the services' clients.
    pub sdk: SdkConfig,
}

/// Until a TCP connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One attempt. Longer only for a long poll, which waits on purpose.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// All attempts of one call together.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);

impl Connection {
    /// As the environment says.
    pub async fn open() -> Self {
        Self::with_config(|loader| loader).await
    }

    /// As the environment says, and then the caller.
    pub async fn with_config(customize: impl FnOnce(ConfigLoader) -> ConfigLoader) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let loader = customize(aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts));
        Self { sdk: remember_secrets(loader.load().await) }
    }
}

/// A call that got no good answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {message}")]
pub struct AwsCallError {
    /// What was called.
    pub call: String,
    /// The service's code, where it spoke.
    pub code: Option<String>,
    /// For people: the service's code and message, else the chain of what went wrong on the way.
    pub message: String,
}

impl From<AwsCallError> for PortError {
    fn from(error: AwsCallError) -> Self {
        Self(error.to_string())
    }
}

/// For those who branch on the service's code.
pub fn aws_error<E, R>(call: &str, error: SdkError<E, R>) -> AwsCallError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    AwsCallError { call: call.to_owned(), code: error.code().map(foreign_words), message: describe_error(&error) }
}

/// For a log.
pub(crate) fn port_error<E, R>(call: &str, error: SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    aws_error(call, error).into()
}

pub(crate) fn describe_error<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(code) = error.code() {
        return one_line(&foreign_words(&format!("{code}: {}", error.message().unwrap_or("no message"))));
    }
    one_line(&foreign_words(&error_causes(&error.to_string(), error)))
}
