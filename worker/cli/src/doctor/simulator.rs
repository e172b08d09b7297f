use doorbell_adapters::aws::AwsCallError;
use doorbell_messages::JOB_ID;

use super::DoctorContext;
use crate::sigv4_client::AwsService;

pub(super) const IAM_VERSION: &str = "2010-05-08";

/// The actions that IAM's simulator denies a role on a resource.
///
/// StartBuild is simulated with a variable of the contract, since a policy may allow no other.
pub(super) async fn denied_actions(
    context: &DoctorContext<'_>,
    role: &str,
    actions: &[&str],
    resource: &str,
) -> Result<Vec<String>, AwsCallError> {
    const KEY: &str = "ContextEntries.member.1";
    let named = |at: usize| format!("ActionNames.member.{}", at + 1);
    let mut parameters = vec![("PolicySourceArn".to_owned(), role), ("ResourceArns.member.1".to_owned(), resource)];
    parameters.extend(actions.iter().enumerate().map(|(at, action)| (named(at), *action)));
    if actions.contains(&"codebuild:StartBuild") {
        let name = "codebuild:environment.environmentVariables.name";
        parameters.extend([
            (format!("{KEY}.ContextKeyName"), name),
            (format!("{KEY}.ContextKeyType"), "stringList"),
            (format!("{KEY}.ContextKeyValues.member.1"), JOB_ID),
        ]);
    }
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let answer = context.sigv4.query(AwsService::Iam, "SimulatePrincipalPolicy", IAM_VERSION, &parameters).await?;
    let decisions = answer.element_texts("EvalActionName").into_iter().zip(answer.element_texts("EvalDecision"));
    let allowed: Vec<String> = decisions.filter(|(_, is)| is == "allowed").map(|(action, _)| action).collect();
    let is_allowed = |action: &str| allowed.iter().any(|one| one.eq_ignore_ascii_case(action));
    Ok(actions.iter().filter(|action| !is_allowed(action)).map(|action| (*action).to_owned()).collect())
}
