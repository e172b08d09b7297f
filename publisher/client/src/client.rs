use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{Builder, Region};
use doorbell_messages::RequestId;

use crate::sent_secrets::SentSecrets;
use crate::throttle::ThrottleClassifier;
use crate::{CredentialSource, Publication, PublishError, TopicArn};

/// All attempts together.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const MAX_ATTEMPTS: u32 = 5;
/// Doubles from attempt to attempt, with the SDK's jitter.
const INITIAL_BACKOFF: Duration = Duration::from_millis(500);

/// SNS's confirmation of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishReceipt {
    /// SNS's id of the message, which the envelope that the worker reads has, too. Empty if SNS gave no valid one.
    pub message_id: String,
}

/// Publishes a request, with the SDK's own retries.
///
/// It takes at most 50 seconds: 10 for an OIDC token, 10 for credentials, 30 to publish.
///
/// Credentials of the host, endpoint (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_SNS`) and proxy are found as in every program on the
/// AWS SDK; the Region is the topic's. Must run in a tokio runtime with time and I/O.
///
/// # Errors
/// [`PublishError`]. After [`PublishError::NoAnswer`] and [`PublishError::Failed`] the message may have arrived all the
/// same: publish the same publication again.
pub async fn publish(
    publication: &Publication,
    credential_source: &CredentialSource,
) -> Result<PublishReceipt, PublishError> {
    let (client, secrets) = client(publication.topic(), credential_source).await?;
    let call = client.publish().topic_arn(publication.topic().as_str()).message(publication.body());
    // SNS forwards it to the queue, which then keeps one project's flood from delaying the others (fair queues). It does
    // not order or drop anything on a standard topic.
    let call = call.message_group_id(publication.request().project.as_str());
    match call.send().await {
        Ok(output) => Ok(PublishReceipt { message_id: message_id(output.message_id.as_deref(), &secrets) }),
        Err(error) => Err(PublishError::from_sdk(&error, publication.topic(), &secrets)),
    }
}

/// The id goes into a CI's files of outputs, where a new line would begin another output.
fn message_id(answer: Option<&str>, secrets: &SentSecrets) -> String {
    let id = secrets.redact(answer.unwrap_or_default());
    if id.parse::<RequestId>().is_ok() { id } else { String::new() }
}

/// A client for the topic's Region, and the secrets that its calls are made with.
async fn client(topic: &TopicArn, credential_source: &CredentialSource) -> Result<(Client, SentSecrets), PublishError> {
    let sdk_config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(topic.region().to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_initial_backoff(INITIAL_BACKOFF))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(PUBLISH_TIMEOUT)
                .build(),
        )
        .load()
        .await;
    // Credentials are resolved once, before the first attempt. Within an attempt, a slow credential provider would use
    // up the attempt's timeout and look like an unreachable SNS.
    let mut secrets = SentSecrets::of_environment();
    let credentials = credential_source.resolve(&sdk_config, &mut secrets).await?;
    secrets.add_credentials(&credentials);
    let config = Builder::from(&sdk_config).credentials_provider(credentials).retry_classifier(ThrottleClassifier);
    Ok((Client::from_conf(config.build()), secrets))
}
