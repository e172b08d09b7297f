//! Where the sandbox's hand-built account and Terraform's define the same thing, they say the same: one account, not two.
use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::rights::granted;
use super::terraform::Account as Applied;
use crate::world::account::{Account, DUE_INDEX, TABLE, WORKER};

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

/// Compares queues, the table, the events' rules, and what a worker may call. Names of build projects, publishers and
/// secrets are the installation's own. Answers how many values were compared.
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
    table(&mut likeness, &by_hand, applied)?;
    rules(&mut likeness, &by_hand, applied)?;
    let worker = by_hand.roles().into_iter().find(|role| role.name == WORKER).context("no worker's role by hand")?;
    likeness.same("what a worker may call", &json!(granted(&worker.policy)), &json!(applied.worker_actions()?));
    likeness.verdict()
}

fn table(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    let made = applied.named("aws_dynamodb_table", TABLE)?;
    let (table, ttl) = (by_hand.table(), by_hand.time_to_live());
    let index = &made["global_secondary_index"][0];
    let attributes = made["attribute"].as_array().into_iter().flatten();
    let attributes: BTreeSet<String> = attributes.map(|it| format!("{}:{}", it["name"], it["type"])).collect();
    let ours = table["AttributeDefinitions"].as_array().into_iter().flatten();
    let ours: BTreeSet<String> = ours.map(|it| format!("{}:{}", it["AttributeName"], it["AttributeType"])).collect();
    likeness.same("table, attributes", &json!(ours), &json!(attributes));
    likeness.same("table, key", &table["KeySchema"][0]["AttributeName"], &made["hash_key"]);
    likeness.same("table, billing", &table["BillingMode"], &made["billing_mode"]);
    let ours = &table["GlobalSecondaryIndexes"][0];
    likeness.same("index, name", &json!(DUE_INDEX), &index["name"]);
    likeness.same("index, key", &ours["KeySchema"][0]["AttributeName"], &index["hash_key"]);
    likeness.same("index, range", &ours["KeySchema"][1]["AttributeName"], &index["range_key"]);
    likeness.same("index, projection", &ours["Projection"]["ProjectionType"], &index["projection_type"]);
    let ours = &ttl["TimeToLiveSpecification"];
    likeness.same("table, end of rows", &ours["AttributeName"], &made["ttl"][0]["attribute_name"]);
    Ok(())
}

fn rules(likeness: &mut Likeness, by_hand: &Account, applied: &Applied) -> anyhow::Result<()> {
    for (name, ours) in by_hand.rules() {
        let mut ours = plain(ours);
        let mut made = document(&applied.named("aws_cloudwatch_event_rule", name)?["event_pattern"])?;
        for pattern in [&mut ours, &mut made] {
            pattern["detail"]["project-name"] = json!("the installation's own");
        }
        likeness.same(&format!("rule {name}"), &ours, &made);
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
