use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_adapters::aws::{AwsCallError, aws_error};
use serde_json::Value;

use super::DoctorContext;
use super::check::{Check, check_from_problems};
use super::policy::statements;
use crate::dead_letters::discover;
use crate::printer::pluralize;

type QueueAttributes = HashMap<QueueAttributeName, String>;

/// Checks the two queues and the three dead-letter queues.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    let (triggers, events, dead_letter_checks) =
        futures_util::join!(triggers(context), events(context), dead_letters(context));
    [vec![triggers, events], dead_letter_checks].concat()
}

async fn triggers(context: &DoctorContext<'_>) -> Check {
    const NAME: &str = "trigger-queue";
    let (attributes, dlq) = match queue_and_dlq_arn(context, &context.trigger_queue_url).await {
        Ok(found) => found,
        Err(failed) => {
            return Check::query_failed(NAME, &failed, "check DOORBELL_TRIGGER_QUEUE_URL: `aws sqs list-queues`");
        }
    };
    let mut problems = sender_problems(&attributes, "sns.amazonaws.com", std::slice::from_ref(&context.topic_arn));
    problems.extend(redrive_problem(&attributes, Some(&dlq)));
    let fix = format!("aws sqs set-queue-attributes --queue-url {} --attributes ...", context.trigger_queue_url);
    check_from_problems(NAME, &problems, "the topic may send to it, and it has a dead-letter queue", fix)
}

async fn events(context: &DoctorContext<'_>) -> Check {
    const NAME: &str = "event-queue";
    let (attributes, _) = match queue_and_dlq_arn(context, &context.event_queue_url).await {
        Ok(found) => found,
        Err(failed) => {
            return Check::query_failed(NAME, &failed, "check DOORBELL_EVENT_QUEUE_URL: `aws sqs list-queues`");
        }
    };
    // Without rules there is no sender, and the rules' own check fails.
    let rules = super::rules::rule_arns(context).await;
    let mut problems = sender_problems(&attributes, "events.amazonaws.com", &rules);
    problems.extend(redrive_problem(&attributes, None));
    let fix = format!("aws sqs set-queue-attributes --queue-url {} --attributes ...", context.event_queue_url);
    check_from_problems(NAME, &problems, "the rules may send to it, and it has a dead-letter queue", fix)
}

/// A queue's attributes, and the ARN of the worker's dead-letter queue.
async fn queue_and_dlq_arn(context: &DoctorContext<'_>, url: &str) -> Result<(QueueAttributes, String), AwsCallError> {
    let sqs = context.account.sqs();
    let queue = queue_attributes(&sqs, url).await?;
    let dlq = queue_attributes(&sqs, &context.dlq_url).await.unwrap_or_default();
    Ok((queue, dlq.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default()))
}

async fn queue_attributes(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<QueueAttributes, AwsCallError> {
    let answer = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
    Ok(answer.map_err(|error| aws_error("GetQueueAttributes", error))?.attributes.unwrap_or_default())
}

fn sender_problems(attributes: &QueueAttributes, service: &str, sources: &[String]) -> Vec<String> {
    let policy = attributes.get(&QueueAttributeName::Policy).map(String::as_str).unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let all = statements(&policy);
    let mut problems = Vec::new();
    for source in sources {
        if !all.iter().any(|one| one.admits(service, "sqs:SendMessage", source)) {
            problems
                .push(format!("its policy does not let {service} send for {source}; no message arrives from there"));
        }
    }
    if all.iter().any(|one| one.allows_everyone("sqs:SendMessage")) {
        problems.push("everyone may send to it".to_owned());
    }
    problems
}

fn redrive_problem(attributes: &QueueAttributes, expected: Option<&str>) -> Option<String> {
    let policy = attributes.get(&QueueAttributeName::RedrivePolicy).map(String::as_str).unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match (policy["deadLetterTargetArn"].as_str(), expected) {
        (None, _) => Some("it has no dead-letter queue; a message that fails is redelivered forever".to_owned()),
        (Some(target), Some(expected)) if target != expected => {
            Some(format!("its dead letters go to {target}, but the worker's to {expected}"))
        }
        _ => None,
    }
}

async fn dead_letters(context: &DoctorContext<'_>) -> Vec<Check> {
    let found = match discover(context.account, context.installation).await {
        Ok(found) => found,
        Err(failure) => return vec![Check::unreadable("dead-letters", &failure)],
    };
    let sqs = context.account.sqs();
    let each = found.into_iter().map(|queue| {
        let sqs = &sqs;
        async move {
            let name = format!("dead-letters-{}", queue.kind.name());
            let attributes = match queue_attributes(sqs, &queue.url).await {
                Ok(attributes) => attributes,
                Err(failed) => {
                    return Check::query_failed(name, &failed, "check that the queue exists: `aws sqs list-queues`");
                }
            };
            let count = |key| attributes.get(&key).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
            let message_count = count(QueueAttributeName::ApproximateNumberOfMessages)
                + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
            match message_count {
                0 => Check::ok(name, "no dead letters"),
                message_count => Check::warning(
                    name,
                    format!("{} that could not be processed", pluralize(message_count, "message")),
                    format!("doorbell dlq list --queue {}", queue.kind.name()),
                ),
            }
        }
    });
    futures_util::future::join_all(each).await
}
