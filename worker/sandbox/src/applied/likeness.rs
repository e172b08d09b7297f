//! Where the sandbox's hand-built account and Terraform's define the same thing, they say the same: one account, not two.
use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::rights::granted;
use super::terraform::Account as Applied;
use crate::world::account::{Account, BUILD, TABLE, TOPIC, WORKER, rule_target, subscription};

/// Attributes of a queue that are plain values: SQS's name, and Terraform's.
const PLAIN: [(&str, &str); 5] = [
    ("VisibilityTimeout", "visibility_timeout_seconds"),
    ("MessageRetentionPeriod", "message_retention_seconds"),
    ("MaximumMessageSize", "max_message_size"),
    ("ReceiveMessageWaitTimeSeconds", "receive_wait_time_seconds"),
    ("SqsManagedSseEnabled", "sqs_managed_sse_enabled"),
];
/// And those that are JSON in a text.
const DOCUMENTS: [(&str, &str); 3] =
    [("Policy", "policy"), ("RedrivePolicy", "redrive_policy"), ("RedriveAllowPolicy", "redrive_allow_policy")];

/// Stands for what is each installation's own: names of build projects, publishers and secrets.
const OWN: &str = "the installation's own";

/// Compares topic, subscription, queues, the table, the events' rules, who may take roles on, and what a worker may call.
/// Answers how many values were compared.
///
/// # Errors
/// Something differs, and is named.
pub(super) fn check(applied: &Applied) -> anyhow::Result<usize> {
    let by_hand = Account { prefix: "/doorbell".to_owned(), build_projects: Vec::new() };
    let mut likeness = Likeness::default();
    for queue in by_hand.queues() {
        let made = applied.named("aws_sqs_queue", queue.name)?;
        for (ours, theirs) in PLAIN.into_iter().filter(|(ours, _)| !queue.attributes[*ours].is_null()) {
            let text = made[theirs].as_str().map_or_else(|| made[theirs].to_string(), str::to_owned);
            likeness.same(&format!("{} {ours}", queue.name), &queue.attributes[ours], &json!(text));
        }
        for (ours, theirs) in DOCUMENTS {
            let (ours_says, theirs_says) = (document(&queue.attributes[ours])?, document(&made[theirs])?);
            likeness.same(&format!("{} {ours}", queue.name), &ours_says, &theirs_says);
        }
    }
    topic(&mut likeness, &by_hand, applied)?;
    table(&mut likeness, &by_hand, applied)?;
    rules(&mut likeness, &by_hand, applied)?;
    trust(&mut likeness, &by_hand, applied)?;
    let worker = by_hand.roles().into_iter().find(|role| role.name == WORKER).context("no worker's role by hand")?;
    likeness.same("what a worker may call", &json!(granted(&worker.policy)), &json!(applied.worker_actions()?));
    likeness.verdict()
}

fn topic(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    let made = document(&applied.named("aws_sns_topic", TOPIC)?["policy"])?;
    let [ours, made] = [plain(by_hand.topic_policy()), made].map(|policy| blank(policy, "AWS"));
    likeness.same("topic, policy", &ours, &made);
    let made = applied.only("aws_sns_topic_subscription")?;
    for ((name, ours), theirs) in
        subscription().into_iter().zip(["protocol", "endpoint", "raw_message_delivery", "redrive_policy"])
    {
        let made = made[theirs].as_str().map_or_else(|| made[theirs].to_string(), str::to_owned);
        likeness.same(&format!("subscription, {name}"), &json!(ours), &json!(made));
    }
    Ok(())
}

/// Who may take on a worker's role, and a build's: there each build project has a role of its own.
fn trust(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    let worker = applied.named("aws_iam_role", WORKER)?.clone();
    let builds = applied.each("aws_codebuild_project").filter_map(|project| project["name"].as_str());
    let builds: Vec<Value> =
        builds.map(|name| applied.named("aws_iam_role", name).cloned()).collect::<anyhow::Result<_>>()?;
    ensure!(!builds.is_empty(), "Terraform has made no build project");
    let ours = |name: &str| by_hand.roles().into_iter().find(|role| role.name == name).map(|role| role.trust);
    for (role, made) in [(WORKER, vec![worker]), (BUILD, builds)] {
        let ours = ours(role).with_context(|| format!("no role {role} by hand"))?;
        for made in made {
            let theirs = document(&made["assume_role_policy"])?;
            let [ours, theirs] = [plain(ours.clone()), theirs].map(|policy| match role {
                BUILD => blank(policy, "aws:SourceArn"),
                _ => policy,
            });
            likeness.same(&format!("who may be {}", made["name"]), &without_sids(ours), &without_sids(theirs));
        }
    }
    Ok(())
}

fn table(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    let made = applied.named("aws_dynamodb_table", TABLE)?;
    let (table, ttl) = (by_hand.table(), by_hand.time_to_live());
    let attributes = made["attribute"].as_array().into_iter().flatten();
    let attributes: BTreeSet<String> = attributes.map(|it| format!("{}:{}", it["name"], it["type"])).collect();
    let ours = table["AttributeDefinitions"].as_array().into_iter().flatten();
    let ours: BTreeSet<String> = ours.map(|it| format!("{}:{}", it["AttributeName"], it["AttributeType"])).collect();
    likeness.same("table, attributes", &json!(ours), &json!(attributes));
    likeness.same("table, key", &table["KeySchema"][0]["AttributeName"], &made["hash_key"]);
    likeness.same("table, billing", &table["BillingMode"], &made["billing_mode"]);
    // The state lists a table's indexes in no order.
    let ours = indexes(&table["GlobalSecondaryIndexes"], |index| {
        let key = |at: usize| index["KeySchema"][at]["AttributeName"].clone();
        [index["IndexName"].clone(), key(0), key(1), index["Projection"]["ProjectionType"].clone()]
    });
    let theirs = indexes(&made["global_secondary_index"], |index| {
        ["name", "hash_key", "range_key", "projection_type"].map(|field| index[field].clone())
    });
    likeness.same("table, indexes", &ours, &theirs);
    let ours = &ttl["TimeToLiveSpecification"];
    likeness.same("table, end of rows", &ours["AttributeName"], &made["ttl"][0]["attribute_name"]);
    Ok(())
}

/// Name, hash key, range key and projection of each index, by name.
fn indexes(list: &Value, describe: impl Fn(&Value) -> [Value; 4]) -> Value {
    let all = list.as_array().into_iter().flatten().map(describe);
    all.map(|[name, rest @ ..]| (name.as_str().unwrap_or_default().to_owned(), json!(rest))).collect()
}

fn rules(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    for (name, ours) in by_hand.rules() {
        let mut ours = plain(ours);
        let mut made = document(&applied.named("aws_cloudwatch_event_rule", name)?["event_pattern"])?;
        for pattern in [&mut ours, &mut made] {
            pattern["detail"]["project-name"] = json!(OWN);
        }
        likeness.same(&format!("rule {name}"), &ours, &made);
        let is_its = |target: &&Value| target["rule"] == name;
        let made = applied.each("aws_cloudwatch_event_target").find(is_its);
        let made = made.with_context(|| format!("the rule {name} has no target"))?;
        let ours = rule_target();
        likeness.same(&format!("rule {name}, target"), &ours["Arn"], &made["arn"]);
        let theirs = &made["dead_letter_config"][0]["arn"];
        likeness.same(&format!("rule {name}, dead letters"), &ours["DeadLetterConfig"]["Arn"], theirs);
    }
    Ok(())
}

#[derive(Default)]
struct Likeness {
    compared: usize,
    differences: Vec<String>,
}

impl Likeness {
    fn same(&mut self, what: &str, by_hand: &Value, applied: &Value) {
        self.compared += 1;
        if by_hand != applied {
            self.differences.push(format!("{what}: by hand {by_hand}, by Terraform {applied}"));
        }
    }

    fn verdict(self) -> anyhow::Result<usize> {
        ensure!(self.differences.is_empty(), "the accounts differ:\n{}", self.differences.join("\n"));
        Ok(self.compared)
    }
}

/// A document in a text, as it is compared: a list of one is the one, and no list has an order.
fn document(text: &Value) -> anyhow::Result<Value> {
    match text.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(plain(serde_json::from_str(text)?)),
        None => Ok(Value::Null),
    }
}

/// With this field's value blanked, wherever it stands.
fn blank(value: Value, field: &str) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|value| blank(value, field)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = if name == field { json!(OWN) } else { blank(value, field) };
                (name, value)
            })
            .collect(),
        other => other,
    }
}

/// A statement's name grants nothing.
fn without_sids(mut policy: Value) -> Value {
    if let Some(statement) = policy["Statement"].as_object_mut() {
        statement.remove("Sid");
    }
    policy
}

fn plain(value: Value) -> Value {
    match value {
        Value::Array(mut list) if list.len() == 1 => plain(list.remove(0)),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.into_iter().map(plain).collect();
            list.sort_by_key(Value::to_string);
            list.into()
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Likeness, document};

    #[test]
    fn a_list_of_one_is_the_one_and_no_list_has_an_order() {
        let text = json!(r#"{"Statement":[{"Action":["sqs:*"],"Resource":["b","a"]}]}"#);
        assert_eq!(document(&text).unwrap(), json!({ "Statement": { "Action": "sqs:*", "Resource": ["a", "b"] } }));
    }

    #[test]
    fn a_difference_is_named() {
        let mut likeness = Likeness::default();
        likeness.same("size", &json!(1), &json!(1));
        likeness.same("age", &json!(1), &json!(2));
        assert!(likeness.verdict().unwrap_err().to_string().contains("age: by hand 1, by Terraform 2"));
    }
}
