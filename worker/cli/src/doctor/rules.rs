use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_adapters::aws::AwsCallError;
use serde_json::{Value, json};

use super::DoctorContext;
use super::check::{Check, check_from_problems};
use crate::dead_letters::attribute;
use crate::sigv4_client::AwsService;

/// The two kinds of events, each with its own rule: AWS warns that one rule for both "might produce unexpected
/// results".
const RULE_KINDS: [(&str, &str); 2] =
    [("rule-state", "CodeBuild Build State Change"), ("rule-phase", "CodeBuild Build Phase Change")];

/// An EventBridge rule that targets the event queue.
#[derive(Debug)]
pub(super) struct EventRule {
    name: String,
    description: Value,
    target: Value,
}

/// Checks the rules that forward build events.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    match event_rules(context).await {
        Ok(rules) => RULE_KINDS.iter().map(|(name, kind)| evaluate_rule(name, kind, rules)).collect(),
        Err(failed) => vec![Check::query_failed("rules", failed, "`aws events list-rules`")],
    }
}

/// The rules that target the event queue, fetched once for three checks.
async fn event_rules<'a>(context: &'a DoctorContext<'_>) -> Result<&'a [EventRule], &'a AwsCallError> {
    let fetch = || async {
        match queue_arn(context).await {
            Some(queue) => fetch_rules(context, &queue).await,
            None => Ok(Vec::new()),
        }
    };
    context.rules.get_or_init(fetch).await.as_deref()
}

fn evaluate_rule(name: &str, kind: &str, rules: &[EventRule]) -> Check {
    let Some((rule, pattern)) = rules.iter().map(|rule| (rule, pattern(rule))).find(|(_, pattern)| {
        strings(&pattern["detail-type"]).contains(&kind) && strings(&pattern["source"]).contains(&"aws.codebuild")
    }) else {
        let text = format!("no rule forwards \"{kind}\" to the event queue; results come late, by polling only");
        return Check::failure(name, text, "aws events put-rule, put-targets; see worker/README.md");
    };
    let mut problems = Vec::new();
    if rule.description["State"] != "ENABLED" {
        problems.push(format!("the rule {} is disabled; results come late, by polling only", rule.name));
    }
    if rule.target["DeadLetterConfig"]["Arn"].as_str().is_none() {
        problems.push(format!("the rule {}'s target has no dead-letter queue", rule.name));
    }
    if name_patterns(&pattern).is_empty() {
        problems.push(format!(
            "the rule {} names no build project; it forwards the events of every build in the account",
            rule.name
        ));
    }
    check_from_problems(
        name,
        &problems,
        format!("{} is enabled", rule.name),
        format!("aws events enable-rule --name {}", rule.name),
    )
}

/// A name of build projects in a rule's event pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NamePattern {
    Exact(String),
    Prefix(String),
}

impl NamePattern {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }

    /// EventBridge has more operators; a rule of this installation uses none of them.
    fn parse(value: &Value) -> Option<Self> {
        let prefix = || value["prefix"].as_str().map(|prefix| Self::Prefix(prefix.to_owned()));
        value.as_str().map(|exact| Self::Exact(exact.to_owned())).or_else(prefix)
    }
}

fn name_patterns(pattern: &Value) -> Vec<NamePattern> {
    let names = pattern["detail"]["project-name"].as_array();
    names.into_iter().flatten().filter_map(NamePattern::parse).collect()
}

/// The build projects whose events the rules forward.
pub(super) async fn subscribed_projects(context: &DoctorContext<'_>) -> Option<Vec<NamePattern>> {
    let rules = event_rules(context).await.ok()?;
    let patterns: Vec<Value> = rules.iter().map(pattern).collect();
    let states = patterns.iter().filter(|pattern| strings(&pattern["detail-type"]).contains(&RULE_KINDS[0].1));
    Some(states.flat_map(name_patterns).collect())
}

/// The ARNs of the rules that target the event queue; empty if the query failed, which the rules' check reports.
pub(super) async fn rule_arns(context: &DoctorContext<'_>) -> Vec<String> {
    let rules = event_rules(context).await.unwrap_or_default();
    rules.iter().filter_map(|rule| rule.description["Arn"].as_str()).map(str::to_owned).collect()
}

async fn queue_arn(context: &DoctorContext<'_>) -> Option<String> {
    let sqs = context.account.sqs();
    attribute(&sqs, &context.event_queue_url, QueueAttributeName::QueueArn).await.ok().flatten()
}

async fn fetch_rules(context: &DoctorContext<'_>, queue: &str) -> Result<Vec<EventRule>, AwsCallError> {
    let call =
        |target: &'static str, body: Value| async move { context.sigv4.json(AwsService::Events, target, &body).await };
    let named = call("AWSEvents.ListRuleNamesByTarget", json!({ "TargetArn": queue })).await?;
    let each = strings(&named["RuleNames"]).into_iter().map(|name| async move {
        let (described, targets) = futures_util::try_join!(
            call("AWSEvents.DescribeRule", json!({ "Name": name })),
            call("AWSEvents.ListTargetsByRule", json!({ "Rule": name }))
        )?;
        let target = targets["Targets"].as_array().and_then(|all| all.iter().find(|one| one["Arn"] == queue)).cloned();
        Ok(EventRule { name: name.to_owned(), description: described, target: target.unwrap_or_default() })
    });
    futures_util::future::try_join_all(each).await
}

fn pattern(rule: &EventRule) -> Value {
    rule.description["EventPattern"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_forwards_build_projects_by_name_or_prefix() {
        let names = json!([{ "prefix": "doorbell--" }, "doorbell_unprivileged", { "suffix": "x" }, 5]);
        let patterns = name_patterns(&json!({ "detail": { "project-name": names } }));
        let forwards = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
        assert!(forwards("doorbell--demo-1") && forwards("doorbell_unprivileged"));
        for other in ["doorbell-demo", "doorbell-2--demo", "doorbell_unprivileged-2", "x", "5"] {
            assert!(!forwards(other), "{other}");
        }
        assert_eq!(name_patterns(&json!({ "detail": {} })), []);
    }
}
