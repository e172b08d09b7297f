//! Parity: the sandbox's account definition and Terraform's must agree in all that both define.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use doorbell_registry::ProjectDocument;
use serde_json::{Value, json};

use super::documents::{INSTALLATION_SPECIFIC, denials, mask_field, normalize, parse_document, without_sids};
use super::permissions::granted_actions;
use super::terraform::TerraformState;
use crate::account::definition::{
    AccountDefinition, BUILD_ROLE, DONE_TOPIC_NAME, JOBS_TABLE, TOPIC_NAME, WORKER_ROLE, rule_target, subscription,
};
use crate::account::start_policy::{StartVariables, start_conditions};

/// Attributes of a queue that are plain values: SQS's name, and Terraform's.
const PLAIN_ATTRIBUTES: [(&str, &str); 5] = [
    ("VisibilityTimeout", "visibility_timeout_seconds"),
    ("MessageRetentionPeriod", "message_retention_seconds"),
    ("MaximumMessageSize", "max_message_size"),
    ("ReceiveMessageWaitTimeSeconds", "receive_wait_time_seconds"),
    ("SqsManagedSseEnabled", "sqs_managed_sse_enabled"),
];
/// Attributes of a queue that are JSON in a string.
const JSON_ATTRIBUTES: [(&str, &str); 3] =
    [("Policy", "policy"), ("RedrivePolicy", "redrive_policy"), ("RedriveAllowPolicy", "redrive_allow_policy")];

/// Compares topic, subscription, queues, table, event rules, the roles' trust, the worker's permissions, and what each
/// document and its build project fix. Returns the number of compared values.
///
/// # Errors
/// Values differ; the error lists them.
pub(super) fn check(terraform_state: &TerraformState) -> anyhow::Result<usize> {
    let sandbox_account =
        AccountDefinition { prefix: "/doorbell".to_owned(), build_projects: Vec::new(), done_topic: true };
    let mut parity = ParityCheck::default();
    for queue in sandbox_account.queues() {
        let made = terraform_state.resource("aws_sqs_queue", queue.name)?;
        for (ours, theirs) in PLAIN_ATTRIBUTES.into_iter().filter(|(ours, _)| !queue.attributes[*ours].is_null()) {
            let text = made[theirs].as_str().map_or_else(|| made[theirs].to_string(), str::to_owned);
            parity.compare(&format!("{} {ours}", queue.name), &queue.attributes[ours], &json!(text));
        }
        for (ours, theirs) in JSON_ATTRIBUTES {
            let (ours_says, theirs_says) = (parse_document(&queue.attributes[ours])?, parse_document(&made[theirs])?);
            parity.compare(&format!("{} {ours}", queue.name), &ours_says, &theirs_says);
        }
    }
    compare_topic(&mut parity, &sandbox_account, terraform_state)?;
    compare_table(&mut parity, &sandbox_account, terraform_state)?;
    compare_rules(&mut parity, &sandbox_account, terraform_state)?;
    compare_trust(&mut parity, &sandbox_account, terraform_state)?;
    compare_documents(&mut parity, terraform_state)?;
    compare_start(&mut parity, terraform_state)?;
    let worker = sandbox_account
        .roles()
        .into_iter()
        .find(|role| role.name == WORKER_ROLE)
        .context("the sandbox's account has no worker role")?;
    parity.compare(
        "worker's permissions",
        &json!(granted_actions(&worker.policy)),
        &json!(terraform_state.worker_actions()?),
    );
    parity.into_result()
}

fn compare_topic(
    parity: &mut ParityCheck,
    sandbox_account: &AccountDefinition,
    terraform_state: &TerraformState,
) -> anyhow::Result<()> {
    let made = parse_document(&terraform_state.resource("aws_sns_topic", TOPIC_NAME)?["policy"])?;
    let [ours, made] = [normalize(sandbox_account.topic_policy()), made];
    parity.compare("topic, policy", &ours, &made);
    // Who else may subscribe is the installation's own.
    let made = parse_document(&terraform_state.resource("aws_sns_topic", DONE_TOPIC_NAME)?["policy"])?;
    let [ours, made] = [normalize(sandbox_account.done_topic_policy()), denials(made)];
    parity.compare("topic of done events, policy", &ours, &made);
    let made = terraform_state.single_resource("aws_sns_topic_subscription")?;
    for ((name, ours), theirs) in
        subscription().into_iter().zip(["protocol", "endpoint", "raw_message_delivery", "redrive_policy"])
    {
        let made = made[theirs].as_str().map_or_else(|| made[theirs].to_string(), str::to_owned);
        parity.compare(&format!("subscription, {name}"), &json!(ours), &json!(made));
    }
    Ok(())
}

/// Compares the trust of a worker's role and of a build's: in Terraform each build project has a role of its own.
fn compare_trust(
    parity: &mut ParityCheck,
    sandbox_account: &AccountDefinition,
    terraform_state: &TerraformState,
) -> anyhow::Result<()> {
    let worker = terraform_state.resource("aws_iam_role", WORKER_ROLE)?.clone();
    let builds =
        terraform_state.resources_of_type("aws_codebuild_project").filter_map(|project| project["name"].as_str());
    let builds: Vec<Value> =
        builds.map(|name| terraform_state.resource("aws_iam_role", name).cloned()).collect::<anyhow::Result<_>>()?;
    ensure!(!builds.is_empty(), "Terraform has created no build project");
    let ours = |name: &str| sandbox_account.roles().into_iter().find(|role| role.name == name).map(|role| role.trust);
    for (role, made) in [(WORKER_ROLE, vec![worker]), (BUILD_ROLE, builds)] {
        let ours = ours(role).with_context(|| format!("the sandbox's account has no role {role}"))?;
        for made in made {
            let theirs = parse_document(&made["assume_role_policy"])?;
            let [ours, theirs] = [normalize(ours.clone()), theirs].map(|policy| match role {
                BUILD_ROLE => mask_field(policy, "aws:SourceArn"),
                _ => policy,
            });
            parity.compare(&format!("trust of {}", made["name"]), &without_sids(ours), &without_sids(theirs));
        }
    }
    Ok(())
}

/// Compares the conditions of the worker's StartBuild with those that the sandbox's own worker has.
fn compare_start(parity: &mut ParityCheck, terraform_state: &TerraformState) -> anyhow::Result<()> {
    let policy = normalize(terraform_state.worker_policy()?);
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let starts: Vec<&Value> = statements.filter(|statement| statement["Action"] == "codebuild:StartBuild").collect();
    let by_sid = |sid: &str| starts.iter().find(|statement| statement["Sid"] == sid).map(|found| &found["Condition"]);
    let denied = |variables: StartVariables| normalize(variables.deny_others("any")["Condition"].clone());
    for (sid, ours) in [
        ("StartBuilds", normalize(start_conditions())),
        ("DenyUnlistedVariables", denied(StartVariables::Pinned)),
        ("DenyUnlistedVariablesUnprivileged", denied(StartVariables::Unprivileged)),
    ] {
        parity.compare(&format!("conditions of {sid}"), &ours, by_sid(sid).unwrap_or(&Value::Null));
    }
    parity.compare("statements for StartBuild", &json!(3), &json!(starts.len()));
    Ok(())
}

/// Compares each document with the own environment and the timeout of its build project, as `doorbell doctor` does.
fn compare_documents(parity: &mut ParityCheck, terraform_state: &TerraformState) -> anyhow::Result<()> {
    let mut documents = terraform_state.resources_of_type("aws_ssm_parameter").peekable();
    ensure!(documents.peek().is_some(), "Terraform has registered no project");
    for parameter in documents {
        let name = parameter["name"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        let parsed = ProjectDocument::parse(None, parameter["value"].as_str().unwrap_or_default())?;
        let document = parsed.document;
        parity.compare(&format!("document of {name}, warnings"), &json!(parsed.warnings), &json!([]));
        parity.compare(&format!("document of {name}, pinned"), &json!(true), &json!(document.pinned));
        let build_project = document.build_project.as_ref().with_context(|| format!("{name} has no build project"))?;
        let made = terraform_state.resource("aws_codebuild_project", build_project.as_str())?;
        let variables = made["environment"][0]["environment_variable"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let variables: BTreeMap<_, _> =
            variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect();
        let project = name.parse().map_err(anyhow::Error::msg)?;
        let differences = document.pinned_differences(&project, &variables);
        parity.compare(&format!("pinned variables of {name} that differ"), &json!([]), &json!(differences));
        parity.compare(&format!("timeout of {name}"), &json!(document.build_minutes()), &made["build_timeout"]);
    }
    Ok(())
}

fn compare_table(
    parity: &mut ParityCheck,
    sandbox_account: &AccountDefinition,
    terraform_state: &TerraformState,
) -> anyhow::Result<()> {
    let made = terraform_state.resource("aws_dynamodb_table", JOBS_TABLE)?;
    let (table, ttl) = (sandbox_account.table(), sandbox_account.time_to_live());
    let attributes = made["attribute"].as_array().into_iter().flatten();
    let attributes: BTreeSet<String> =
        attributes.map(|attribute| format!("{}:{}", attribute["name"], attribute["type"])).collect();
    let ours = table["AttributeDefinitions"].as_array().into_iter().flatten();
    let ours: BTreeSet<String> =
        ours.map(|attribute| format!("{}:{}", attribute["AttributeName"], attribute["AttributeType"])).collect();
    parity.compare("table, attributes", &json!(ours), &json!(attributes));
    parity.compare("table, key", &table["KeySchema"][0]["AttributeName"], &made["hash_key"]);
    parity.compare("table, billing", &table["BillingMode"], &made["billing_mode"]);
    // The state lists a table's indexes in no particular order.
    let ours = indexes(&table["GlobalSecondaryIndexes"], |index| {
        let key = |at: usize| index["KeySchema"][at]["AttributeName"].clone();
        [index["IndexName"].clone(), key(0), key(1), index["Projection"]["ProjectionType"].clone()]
    });
    let theirs = indexes(&made["global_secondary_index"], |index| {
        ["name", "hash_key", "range_key", "projection_type"].map(|field| index[field].clone())
    });
    parity.compare("table, indexes", &ours, &theirs);
    let ours = &ttl["TimeToLiveSpecification"];
    parity.compare("table, time to live", &ours["AttributeName"], &made["ttl"][0]["attribute_name"]);
    Ok(())
}

/// Hash key, range key and projection of each index, by the index's name.
fn indexes(list: &Value, describe: impl Fn(&Value) -> [Value; 4]) -> Value {
    let all = list.as_array().into_iter().flatten().map(describe);
    all.map(|[name, rest @ ..]| (name.as_str().unwrap_or_default().to_owned(), json!(rest))).collect()
}

fn compare_rules(
    parity: &mut ParityCheck,
    sandbox_account: &AccountDefinition,
    terraform_state: &TerraformState,
) -> anyhow::Result<()> {
    for (name, ours) in sandbox_account.rules() {
        let mut ours = normalize(ours);
        let mut made = parse_document(&terraform_state.resource("aws_cloudwatch_event_rule", name)?["event_pattern"])?;
        for pattern in [&mut ours, &mut made] {
            pattern["detail"]["project-name"] = json!(INSTALLATION_SPECIFIC);
        }
        parity.compare(&format!("rule {name}"), &ours, &made);
        let is_its = |target: &&Value| target["rule"] == name;
        let made = terraform_state.resources_of_type("aws_cloudwatch_event_target").find(is_its);
        let made = made.with_context(|| format!("the rule {name} has no target"))?;
        let ours = rule_target();
        parity.compare(&format!("rule {name}, target"), &ours["Arn"], &made["arn"]);
        let theirs = &made["dead_letter_config"][0]["arn"];
        parity.compare(&format!("rule {name}, dead letters"), &ours["DeadLetterConfig"]["Arn"], theirs);
    }
    Ok(())
}

#[derive(Default)]
struct ParityCheck {
    compared: usize,
    differences: Vec<String>,
}

impl ParityCheck {
    fn compare(&mut self, what: &str, sandbox_account: &Value, terraform_state: &Value) {
        self.compared += 1;
        if sandbox_account != terraform_state {
            self.differences.push(format!("{what}: sandbox {sandbox_account}, Terraform {terraform_state}"));
        }
    }

    fn into_result(self) -> anyhow::Result<usize> {
        ensure!(self.differences.is_empty(), "the accounts differ:\n{}", self.differences.join("\n"));
        Ok(self.compared)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ParityCheck;

    #[test]
    fn parity_check_with_difference_names_it() {
        let mut parity = ParityCheck::default();
        parity.compare("size", &json!(1), &json!(1));
        parity.compare("age", &json!(1), &json!(2));
        assert!(parity.into_result().unwrap_err().to_string().contains("age: sandbox 1, Terraform 2"));
    }
}
