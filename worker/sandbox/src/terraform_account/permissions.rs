//! Compares the actions that the worker used with those that its Terraform role grants.
use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::Value;

use super::fixture::BareEnvironment;
use super::terraform::TerraformState;

/// AWS allows this action to every principal.
const ALWAYS_ALLOWED: &str = "sts:GetCallerIdentity";

/// The worker reads a document with this call only if it is a SecureString, and Terraform writes none. The policy tests
/// compare the role with the worker's sources.
const FOR_SECURE_STRINGS: &str = "ssm:GetParameter";

/// Returns the number of used actions.
///
/// # Errors
/// The sets differ.
pub(super) fn compare(fixture: &BareEnvironment, terraform_state: &TerraformState) -> anyhow::Result<usize> {
    let role = terraform_state.output("worker_role_name").as_str().unwrap_or_default();
    let granted = terraform_state.worker_actions()?;
    let used = used_actions(fixture, role)?;
    ensure!(!granted.is_empty(), "the worker's role grants nothing");
    let unused: Vec<_> = granted.difference(&used).filter(|action| *action != FOR_SECURE_STRINGS).collect();
    let surplus: Vec<_> = used.difference(&granted).collect();
    ensure!(unused.is_empty(), "the worker's role grants unused actions: {unused:?}");
    ensure!(surplus.is_empty(), "the worker used actions that its role does not grant: {surplus:?}");
    Ok(granted.len())
}

fn used_actions(fixture: &BareEnvironment, role: &str) -> anyhow::Result<BTreeSet<String>> {
    let is_worker =
        |who: &str| who.ends_with(&format!(":role/{role}")) || who.contains(&format!(":assumed-role/{role}/"));
    let calls = fixture.emulator.used_actions()?.into_iter().chain(fixture.codebuild.controls.used_actions());
    Ok(calls.filter(|(who, action)| is_worker(who) && action != ALWAYS_ALLOWED).map(|(_, action)| action).collect())
}

/// The actions so far of the account's own key, which Terraform uses.
///
/// # Errors
/// None was recorded.
pub(super) fn deployer_actions(fixture: &BareEnvironment) -> anyhow::Result<BTreeSet<String>> {
    let root = fixture.emulator.root_key().principal_arn;
    let calls = fixture.emulator.used_actions()?.into_iter().chain(fixture.codebuild.controls.used_actions());
    let actions: BTreeSet<_> = calls.filter(|(who, _)| *who == root).map(|(_, action)| action).collect();
    ensure!(!actions.is_empty(), "no call of {root} was recorded");
    Ok(actions)
}

/// The actions that a policy's statements allow.
pub(super) fn granted_actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let allowed = statements.filter(|statement| statement["Effect"] == "Allow");
    allowed.flat_map(|statement| string_list(&statement["Action"])).collect()
}

/// In IAM a string stands for a list of one.
fn string_list(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        value => value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::granted_actions;

    #[test]
    fn granted_actions_include_only_allow_statements() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": ["a:B", "a:C"] },
            { "Effect": "Deny", "Action": "a:D" },
            { "Effect": "Allow", "Action": "a:E" },
        ]});
        assert_eq!(granted_actions(&policy).into_iter().collect::<Vec<_>>(), ["a:B", "a:C", "a:E"]);
    }
}
