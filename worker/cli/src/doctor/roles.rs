use aws_sdk_codebuild::types::Project;

use super::DoctorContext;
use super::arn_scope::ArnScope;
use super::check::{Check, check_from_problems};
use super::registry::BuildProjectNeeds;
use super::simulator::denied_actions;

/// A permission that a role must have, or must not have.
struct RequiredPermission {
    action: &'static str,
    resource: String,
    is_required: bool,
}

/// Checks that a build project's role may read what its builds need; with code from outside, nothing else.
pub(super) async fn check(
    context: &DoctorContext<'_>,
    name: &str,
    project: &Project,
    needs: &BuildProjectNeeds,
) -> Check {
    let check = format!("build-role-{name}");
    let role = project.service_role().unwrap_or_default();
    let fix = format!("aws iam put-role-policy --role-name {} ...", role.rsplit('/').next().unwrap_or(role));
    let Some(scope) = project.arn().and_then(ArnScope::from_arn) else {
        return Check::skipped(check, "CodeBuild returned no ARN of the project", fix);
    };
    let permissions = required_permissions(context, scope, name, needs);
    let asked = permissions.iter().map(|permission| {
        denied_actions(context, role, std::slice::from_ref(&permission.action), &permission.resource)
    });
    let answers = futures_util::future::join_all(asked).await;
    let mut problems = Vec::new();
    for (permission, answer) in permissions.iter().zip(answers) {
        match answer {
            Ok(denied) if denied.is_empty() == permission.is_required => {}
            Ok(denied) if denied.is_empty() => {
                problems.push(format!("code from outside could use {} on {}", permission.action, permission.resource));
            }
            Ok(_) => problems.push(format!("it may not {} on {}", permission.action, permission.resource)),
            Err(failed) => return Check::query_failed(check, &failed, fix),
        }
    }
    check_from_problems(&check, &problems, format!("{role} may read what its builds need"), fix)
}

fn required_permissions(
    context: &DoctorContext<'_>,
    scope: ArnScope<'_>,
    name: &str,
    needs: &BuildProjectNeeds,
) -> Vec<RequiredPermission> {
    let group = format!("log-group:/aws/codebuild/{name}:log-stream:x");
    let mut permissions = vec![RequiredPermission {
        action: "logs:PutLogEvents",
        resource: scope.arn("logs", &group),
        is_required: true,
    }];
    let read_secret = |id: &str, is_required| RequiredPermission {
        action: "secretsmanager:GetSecretValue",
        resource: scope.secret(id),
        is_required,
    };
    if needs.is_unprivileged {
        let registry = scope.arn("ssm", &format!("parameter{}", context.registry.parameter("x")));
        permissions.push(read_secret("doorbell/git/x", false));
        permissions.push(RequiredPermission { action: "ssm:GetParameters", resource: registry, is_required: false });
        return permissions;
    }
    permissions.extend(needs.secrets.iter().map(|id| read_secret(id, true)));
    permissions.extend(needs.parameters.iter().map(|name| RequiredPermission {
        action: "ssm:GetParameters",
        resource: scope.arn("ssm", &format!("parameter{name}")),
        is_required: true,
    }));
    permissions
}
