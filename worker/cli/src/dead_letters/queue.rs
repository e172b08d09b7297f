use aws_sdk_sqs::types::QueueAttributeName;
use clap::ValueEnum;
use doorbell_adapters::aws::{AwsCallError, aws_error};
use serde_json::Value;

use crate::account::OwnerAccount;
use crate::error::CliError;
use crate::installation::{Installation, Setting};

/// The three dead-letter queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeadLetterQueue {
    /// Messages that the worker could not parse, or that SQS delivered too often
    Requests,
    /// Messages that SNS could not deliver to the trigger queue
    Subscription,
    /// Messages that EventBridge could not deliver to the event queue, or that SQS delivered too often
    Events,
}

impl DeadLetterQueue {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Subscription => "subscription",
            Self::Events => "events",
        }
    }
}

/// A dead-letter queue, with the queue that its messages are redriven to.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterQueueRef {
    pub(crate) kind: DeadLetterQueue,
    pub(crate) url: String,
    pub(crate) source_url: String,
}

/// Finds all three queues: the worker's by its setting, the others by the subscription and the event queue.
///
/// # Errors
/// A setting is missing, or an AWS call failed.
pub(crate) async fn discover(
    account: &OwnerAccount,
    installation: &Installation,
) -> Result<Vec<DeadLetterQueueRef>, CliError> {
    let [topic, triggers, events, requests] =
        installation.read([Setting::TopicArn, Setting::TriggerQueueUrl, Setting::EventQueueUrl, Setting::DlqUrl])?;
    let sqs = account.sqs();
    let mut found =
        vec![DeadLetterQueueRef { kind: DeadLetterQueue::Requests, url: requests, source_url: triggers.clone() }];
    let subscription = subscription_dlq(account, &topic, &triggers).await?;
    let events_dlq = redrive_target(&sqs, &events).await?;
    for (kind, arn, source_url) in
        [(DeadLetterQueue::Subscription, subscription, triggers), (DeadLetterQueue::Events, events_dlq, events)]
    {
        if let Some(arn) = arn {
            found.push(DeadLetterQueueRef { kind, url: queue_url(&sqs, &arn).await?, source_url });
        }
    }
    Ok(found)
}

/// The dead-letter queue of the trigger queue's subscription.
async fn subscription_dlq(account: &OwnerAccount, topic: &str, triggers: &str) -> Result<Option<String>, CliError> {
    let sns = account.sns();
    let endpoint = queue_arn(&account.sqs(), triggers).await?;
    let Some(arn) = subscription_arn(&sns, topic, &endpoint).await? else { return Ok(None) };
    let answer = sns.get_subscription_attributes().subscription_arn(arn).send().await;
    let answer = answer.map_err(|error| aws_error("GetSubscriptionAttributes", error))?;
    Ok(answer.attributes().and_then(|all| all.get("RedrivePolicy")).and_then(|text| dead_letter_target(text)))
}

/// The subscription of a queue to the topic.
///
/// # Errors
/// The SNS call failed.
pub(crate) async fn subscription_arn(
    sns: &aws_sdk_sns::Client,
    topic: &str,
    queue_arn: &str,
) -> Result<Option<String>, AwsCallError> {
    let mut pages = sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| aws_error("ListSubscriptionsByTopic", error))?;
        let subscription = page.subscriptions().iter().find(|one| one.endpoint() == Some(queue_arn));
        if let Some(arn) = subscription.and_then(|one| one.subscription_arn()) {
            return Ok(Some(arn.to_owned()));
        }
    }
    Ok(None)
}

async fn queue_arn(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<String, CliError> {
    Ok(attribute(sqs, url, QueueAttributeName::QueueArn).await?.unwrap_or_default())
}

async fn redrive_target(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<Option<String>, CliError> {
    let policy = attribute(sqs, url, QueueAttributeName::RedrivePolicy).await?;
    Ok(policy.and_then(|text| dead_letter_target(&text)))
}

/// One attribute of a queue.
///
/// # Errors
/// The SQS call failed, or there is no such queue.
pub(crate) async fn attribute(
    sqs: &aws_sdk_sqs::Client,
    url: &str,
    name: QueueAttributeName,
) -> Result<Option<String>, CliError> {
    let answer = sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await;
    let answer = answer.map_err(|error| aws_error(&format!("GetQueueAttributes {url}"), error))?;
    Ok(answer.attributes().and_then(|all| all.get(&name)).cloned())
}

fn dead_letter_target(policy: &str) -> Option<String> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    policy["deadLetterTargetArn"].as_str().map(str::to_owned)
}

/// `arn:aws:sqs:<region>:<account>:<name>`
async fn queue_url(sqs: &aws_sdk_sqs::Client, arn: &str) -> Result<String, CliError> {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let owner = arn.split(':').nth(4).unwrap_or_default();
    let answer = sqs.get_queue_url().queue_name(name).queue_owner_aws_account_id(owner).send().await;
    let answer = answer.map_err(|error| aws_error(&format!("GetQueueUrl {name}"), error))?;
    Ok(answer.queue_url.unwrap_or_default())
}
