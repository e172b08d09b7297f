use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_worker::{CallFailed, call_failed};
use serde_json::Value;

use super::Patient;
use super::check::{Check, judged};
use super::policy::statements;
use crate::dead_letters::discover;
use crate::screen::counted;

type Attributes = HashMap<QueueAttributeName, String>;

/// The two queues, and the three where dead letters lie.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Check> {
    let (triggers, events, letters) = futures_util::join!(triggers(patient), events(patient), dead_letters(patient));
    [vec![triggers, events], letters].concat()
}

async fn triggers(patient: &Patient<'_>) -> Check {
    const NAME: &str = "trigger-queue";
    let (attributes, dlq) = match look(patient, &patient.trigger_queue_url).await {
        Ok(found) => found,
        Err(failed) => {
            return Check::unanswered(NAME, &failed, "is DOORBELL_TRIGGER_QUEUE_URL right? `aws sqs list-queues`");
        }
    };
    let mut problems = senders(&attributes, "sns.amazonaws.com", std::slice::from_ref(&patient.topic_arn));
    problems.extend(redrive(&attributes, Some(&dlq)));
    let mend = format!("aws sqs set-queue-attributes --queue-url {} --attributes ...", patient.trigger_queue_url);
    judged(NAME, &problems, "the topic may send to it, and what it can't deliver is set aside", mend)
}

async fn events(patient: &Patient<'_>) -> Check {
    const NAME: &str = "event-queue";
    let (attributes, _) = match look(patient, &patient.event_queue_url).await {
        Ok(found) => found,
        Err(failed) => {
            return Check::unanswered(NAME, &failed, "is DOORBELL_EVENT_QUEUE_URL right? `aws sqs list-queues`");
        }
    };
    // Without rules there is nobody to admit, and the rules' own check says so.
    let rules = super::rules::arns(patient).await;
    let mut problems = senders(&attributes, "events.amazonaws.com", &rules);
    problems.extend(redrive(&attributes, None));
    let mend = format!("aws sqs set-queue-attributes --queue-url {} --attributes ...", patient.event_queue_url);
    judged(NAME, &problems, "the rules may send to it, and what it can't deliver is set aside", mend)
}

/// A queue's attributes, and the ARN of the worker's dead-letter queue.
async fn look(patient: &Patient<'_>, url: &str) -> Result<(Attributes, String), CallFailed> {
    let sqs = patient.account.sqs();
    let queue = all(&sqs, url).await?;
    let letters = all(&sqs, &patient.dlq_url).await.unwrap_or_default();
    Ok((queue, letters.get(&QueueAttributeName::QueueArn).cloned().unwrap_or_default()))
}

async fn all(sqs: &aws_sdk_sqs::Client, url: &str) -> Result<Attributes, CallFailed> {
    let answer = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
    Ok(answer.map_err(|error| call_failed("GetQueueAttributes", error))?.attributes.unwrap_or_default())
}

fn senders(attributes: &Attributes, service: &str, sources: &[String]) -> Vec<String> {
    let policy = attributes.get(&QueueAttributeName::Policy).map(String::as_str).unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let all = statements(&policy);
    let mut problems = Vec::new();
    for source in sources {
        if !all.iter().any(|one| one.admits(service, "sqs:SendMessage", source)) {
            problems.push(format!("its policy does not let {service} send for {source}: nothing arrives from there"));
        }
    }
    if all.iter().any(|one| one.opens_to_all("sqs:SendMessage")) {
        problems.push("anybody in the world may send to it".to_owned());
    }
    problems
}

fn redrive(attributes: &Attributes, wanted: Option<&str>) -> Option<String> {
    let policy = attributes.get(&QueueAttributeName::RedrivePolicy).map(String::as_str).unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match (policy["deadLetterTargetArn"].as_str(), wanted) {
        (None, _) => Some("it has no dead-letter queue: what is received too often comes back for ever".to_owned()),
        (Some(target), Some(wanted)) if target != wanted => {
            Some(format!("its dead letters go to {target}, and the worker's to {wanted}: nobody looks there"))
        }
        _ => None,
    }
}

async fn dead_letters(patient: &Patient<'_>) -> Vec<Check> {
    let found = match discover(patient.account, patient.installation).await {
        Ok(found) => found,
        Err(failure) => return vec![Check::unread("dead-letters", &failure)],
    };
    let sqs = patient.account.sqs();
    let each = found.into_iter().map(|queue| {
        let sqs = &sqs;
        async move {
            let name = format!("dead-letters-{}", queue.kind.name());
            let attributes = match all(sqs, &queue.url).await {
                Ok(attributes) => attributes,
                Err(failed) => return Check::unanswered(name, &failed, "is the queue there? `aws sqs list-queues`"),
            };
            let count = |key| attributes.get(&key).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
            let letters = count(QueueAttributeName::ApproximateNumberOfMessages)
                + count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
            match letters {
                0 => Check::ok(name, "no dead letters"),
                letters => Check::warning(
                    name,
                    format!("{} that nobody could work on", counted(letters, "message")),
                    format!("doorbell dlq list --queue {}", queue.kind.name()),
                ),
            }
        }
    });
    futures_util::future::join_all(each).await
}
