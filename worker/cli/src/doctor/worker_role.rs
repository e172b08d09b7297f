use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_adapters::aws::{AwsCallError, LEDGER_INDEX};
use futures_util::future::join_all;

use super::DoctorContext;
use super::arn_scope::ArnScope;
use super::check::{Check, check_from_problems};
use super::simulator::{IAM_VERSION, denied_actions};
use crate::dead_letters::attribute;
use crate::installation::Setting;
use crate::registry::DEFAULT_DOCUMENT;
use crate::sigv4_client::AwsService;

const NAME: &str = "worker-role";

/// Resources that a worker needs, by the registry's documents.
#[derive(Debug)]
pub(super) struct WorkerNeeds {
    /// Existing build projects.
    pub(super) build_projects: Vec<String>,
    /// Forges' tokens.
    pub(super) secrets: Vec<String>,
}

/// Actions of a worker on one resource.
struct RequiredActions {
    resource: String,
    actions: &'static [&'static str],
}

/// Checks the permissions of the worker's role.
///
/// The ledger's heartbeat names the role of the worker that swept last; a setting could be out of date.
pub(super) async fn check(context: &DoctorContext<'_>, needs: &WorkerNeeds) -> Check {
    let skipped = |why: &str| Check::skipped(NAME, why, "see `worker`");
    let Ok(ledger) = context.account.ledger(context.installation) else { return skipped("no ledger is set") };
    let principal = match ledger.last_sweep().await {
        Ok(Some(sweep)) => sweep.principal,
        Ok(None) => None,
        Err(failed) => return skipped(&format!("the heartbeat cannot be read: {failed}")),
    };
    let Some(principal) = principal else { return skipped("the heartbeat names no worker") };
    let fix = "aws iam put-role-policy ...; worker/README.md lists what a worker needs";
    let role = match principal_arn(context, &principal).await {
        Ok(role) => role,
        Err(failed) => return Check::query_failed(NAME, &failed, fix),
    };
    let Some(required) = required_actions(context, needs).await else {
        return skipped("the queues cannot be queried");
    };
    let asked = required.iter().map(|needed| denied_actions(context, &role, needed.actions, &needed.resource));
    let mut problems = Vec::new();
    for (needed, answer) in required.iter().zip(join_all(asked).await) {
        match answer {
            Ok(denied) if denied.is_empty() => {}
            Ok(denied) => problems.push(format!("it may not {} on {}", denied.join(", "), needed.resource)),
            Err(failed) => return Check::query_failed(NAME, &failed, fix),
        }
    }
    check_from_problems(NAME, &problems, format!("{role} has every permission that a worker needs"), fix)
}

/// The role's ARN for IAM's simulator; STS's `assumed-role/<role>/<session>` leaves out the role's path.
async fn principal_arn(context: &DoctorContext<'_>, principal: &str) -> Result<String, AwsCallError> {
    let resource = principal.rsplit(':').next().unwrap_or_default();
    let Some(name) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) else {
        return Ok(principal.to_owned());
    };
    let answer = context.sigv4.query(AwsService::Iam, "GetRole", IAM_VERSION, &[("RoleName", name)]).await?;
    Ok(answer.element_texts("Arn").into_iter().next().unwrap_or_default())
}

async fn required_actions(context: &DoctorContext<'_>, needs: &WorkerNeeds) -> Option<Vec<RequiredActions>> {
    let sqs = context.account.sqs();
    let [triggers, events, dlq] = [&context.trigger_queue_url, &context.event_queue_url, &context.dlq_url]
        .map(|url| attribute(&sqs, url, QueueAttributeName::QueueArn));
    let (triggers, events, dlq) = futures_util::join!(triggers, events, dlq);
    let (triggers, events, dlq) = (triggers.ok()??, events.ok()??, dlq.ok()??);
    let [table] = context.installation.read([Setting::Table]).ok()?;
    let scope = ArnScope::from_arn(&triggers)?;
    let table = scope.arn("dynamodb", &format!("table/{table}"));
    const RECEIVE_ACTIONS: &[&str] = &["sqs:ReceiveMessage", "sqs:DeleteMessage"];
    let mut required = vec![
        RequiredActions { resource: triggers.clone(), actions: RECEIVE_ACTIONS },
        RequiredActions { resource: events, actions: RECEIVE_ACTIONS },
        RequiredActions { resource: dlq, actions: &["sqs:SendMessage"] },
        RequiredActions { resource: format!("{table}/index/{LEDGER_INDEX}"), actions: &["dynamodb:Query"] },
        RequiredActions {
            resource: table,
            actions: &["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        },
        RequiredActions {
            resource: scope.arn("ssm", &format!("parameter{}", context.registry.parameter(DEFAULT_DOCUMENT))),
            actions: &["ssm:GetParameter", "ssm:GetParameters"],
        },
        RequiredActions {
            resource: scope.arn("ssm", &format!("parameter{}", context.registry.path())),
            actions: &["ssm:GetParametersByPath"],
        },
    ];
    required.extend(
        needs
            .secrets
            .iter()
            .map(|id| RequiredActions { resource: scope.secret(id), actions: &["secretsmanager:GetSecretValue"] }),
    );
    required.extend(needs.build_projects.iter().map(|name| RequiredActions {
        resource: scope.arn("codebuild", &format!("project/{name}")),
        actions: &[
            "codebuild:StartBuild",
            "codebuild:BatchGetBuilds",
            "codebuild:ListBuildsForProject",
            "codebuild:StopBuild",
        ],
    }));
    Some(required)
}
