use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_worker::CallFailed;
use serde_json::{Value, json};

use super::Patient;
use super::check::{Check, judged};
use crate::dead_letters::attribute;
use crate::signed::Service;

/// The two kinds of events, each with a rule of its own: AWS warns that one for both "might produce unexpected
/// results".
const KINDS: [(&str, &str); 2] =
    [("rule-state", "CodeBuild Build State Change"), ("rule-phase", "CodeBuild Build Phase Change")];

/// A rule that feeds the event queue.
#[derive(Debug)]
pub(super) struct Rule {
    name: String,
    described: Value,
    target: Value,
}

/// The rules that bring builds' events.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Check> {
    match found(patient).await {
        Ok(rules) => KINDS.iter().map(|(name, kind)| judge(name, kind, rules)).collect(),
        Err(failed) => vec![Check::unanswered("rules", failed, "`aws events list-rules`")],
    }
}

/// The rules that feed the event queue. Three checks want them, and they are asked for once.
async fn found<'a>(patient: &'a Patient<'_>) -> Result<&'a [Rule], &'a CallFailed> {
    let ask = || async {
        match queue_arn(patient).await {
            Some(queue) => rules(patient, &queue).await,
            None => Ok(Vec::new()),
        }
    };
    patient.rules.get_or_init(ask).await.as_deref()
}

fn judge(name: &str, kind: &str, rules: &[Rule]) -> Check {
    let Some((rule, pattern)) = rules.iter().map(|rule| (rule, pattern(rule))).find(|(_, pattern)| {
        texts(&pattern["detail-type"]).contains(&kind) && texts(&pattern["source"]).contains(&"aws.codebuild")
    }) else {
        let text = format!("no rule brings \"{kind}\" to the event queue: results come late, by looking only");
        return Check::failure(name, text, "aws events put-rule, put-targets; see worker/README.md");
    };
    let mut problems = Vec::new();
    if rule.described["State"] != "ENABLED" {
        problems.push(format!("the rule {} is disabled: results come late, by looking only", rule.name));
    }
    if rule.target["DeadLetterConfig"]["Arn"].as_str().is_none() {
        problems.push(format!("the rule {}'s target has no dead-letter queue", rule.name));
    }
    if texts(&pattern["detail"]["project-name"]).is_empty() {
        problems.push(format!("the rule {} names no build project: it brings every build of the account", rule.name));
    }
    judged(name, &problems, format!("{} is enabled", rule.name), format!("aws events enable-rule --name {}", rule.name))
}

/// The build projects whose events arrive.
pub(super) async fn heard_projects(patient: &Patient<'_>) -> Option<Vec<String>> {
    let rules = found(patient).await.ok()?;
    let patterns: Vec<Value> = rules.iter().map(pattern).collect();
    let states = patterns.iter().filter(|pattern| texts(&pattern["detail-type"]).contains(&KINDS[0].1));
    Some(states.flat_map(|pattern| texts(&pattern["detail"]["project-name"])).map(str::to_owned).collect())
}

/// The ARNs of the rules that feed the event queue; none where they can't be asked for, which their own check says.
pub(super) async fn arns(patient: &Patient<'_>) -> Vec<String> {
    let rules = found(patient).await.unwrap_or_default();
    rules.iter().filter_map(|rule| rule.described["Arn"].as_str()).map(str::to_owned).collect()
}

async fn queue_arn(patient: &Patient<'_>) -> Option<String> {
    let sqs = patient.account.sqs();
    attribute(&sqs, &patient.event_queue_url, QueueAttributeName::QueueArn).await.ok().flatten()
}

async fn rules(patient: &Patient<'_>, queue: &str) -> Result<Vec<Rule>, CallFailed> {
    let call =
        |target: &'static str, body: Value| async move { patient.signed.json(Service::Events, target, &body).await };
    let named = call("AWSEvents.ListRuleNamesByTarget", json!({ "TargetArn": queue })).await?;
    let each = texts(&named["RuleNames"]).into_iter().map(|name| async move {
        let (described, targets) = futures_util::try_join!(
            call("AWSEvents.DescribeRule", json!({ "Name": name })),
            call("AWSEvents.ListTargetsByRule", json!({ "Rule": name }))
        )?;
        let target = targets["Targets"].as_array().and_then(|all| all.iter().find(|one| one["Arn"] == queue)).cloned();
        Ok(Rule { name: name.to_owned(), described, target: target.unwrap_or_default() })
    });
    futures_util::future::try_join_all(each).await
}

fn pattern(rule: &Rule) -> Value {
    rule.described["EventPattern"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
