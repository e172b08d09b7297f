use aws_sdk_sqs::types::QueueAttributeName;
use doorbell_worker::{CallFailed, LEDGER_INDEX};
use futures_util::future::join_all;

use super::Patient;
use super::check::{Check, judged};
use super::place::Place;
use super::simulator::{IAM_VERSION, refused};
use crate::dead_letters::attribute;
use crate::installation::Setting;
use crate::registry::DEFAULT;
use crate::signed::Service;

const NAME: &str = "worker-role";

/// What a worker needs by the registry's documents.
#[derive(Debug)]
pub(super) struct Duties {
    /// Those that exist: of others there is nothing to be allowed.
    pub(super) build_projects: Vec<String>,
    /// Forges' tokens.
    pub(super) secrets: Vec<String>,
}

/// What a worker does with one resource.
struct Duty {
    resource: String,
    actions: &'static [&'static str],
}

/// Whether the role of the worker that has last swept may do all that a worker has to. The role is the one that the
/// ledger's heartbeat names: no setting could be as true.
pub(super) async fn check(patient: &Patient<'_>, duties: &Duties) -> Check {
    let skipped = |why: &str| Check::skipped(NAME, why, "see `worker`");
    let Ok(ledger) = patient.account.ledger(patient.installation) else { return skipped("there is no ledger to ask") };
    let principal = match ledger.last_sweep().await {
        Ok(Some(sweep)) => sweep.principal,
        Ok(None) => None,
        Err(failed) => return skipped(&format!("the heartbeat can't be read: {failed}")),
    };
    let Some(principal) = principal else { return skipped("no worker has written down who it is") };
    let mend = "aws iam put-role-policy ...; worker/README.md lists what a worker needs";
    let role = match role(patient, &principal).await {
        Ok(role) => role,
        Err(failed) => return Check::unanswered(NAME, &failed, mend),
    };
    let Some(rights) = rights(patient, duties).await else { return skipped("the queues can't be looked at") };
    let asked = rights.iter().map(|right| refused(patient, &role, right.actions, &right.resource));
    let mut problems = Vec::new();
    for (right, answer) in rights.iter().zip(join_all(asked).await) {
        match answer {
            Ok(refused) if refused.is_empty() => {}
            Ok(refused) => problems.push(format!("it may not {} on {}", refused.join(", "), right.resource)),
            Err(failed) => return Check::unanswered(NAME, &failed, mend),
        }
    }
    judged(NAME, &problems, format!("{role} may do what a worker has to"), mend)
}

/// What IAM's simulator calls a caller whom STS calls `assumed-role/<role>/<session>`: that leaves out the role's path.
async fn role(patient: &Patient<'_>, principal: &str) -> Result<String, CallFailed> {
    let resource = principal.rsplit(':').next().unwrap_or_default();
    let Some(name) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next()) else {
        return Ok(principal.to_owned());
    };
    let answer = patient.signed.query(Service::Iam, "GetRole", IAM_VERSION, &[("RoleName", name)]).await?;
    Ok(answer.texts("Arn").into_iter().next().unwrap_or_default())
}

async fn rights(patient: &Patient<'_>, duties: &Duties) -> Option<Vec<Duty>> {
    let sqs = patient.account.sqs();
    let [triggers, events, letters] = [&patient.trigger_queue_url, &patient.event_queue_url, &patient.dlq_url]
        .map(|url| attribute(&sqs, url, QueueAttributeName::QueueArn));
    let (triggers, events, letters) = futures_util::join!(triggers, events, letters);
    let (triggers, events, letters) = (triggers.ok()??, events.ok()??, letters.ok()??);
    let [table] = patient.installation.read([Setting::Table]).ok()?;
    let here = Place::of(&triggers)?;
    let table = here.arn("dynamodb", &format!("table/{table}"));
    const TAKE: &[&str] = &["sqs:ReceiveMessage", "sqs:DeleteMessage"];
    let mut rights = vec![
        Duty { resource: triggers.clone(), actions: TAKE },
        Duty { resource: events, actions: TAKE },
        Duty { resource: letters, actions: &["sqs:SendMessage"] },
        Duty { resource: format!("{table}/index/{LEDGER_INDEX}"), actions: &["dynamodb:Query"] },
        Duty {
            resource: table,
            actions: &["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        },
        Duty {
            resource: here.arn("ssm", &format!("parameter{}", patient.registry.parameter(DEFAULT))),
            actions: &["ssm:GetParameter"],
        },
    ];
    rights.extend(
        duties.secrets.iter().map(|id| Duty { resource: here.secret(id), actions: &["secretsmanager:GetSecretValue"] }),
    );
    rights.extend(duties.build_projects.iter().map(|name| Duty {
        resource: here.arn("codebuild", &format!("project/{name}")),
        actions: &[
            "codebuild:StartBuild",
            "codebuild:BatchGetBuilds",
            "codebuild:ListBuildsForProject",
            "codebuild:StopBuild",
        ],
    }));
    Some(rights)
}
