use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{Builder, Region};

use crate::failure::{Failure, FailureKind};
use crate::identity::Identity;
use crate::throttle::Throttle;
use crate::{Publication, TopicArn, refusal};

/// All attempts together.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(30);
const ATTEMPT_WITHIN: Duration = Duration::from_secs(8);
const CONNECTED_WITHIN: Duration = Duration::from_secs(4);
const ATTEMPTS: u32 = 5;
/// Doubles from attempt to attempt, with the SDK's jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// SNS's word that it has the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// SNS's id of the message; the envelope that the worker reads has it too.
    pub message_id: String,
}

/// Publishes, with the SDK's own retries, within 50 seconds: 10 to be given a token, 10 to find credentials, 30 to
/// publish.
///
/// Credentials of the surroundings, endpoint (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_SNS`) and proxy are found as in every program on the
/// AWS SDK; the Region is the topic's. Must run in a tokio runtime with time and I/O.
///
/// # Errors
/// [`FailureKind::Denied`], [`FailureKind::NotPublished`] (where the message may have arrived all the same: publish the
/// same request again) or, for a topic or a text that SNS does not take, [`FailureKind::Usage`].
pub async fn publish(publication: &Publication, identity: &Identity) -> Result<Receipt, Failure> {
    let client = client(publication.topic(), identity).await?;
    let sent = client.publish().topic_arn(publication.topic().as_str()).message(publication.body()).send().await;
    match sent {
        Ok(output) => Ok(Receipt { message_id: output.message_id.unwrap_or_default() }),
        Err(error) => Err(refusal::explained(&error, publication)),
    }
}

/// As [`publish`], on a runtime of its own, and given up at SIGINT (Ctrl-C).
///
/// # Errors
/// As [`publish`], and [`FailureKind::Interrupted`].
pub fn publish_until_interrupted(publication: &Publication, identity: &Identity) -> Result<Receipt, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(FailureKind::NotPublished, format!("no runtime could be started: {error}"), "try again")
    })?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            biased;
            outcome = publish(publication, identity) => outcome,
            // A handler that can't be installed leaves SIGINT as it is: it ends the process.
            Ok(()) = tokio::signal::ctrl_c() => Err(interrupted(publication)),
        }
    });
    // A name lookup may still block a thread: neither a result nor a person waits for it.
    runtime.shutdown_background();
    outcome
}

async fn client(topic: &TopicArn, identity: &Identity) -> Result<Client, Failure> {
    let shared = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(topic.region().to_owned()))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECTED_WITHIN)
                .operation_attempt_timeout(ATTEMPT_WITHIN)
                .operation_timeout(PUBLISHED_WITHIN)
                .build(),
        )
        .load()
        .await;
    // Looked up once and before the first attempt: inside of it, credentials that are slow to fail would use up the
    // attempt's time and look like a network that does not answer.
    let credentials = identity.credentials(&shared).await?;
    let config = Builder::from(&shared).credentials_provider(credentials).retry_classifier(Throttle);
    Ok(Client::from_conf(config.build()))
}

fn interrupted(publication: &Publication) -> Failure {
    Failure::new(
        FailureKind::Interrupted,
        "interrupted, perhaps after the request was published",
        refusal::again(publication),
    )
}
