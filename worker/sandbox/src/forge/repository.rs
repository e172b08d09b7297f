use anyhow::ensure;
use jiff::Timestamp;

use super::document;
use super::state::{ForgeStore, RepositoryRecord};
use crate::git_host::GitRepository;

/// Creates a repository in git and in Pagure's database.
///
/// # Errors
/// Pagure does not allow the name, it is taken, or git failed.
pub(super) async fn create(store: &ForgeStore, name: &str) -> anyhow::Result<GitRepository> {
    ensure!(is_pagure_name(name), "invalid repository name: {name:?}");
    let repository = store.git.create_repository(name).await?;
    store.change(|state| {
        let record =
            RepositoryRecord { id: state.repositories.len() + 1, created: Timestamp::now(), pull_requests: Vec::new() };
        state.repositories.insert(name.to_owned(), record);
    });
    Ok(repository)
}

/// `name`, `namespace/name`, or either below `forks/<user>/`. The git host checks the parts.
fn is_pagure_name(name: &str) -> bool {
    let plain = document::plain_name(name);
    plain.split('/').count() <= 2 && !plain.starts_with("forks")
}
