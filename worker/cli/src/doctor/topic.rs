use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_adapters::aws::aws_error;
use serde_json::Value;

use super::DoctorContext;
use super::check::{Check, check_from_problems};
use super::policy::statements;
use crate::dead_letters::attribute;

/// Checks the topic, its policy, and its subscription.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    let answer = context.account.sns().get_topic_attributes().topic_arn(&context.topic_arn).send().await;
    let answer = match answer.map_err(|error| aws_error("GetTopicAttributes", error)) {
        Ok(answer) => answer,
        Err(failed) => {
            let fix = "check DOORBELL_TOPIC_ARN: `aws sns list-topics`";
            return vec![Check::query_failed("topic", &failed, fix)];
        }
    };
    let policy = answer.attributes().and_then(|all| all.get("Policy")).map(String::as_str).unwrap_or("{}");
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    vec![
        Check::ok("topic", format!("{} exists", context.topic_arn)),
        evaluate_policy(&policy),
        check_subscription(context).await,
    ]
}

fn evaluate_policy(policy: &Value) -> Check {
    let all = statements(policy);
    if all.iter().any(|one| one.allows_everyone("sns:Publish")) {
        let text = "everyone may publish: a statement has the principal * and no condition";
        return Check::failure(
            "topic-policy",
            text,
            "`aws sns set-topic-attributes --attribute-name Policy` with your publishers",
        );
    }
    if !all.iter().any(|one| one.denies_plain_http()) {
        let text = "requests without TLS are not denied";
        return Check::warning("topic-policy", text, "deny sns:Publish where aws:SecureTransport is false");
    }
    Check::ok("topic-policy", "it admits whom you named, over TLS")
}

async fn check_subscription(context: &DoctorContext<'_>) -> Check {
    const NAME: &str = "subscription";
    let sns = context.account.sns();
    let queue = match attribute(&context.account.sqs(), &context.trigger_queue_url, QueueAttributeName::QueueArn).await
    {
        Ok(arn) => arn.unwrap_or_default(),
        // The queue's own check shows the cause.
        Err(failure) => return Check::unreadable(NAME, &failure),
    };
    let subscribe = format!(
        "aws sns subscribe --topic-arn {} --protocol sqs --notification-endpoint {queue} --attributes \
         RawMessageDelivery=false,RedrivePolicy=...",
        context.topic_arn
    );
    let arn = match crate::dead_letters::subscription_arn(&sns, &context.topic_arn, &queue).await {
        Ok(Some(arn)) => arn,
        Ok(None) => {
            return Check::failure(
                NAME,
                "the trigger queue is not subscribed to the topic; no request arrives",
                subscribe,
            );
        }
        Err(failed) => return Check::query_failed(NAME, &failed, "run `doorbell doctor` again"),
    };
    let answer = sns.get_subscription_attributes().subscription_arn(&arn).send().await;
    let answer = match answer.map_err(|error| aws_error("GetSubscriptionAttributes", error)) {
        Ok(answer) => answer,
        Err(failed) => return Check::query_failed(NAME, &failed, subscribe),
    };
    let value = |name: &str| answer.attributes().and_then(|all| all.get(name)).map(String::as_str);
    let mut problems = Vec::new();
    if value("RawMessageDelivery") == Some("true") {
        problems.push(
            "raw message delivery is on: the worker accepts only SNS's envelope and dead-letters the rest".to_owned(),
        );
    }
    if value("RedrivePolicy").is_none_or(|policy| !policy.contains("deadLetterTargetArn")) {
        problems.push("it has no dead-letter queue; SNS drops what it cannot deliver".to_owned());
    }
    if value("FilterPolicy").is_some_and(|policy| !policy.is_empty() && policy != "{}") {
        problems.push("it has a filter; requests that do not match are dropped".to_owned());
    }
    let fix = format!("aws sns set-subscription-attributes --subscription-arn {arn} --attribute-name ...");
    check_from_problems(NAME, &problems, "the topic feeds the trigger queue", fix)
}
