use aws_sdk_codebuild::types::Project;

use super::Patient;
use super::check::{Check, judged};
use super::place::Place;
use super::registry::Wanted;
use super::simulator::refused;

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
    let Some(place) = project.arn().and_then(Place::of) else {
        return Check::skipped(check, "CodeBuild does not say where the project is", mend);
    };
    let rights = rights(patient, place, name, wanted);
    let asked = rights.iter().map(|right| refused(patient, role, std::slice::from_ref(&right.action), &right.resource));
    let answers = futures_util::future::join_all(asked).await;
    let mut problems = Vec::new();
    for (right, answer) in rights.iter().zip(answers) {
        match answer {
            Ok(refused) if refused.is_empty() == right.wanted => {}
            Ok(refused) if refused.is_empty() => {
                problems.push(format!("code from outside could use {} on {}", right.action, right.resource));
            }
            Ok(_) => problems.push(format!("it may not {} on {}", right.action, right.resource)),
            Err(failed) => return Check::unanswered(check, &failed, mend),
        }
    }
    judged(&check, &problems, format!("{role} may read what its builds need"), mend)
}

fn rights(patient: &Patient<'_>, place: Place<'_>, name: &str, wanted: &Wanted) -> Vec<Right> {
    let group = format!("log-group:/aws/codebuild/{name}:log-stream:x");
    let mut rights = vec![Right { action: "logs:PutLogEvents", resource: place.arn("logs", &group), wanted: true }];
    let read_secret =
        |id: &str, wanted| Right { action: "secretsmanager:GetSecretValue", resource: place.secret(id), wanted };
    if wanted.is_unprivileged {
        let registry = place.arn("ssm", &format!("parameter{}", patient.registry.parameter("x")));
        rights.push(read_secret("doorbell/git/x", false));
        rights.push(Right { action: "ssm:GetParameters", resource: registry, wanted: false });
        return rights;
    }
    rights.extend(wanted.secrets.iter().map(|id| read_secret(id, true)));
    rights.extend(wanted.parameters.iter().map(|name| Right {
        action: "ssm:GetParameters",
        resource: place.arn("ssm", &format!("parameter{name}")),
        wanted: true,
    }));
    rights
}
