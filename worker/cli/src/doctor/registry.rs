use std::collections::{BTreeMap, BTreeSet};

use doorbell_engine::domain::ForgeSide;
use doorbell_engine::ports::Answer;
use doorbell_messages::{BuildProjectName, ProjectDocument, SecretId};
use doorbell_worker::call_failed;
use futures_util::future::join_all;
use secrecy::SecretString;

use super::check::Check;
use super::worker_role::{self, Duties};
use super::{Patient, builds};
use crate::failure::is_missing;
use crate::project::lint;
use crate::registry::{DEFAULT, Entry};
use crate::screen::counted;

/// What the documents ask of a build project.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Secrets that its builds read.
    pub(super) secrets: BTreeSet<String>,
    /// SSM parameters that its builds read: documents with credentials in them.
    pub(super) parameters: BTreeSet<String>,
    /// Whether code from outside runs in it.
    pub(super) is_unprivileged: bool,
}

/// The registry's documents, and what each of them names: secrets, build projects, forges.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Check> {
    let prefix = patient.registry.parameter("");
    let entries = match patient.registry.all().await {
        Ok(entries) => entries,
        Err(failure) => return vec![Check::unread("registry", &failure)],
    };
    let default = entries.iter().find(|entry| entry.name == DEFAULT).map(|entry| entry.text.clone());
    let projects = entries.iter().filter(|entry| entry.name != DEFAULT).count();
    let mut checks = vec![match projects {
        0 => Check::failure(
            "registry",
            format!("no project is registered under {prefix}: every request is rejected"),
            "doorbell project put NAME FILE; or is DOORBELL_REGISTRY_PREFIX right?",
        ),
        count => Check::ok("registry", format!("{} under {prefix}", counted(count, "project"))),
    }];
    let fallback = patient.installation.default_build_project().ok().flatten();
    checks.extend(entries.iter().map(|entry| document(entry, default.as_deref(), fallback.as_ref())));
    let read: Vec<(&str, ProjectDocument, bool)> = entries
        .iter()
        .filter(|entry| entry.name != DEFAULT)
        .filter_map(|entry| {
            let read = ProjectDocument::read(default.as_deref(), &entry.text).ok()?;
            Some((entry.name.as_str(), read.document, read.inline_credentials))
        })
        .collect();
    let wanted = wanted(patient, &read, fallback.as_ref(), default.is_some());
    let secrets: BTreeSet<&SecretId> = read.iter().flat_map(|(_, document, _)| secrets_of(document)).collect();
    let forges: BTreeMap<String, ForgeSide> = read
        .iter()
        .filter_map(|(_, document, _)| document.report.as_ref())
        .map(|report| (format!("{} {}", report.url, report.repo), ForgeSide::from(report)))
        .collect();
    let found = builds::find(patient, &wanted).await;
    let exist = found.iter().flatten().filter_map(|project| project.name());
    let duties = Duties {
        build_projects: exist.map(str::to_owned).collect(),
        secrets: forges.values().map(|side| side.token_secret.to_string()).collect(),
    };
    let (of_secrets, of_builds, of_forges, of_worker) = futures_util::join!(
        join_all(secrets.into_iter().map(|id| secret(patient, id))),
        builds::check(patient, &wanted, &found),
        join_all(forges.iter().map(|(place, side)| forge(patient, place, side))),
        worker_role::check(patient, &duties)
    );
    checks.extend(of_secrets);
    checks.extend(of_builds);
    checks.extend(of_forges);
    checks.push(of_worker);
    checks
}

fn document(entry: &Entry, default: Option<&str>, fallback: Option<&BuildProjectName>) -> Check {
    let name = format!("project-{}", entry.name);
    let findings = lint(&entry.name, &entry.text, default, fallback);
    // Not from what `show` prints: credentials are hidden there.
    let mend = format!("mend the file that it was registered from; doorbell project put {} FILE", entry.name);
    if !findings.errors.is_empty() {
        return Check::failure(name, findings.errors.join("; "), mend);
    }
    if !findings.warnings.is_empty() {
        return Check::warning(name, findings.warnings.join("; "), mend);
    }
    Check::ok(name, "its document is sound")
}

fn wanted(
    patient: &Patient<'_>,
    read: &[(&str, ProjectDocument, bool)],
    fallback: Option<&BuildProjectName>,
    has_default: bool,
) -> BTreeMap<String, Wanted> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    for (name, document, inline_credentials) in read {
        if let Some(project) = document.build_project.as_ref().or(fallback) {
            let wanted = wanted.entry(project.to_string()).or_default();
            wanted.secrets.extend(document.git_credentials.iter().map(|credentials| credentials.secret.to_string()));
            if *inline_credentials && document.git_credentials.is_none() {
                let default = has_default.then_some(DEFAULT);
                wanted
                    .parameters
                    .extend(default.into_iter().chain([*name]).map(|name| patient.registry.parameter(name)));
            }
        }
        if let Some(project) = &document.unprivileged_build_project {
            wanted.entry(project.to_string()).or_default().is_unprivileged = true;
        }
    }
    wanted
}

fn secrets_of(document: &ProjectDocument) -> impl Iterator<Item = &SecretId> {
    let git = document.git_credentials.iter().map(|credentials| &credentials.secret);
    git.chain(document.report.iter().map(|report| &report.token_secret))
}

async fn secret(patient: &Patient<'_>, id: &SecretId) -> Check {
    let name = format!("secret-{id}");
    let client = aws_sdk_secretsmanager::Client::new(patient.account.sdk());
    match client.describe_secret().secret_id(id.as_str()).send().await {
        Ok(secret) if secret.deleted_date().is_some() => Check::failure(
            name,
            "it is marked for deletion",
            format!("aws secretsmanager restore-secret --secret-id {id}"),
        ),
        Ok(_) => Check::ok(name, "it exists"),
        Err(error) => {
            let failed = call_failed("DescribeSecret", error);
            let mend = format!("aws secretsmanager create-secret --name {id} --secret-string file://...");
            match failed.code.as_deref().is_some_and(is_missing) {
                true => Check::failure(name, "a document names it, and it does not exist", mend),
                false => Check::unanswered(name, &failed, mend),
            }
        }
    }
}

async fn forge(patient: &Patient<'_>, place: &str, side: &ForgeSide) -> Check {
    let name = format!("forge-{}", side.repo);
    let client = aws_sdk_secretsmanager::Client::new(patient.account.sdk());
    let token = match client.get_secret_value().secret_id(side.token_secret.as_str()).send().await {
        Ok(secret) => SecretString::from(secret.secret_string.unwrap_or_default().trim().to_owned()),
        Err(error) => {
            let failed = call_failed(&format!("GetSecretValue {}", side.token_secret), error);
            return Check::unanswered(name, &failed, "mend the secret first");
        }
    };
    match patient.forges.try_token(side, &token).await {
        Answer::Seen(Ok(())) => Check::ok(name, format!("{place} is reached and takes the token")),
        Answer::Seen(Err(reason)) => {
            let mend = "are report.url and report.repo right, and is the forge up?";
            Check::failure(name, format!("{place} takes no report: {reason}"), mend)
        }
        Answer::Unauthorized(reason) => {
            let mend =
                format!("aws secretsmanager put-secret-value --secret-id {} with a new token", side.token_secret);
            Check::failure(name, format!("{place} does not take the token: {reason}"), mend)
        }
    }
}
