use aws_sdk_codebuild::types::Project;
use doorbell_worker::CallFailed;

use super::Patient;
use super::check::{Check, judged};
use super::registry::Wanted;
use crate::signed::Service;

const IAM_VERSION: &str = "2010-05-08";

/// A right that a role must have, or must not.
struct Right {
    action: &'static str,
    resource: String,
    wanted: bool,
}

/// Whether a build project's role may read what its builds need; and, where code from outside runs, nothing else.
pub(super) async fn check(patient: &Patient<'_>, name: &str, project: &Project, wanted: &Wanted) -> Check {
    let check = format!("build-role-{name}");
    let role = project.service_role().unwrap_or_default();
    let mend = format!("aws iam put-role-policy --role-name {} ...", role.rsplit('/').next().unwrap_or(role));
    let rights = rights(patient, project, wanted);
    let answers = futures_util::future::join_all(rights.iter().map(|right| may(patient, role, right))).await;
    let mut problems = Vec::new();
    for (right, answer) in rights.iter().zip(answers) {
        match answer {
            Ok(may) if may == right.wanted => {}
            Ok(true) => problems.push(format!("code from outside could use {} on {}", right.action, right.resource)),
            Ok(false) => problems.push(format!("it may not {} on {}", right.action, right.resource)),
            Err(failed) => return Check::unanswered(check, &failed, mend),
        }
    }
    judged(&check, &problems, format!("{role} may read what its builds need"), mend)
}

/// The first part of an ARN of the same account and Region as the project's.
fn arn(project: &Project, service: &str, resource: &str) -> String {
    let parts: Vec<&str> = project.arn().unwrap_or_default().split(':').collect();
    match parts.as_slice() {
        [_, partition, _, region, account, ..] => format!("arn:{partition}:{service}:{region}:{account}:{resource}"),
        _ => resource.to_owned(),
    }
}

fn rights(patient: &Patient<'_>, project: &Project, wanted: &Wanted) -> Vec<Right> {
    // Secrets Manager adds six characters to a secret's name in its ARN.
    let secret = |id: &str| {
        if id.starts_with("arn:") {
            id.to_owned()
        } else {
            arn(project, "secretsmanager", &format!("secret:{id}-AbCdEf"))
        }
    };
    let group = format!("log-group:/aws/codebuild/{}:log-stream:x", project.name().unwrap_or_default());
    let mut rights = vec![Right { action: "logs:PutLogEvents", resource: arn(project, "logs", &group), wanted: true }];
    let read_secret =
        |id: &str, wanted| Right { action: "secretsmanager:GetSecretValue", resource: secret(id), wanted };
    if wanted.is_unprivileged {
        let registry = arn(project, "ssm", &format!("parameter{}", patient.registry.parameter("x")));
        rights.push(read_secret("doorbell/git/x", false));
        rights.push(Right { action: "ssm:GetParameters", resource: registry, wanted: false });
        return rights;
    }
    rights.extend(wanted.secrets.iter().map(|id| read_secret(id, true)));
    rights.extend(wanted.parameters.iter().map(|name| Right {
        action: "ssm:GetParameters",
        resource: arn(project, "ssm", &format!("parameter{name}")),
        wanted: true,
    }));
    rights
}

async fn may(patient: &Patient<'_>, role: &str, right: &Right) -> Result<bool, CallFailed> {
    let parameters = [
        ("PolicySourceArn", role),
        ("ActionNames.member.1", right.action),
        ("ResourceArns.member.1", right.resource.as_str()),
    ];
    let call = patient.signed.query(Service::Iam, "SimulatePrincipalPolicy", IAM_VERSION, &parameters, "EvalDecision");
    Ok(call.await?.first().is_some_and(|decision| decision == "allowed"))
}
