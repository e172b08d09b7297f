use std::collections::{BTreeMap, BTreeSet};

use doorbell_adapters::aws::aws_error;
use doorbell_engine::domain::ForgeRepository;
use doorbell_engine::ports::Unauthorized;
use doorbell_messages::ProjectName;
use doorbell_registry::{BuildProjectName, ProjectDocument, SecretId};
use futures_util::future::join_all;
use secrecy::SecretString;

use super::check::Check;
use super::worker_role::{self, WorkerNeeds};
use super::{DoctorContext, build_quota, builds, git_hosts};
use crate::error::is_missing;
use crate::printer::pluralize;
use crate::project::{find_shared, lint};
use crate::registry::{DEFAULT_DOCUMENT, RegistryEntry};

/// What documents need of a build project.
#[derive(Debug, Default)]
pub(super) struct BuildProjectNeeds {
    /// Secrets that its builds read.
    pub(super) secrets: BTreeSet<String>,
    /// SSM parameters with inline credentials that its builds read.
    pub(super) parameters: BTreeSet<String>,
    /// Whether it runs code from outside.
    pub(super) is_unprivileged: bool,
    /// The projects that it builds, with their documents.
    pub(super) documents: Vec<(ProjectName, ProjectDocument)>,
}

/// Checks the registry's documents, and the secrets, build projects and forges that they name.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    let prefix = context.registry.parameter("");
    let entries = match context.registry.list().await {
        Ok(entries) => entries,
        Err(failure) => return vec![Check::unreadable("registry", &failure.into())],
    };
    let default = entries.iter().find(|entry| entry.name == DEFAULT_DOCUMENT).map(|entry| entry.text.clone());
    let projects = entries.iter().filter(|entry| entry.name != DEFAULT_DOCUMENT).count();
    let mut checks = vec![match projects {
        0 => Check::failure(
            "registry",
            format!("no project is registered under {prefix}; every request is rejected"),
            "doorbell project put NAME FILE; or correct DOORBELL_REGISTRY_PREFIX",
        ),
        count => Check::ok("registry", format!("{} under {prefix}", pluralize(count, "project"))),
    }];
    let fallback = context.installation.default_build_project().ok().flatten();
    checks.extend(entries.iter().map(|entry| check_document(entry, default.as_deref(), fallback.as_ref())));
    let read: Vec<(&str, ProjectDocument, bool)> = entries
        .iter()
        .filter(|entry| entry.name != DEFAULT_DOCUMENT)
        .filter_map(|entry| {
            let read = ProjectDocument::parse(default.as_deref(), &entry.text).ok()?;
            Some((entry.name.as_str(), read.document, read.inline_credentials))
        })
        .collect();
    let owned = entries.iter().filter(|entry| entry.name != DEFAULT_DOCUMENT);
    let shared = find_shared(default.as_deref(), owned.map(|entry| (entry.name.as_str(), entry.text.as_str())));
    checks.extend(shared.iter().map(|one| {
        let fix = "create a read-only token for each repository, as docs/git-credentials.md shows";
        Check::warning(format!("shared-credential-{}", one.credential), one.warning(), fix)
    }));
    let needs = project_needs(context, &read, fallback.as_ref(), default.is_some());
    let secrets: BTreeSet<&SecretId> = read.iter().flat_map(|(_, document, _)| secrets_of(document)).collect();
    let forges: BTreeMap<String, ForgeRepository> = read
        .iter()
        .filter_map(|(_, document, _)| document.report_to.as_ref())
        .map(|report| (format!("{} {}", report.url, report.repo), ForgeRepository::from(report)))
        .collect();
    let found = builds::find_projects(context, &needs).await;
    let exist = found.iter().flatten().filter_map(|project| project.name());
    let worker_needs = WorkerNeeds {
        build_projects: exist.map(str::to_owned).collect(),
        secrets: forges.values().map(|repository| repository.token_secret.to_string()).collect(),
    };
    let (secret_checks, git_checks, build_checks, quota_checks, forge_checks, worker_check) = futures_util::join!(
        join_all(secrets.into_iter().map(|id| check_secret(context, id))),
        git_hosts::check(&read),
        builds::check(context, &needs, &found),
        build_quota::check(context, found.as_deref().unwrap_or_default()),
        join_all(forges.iter().map(|(label, repository)| check_forge(context, label, repository))),
        worker_role::check(context, &worker_needs)
    );
    checks.extend(secret_checks);
    checks.extend(git_checks);
    checks.extend(build_checks);
    checks.extend(quota_checks);
    checks.extend(forge_checks);
    checks.push(worker_check);
    checks
}

fn check_document(entry: &RegistryEntry, default: Option<&str>, fallback: Option<&BuildProjectName>) -> Check {
    let name = format!("project-{}", entry.name);
    let findings = lint(&entry.name, &entry.text, default, fallback);
    // Not from the output of `show`, which redacts credentials.
    let fix = format!("fix the source file; doorbell project put {} FILE", entry.name);
    if !findings.errors.is_empty() {
        return Check::failure(name, findings.errors.join("; "), fix);
    }
    if !findings.warnings.is_empty() {
        return Check::warning(name, findings.warnings.join("; "), fix);
    }
    Check::ok(name, "its document is valid")
}

fn project_needs(
    context: &DoctorContext<'_>,
    read: &[(&str, ProjectDocument, bool)],
    fallback: Option<&BuildProjectName>,
    has_default: bool,
) -> BTreeMap<String, BuildProjectNeeds> {
    let mut needs: BTreeMap<String, BuildProjectNeeds> = BTreeMap::new();
    for (name, document, inline_credentials) in read {
        if let Some(project) = document.build_project.as_ref().or(fallback) {
            let wanted = needs.entry(project.to_string()).or_default();
            wanted.documents.extend(name.parse().ok().map(|name| (name, document.clone())));
            wanted.secrets.extend(document.git_credentials.iter().map(|credentials| credentials.secret.to_string()));
            if *inline_credentials && document.git_credentials.is_none() {
                let default = has_default.then_some(DEFAULT_DOCUMENT);
                wanted
                    .parameters
                    .extend(default.into_iter().chain([*name]).map(|name| context.registry.parameter(name)));
            }
        }
        if let Some(project) = &document.unprivileged_build_project {
            needs.entry(project.to_string()).or_default().is_unprivileged = true;
        }
    }
    needs
}

fn secrets_of(document: &ProjectDocument) -> impl Iterator<Item = &SecretId> {
    let git = document.git_credentials.iter().map(|credentials| &credentials.secret);
    git.chain(document.report_to.iter().map(|report| &report.token_secret))
}

async fn check_secret(context: &DoctorContext<'_>, id: &SecretId) -> Check {
    let name = format!("secret-{id}");
    let client = aws_sdk_secretsmanager::Client::new(context.account.sdk());
    match client.describe_secret().secret_id(id.as_str()).send().await {
        Ok(secret) if secret.deleted_date().is_some() => Check::failure(
            name,
            "it is marked for deletion",
            format!("aws secretsmanager restore-secret --secret-id {id}"),
        ),
        Ok(_) => Check::ok(name, "it exists"),
        Err(error) => {
            let failed = aws_error("DescribeSecret", error);
            let fix = format!("aws secretsmanager create-secret --name {id} --secret-string file://...");
            match failed.code.as_deref().is_some_and(is_missing) {
                true => Check::failure(name, "a document names it, and it does not exist", fix),
                false => Check::query_failed(name, &failed, fix),
            }
        }
    }
}

async fn check_forge(context: &DoctorContext<'_>, label: &str, repository: &ForgeRepository) -> Check {
    let name = format!("forge-{}", repository.repo);
    let client = aws_sdk_secretsmanager::Client::new(context.account.sdk());
    let token = match client.get_secret_value().secret_id(repository.token_secret.as_str()).send().await {
        Ok(secret) => SecretString::from(secret.secret_string.unwrap_or_default().trim().to_owned()),
        Err(error) => {
            let failed = aws_error(&format!("GetSecretValue {}", repository.token_secret), error);
            return Check::query_failed(name, &failed, "fix the secret first");
        }
    };
    match context.reporter.verify_token(repository, &token).await {
        Ok(Ok(())) => Check::ok(name, format!("{label} is reachable and accepts the token")),
        Ok(Err(reason)) => {
            let fix = "check reportTo.url and reportTo.repo, and that the forge is up";
            Check::failure(name, format!("{label} cannot take status reports: {reason}"), fix)
        }
        Err(Unauthorized(reason)) => {
            let fix =
                format!("aws secretsmanager put-secret-value --secret-id {} with a new token", repository.token_secret);
            Check::failure(name, format!("{label} rejects the token: {reason}"), fix)
        }
    }
}
