use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use doorbell_engine::domain::PublishOutcome;
use doorbell_engine::ports::DoneEventPublisher;
use doorbell_messages::DoneEvent;

use crate::aws::clock::AwsClock;
use crate::aws::connection::aws_error;

/// The SNS topic of done events.
#[derive(Debug, Clone)]
pub struct DoneTopic {
    client: Client,
    /// None where the installation has no topic: nothing is published then.
    arn: Option<String>,
}

/// Codes of an answer that stays the same until a person changes something.
const REFUSALS: [&str; 11] = [
    "AuthorizationError",
    "AccessDenied",
    "AccessDeniedException",
    "NotFound",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidSecurity",
    "KMSAccessDenied",
    "KMSDisabled",
    "KMSInvalidState",
    "KMSNotFound",
];

impl DoneTopic {
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, arn: Option<String>) -> Self {
        // The row repeats a call that failed.
        let config = aws_sdk_sns::config::Builder::from(sdk).retry_config(RetryConfig::disabled());
        Self { client: Client::from_conf(config.interceptor(clock.clone()).build()), arn }
    }
}

impl DoneEventPublisher for DoneTopic {
    async fn publish(&self, event: &DoneEvent) -> PublishOutcome {
        let Some(arn) = &self.arn else {
            return PublishOutcome::Refused("this worker has no topic of done events".to_owned());
        };
        // Queues that subscribe keep one project's flood from delaying the others by it.
        let mut call = self.client.publish().topic_arn(arn).message_group_id(event.project.as_str());
        for (name, value) in event.attributes() {
            match string_attribute(value) {
                Ok(attribute) => call = call.message_attributes(name, attribute),
                Err(error) => return PublishOutcome::Failed(error.to_string()),
            }
        }
        match call.message(event.to_json()).send().await {
            Ok(_) => PublishOutcome::Published,
            Err(error) => {
                let error = aws_error("Publish of a done event", error);
                match error.code.as_deref() {
                    Some(code) if REFUSALS.contains(&code) => PublishOutcome::Refused(error.to_string()),
                    _ => PublishOutcome::Failed(error.to_string()),
                }
            }
        }
    }
}

fn string_attribute(value: String) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}
