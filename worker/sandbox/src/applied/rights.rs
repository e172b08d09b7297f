//! Used = granted: what the worker called, against the actions of its role as Terraform made it.
use std::collections::BTreeSet;

use anyhow::ensure;
use serde_json::Value;

use super::ground::Ground;
use super::terraform::Account;

/// AWS allows it to everybody who has a key.
const EVERYBODY: &str = "sts:GetCallerIdentity";

/// Answers how many actions it were.
///
/// # Errors
/// The sets differ.
pub(super) fn compare(ground: &Ground, account: &Account) -> anyhow::Result<usize> {
    let role = account.output("worker_role_name").as_str().unwrap_or_default();
    let granted = account.worker_actions()?;
    let used = used(ground, role)?;
    ensure!(!granted.is_empty(), "the worker's role grants nothing");
    let unused: Vec<_> = granted.difference(&used).collect();
    let surplus: Vec<_> = used.difference(&granted).collect();
    ensure!(unused.is_empty(), "the worker's role grants what the worker has not called: {unused:?}");
    ensure!(surplus.is_empty(), "the worker has called what its role does not grant: {surplus:?}");
    Ok(granted.len())
}

fn used(ground: &Ground, role: &str) -> anyhow::Result<BTreeSet<String>> {
    let is_worker =
        |who: &str| who.ends_with(&format!(":role/{role}")) || who.contains(&format!(":assumed-role/{role}/"));
    let calls = ground.emulator.used()?.into_iter().chain(ground.codebuild.controls.used());
    Ok(calls.filter(|(who, action)| is_worker(who) && action != EVERYBODY).map(|(_, action)| action).collect())
}

/// The actions that a policy's statements allow.
pub(super) fn granted(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let allowed = statements.filter(|statement| statement["Effect"] == "Allow");
    allowed.flat_map(|statement| texts(&statement["Action"])).collect()
}

/// IAM takes one text for a list of one.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        value => value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::granted;

    #[test]
    fn what_is_granted_is_what_is_allowed() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": ["a:B", "a:C"] },
            { "Effect": "Deny", "Action": "a:D" },
            { "Effect": "Allow", "Action": "a:E" },
        ]});
        assert_eq!(granted(&policy).into_iter().collect::<Vec<_>>(), ["a:B", "a:C", "a:E"]);
    }
}
