use std::sync::Arc;

use axum::http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::body::{FormFields, RequestBody};
use super::flag_form::{FlagForm, FlagTarget};
use super::response::{ForgeResponse, PagureError};
use super::route::{ForgeRoute, RepositoryResource};
use super::state::{ForgeState, ForgeStore, PullRequestComment};
use super::{document, plugin_route};
use crate::git_host::{DEFAULT_BRANCH, GitRepository};

/// One call of the API, with its body.
#[derive(Debug, Clone)]
pub(super) struct ApiCall {
    pub(super) method: Method,
    /// `None` if the API has no such route.
    pub(super) route: Option<ForgeRoute>,
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: String,
    pub(super) body: RequestBody,
}

/// Executes a call.
pub(super) async fn handle(store: Arc<ForgeStore>, call: ApiCall) -> ForgeResponse {
    let methods = match &call.route {
        None | Some(ForgeRoute::Git { .. }) => return ForgeResponse::html(StatusCode::NOT_FOUND),
        Some(ForgeRoute::Version) => "GET, HEAD, OPTIONS",
        Some(ForgeRoute::Repository { resource, .. }) => resource.methods(),
    };
    if !methods.split(", ").any(|allowed| call.method == allowed) {
        return ForgeResponse::html(StatusCode::METHOD_NOT_ALLOWED)
            .with(header::ALLOW, HeaderValue::from_static(methods));
    }
    let result = match &call.route {
        Some(ForgeRoute::Repository { name, resource }) if call.method == Method::POST => {
            post(&store, name, resource, &call).await
        }
        Some(ForgeRoute::Repository { name, resource }) => get(&store, name, resource, &call.query).await,
        _ => Ok(json!({"version": "0.31"})),
    };
    match result {
        Ok(body) => ForgeResponse::json(StatusCode::OK, &body),
        Err(refusal) => refusal.into_forge_response(store.url()),
    }
}

/// Executes a GET.
///
/// Reads need no token, so the API never shows a private repository: Pagure checks a token only in handlers that
/// require one.
async fn get(store: &ForgeStore, name: &str, resource: &RepositoryResource, query: &str) -> Result<Value, PagureError> {
    let url = store.url();
    check_public(store, name)?;
    let flags = |commit: &str| -> Vec<Value> {
        let here = store.read(|state| state.flags.on_commit(commit)).into_iter().filter(|flag| flag.repository == name);
        here.map(|flag| document::flag(&flag, url)).collect()
    };
    match resource {
        RepositoryResource::Project => store.read(|state| project(state, name, url)),
        RepositoryResource::Branches => branches(store, name, with_commits(query)).await,
        RepositoryResource::Tags => tags(store, name, with_commits(query)).await,
        RepositoryResource::CommitFlags(hash) => {
            check_commit(hash)?;
            let flags = flags(hash);
            Ok(json!({"total_flags": flags.len(), "flags": flags}))
        }
        RepositoryResource::PullRequestFlags(number) => Ok(json!({"flags": flags(&head(store, name, *number)?)})),
        RepositoryResource::PullRequest(number) => store.read(|state| {
            let request = state.pull_request(name, *number).ok_or(PagureError::NoPullRequest)?;
            Ok(document::pull_request(*number, request, DEFAULT_BRANCH, &project(state, name, url)?, url))
        }),
        RepositoryResource::Comment(number, id) => store.read(|state| {
            let request = state.pull_request(name, *number).ok_or(PagureError::NoPullRequest)?;
            let comment = request.comments.iter().find(|comment| comment.id == *id).ok_or(PagureError::NoComment)?;
            Ok(document::comment(comment, url))
        }),
        // The list of methods has already rejected a GET.
        RepositoryResource::Comments(_) | RepositoryResource::CiNotification => Err(PagureError::Crash),
    }
}

/// Executes a POST, with Pagure's order of checks: ACL, repository, the token's repository, commit or pull request,
/// body, form.
async fn post(
    store: &ForgeStore,
    name: &str,
    resource: &RepositoryResource,
    call: &ApiCall,
) -> Result<Value, PagureError> {
    if *resource == RepositoryResource::CiNotification {
        return plugin_route::store_plugin_flag(store, name, call).await;
    }
    let acl = resource.acl().ok_or(PagureError::Crash)?;
    store.read(|state| {
        let token = state.tokens.authorise(call.authorization.as_deref(), acl)?;
        state.repositories.get(name).ok_or(PagureError::NoProject)?;
        token.check_repository(name)
    })?;
    match resource {
        RepositoryResource::CommitFlags(hash) => {
            check_commit(hash)?;
            let form = FlagForm::read(&fields(call).await?, FlagTarget::Commit)?;
            Ok(store_flag(store, name, hash, form))
        }
        RepositoryResource::PullRequestFlags(number) => {
            head(store, name, *number)?;
            let form = FlagForm::read(&fields(call).await?, FlagTarget::PullRequest)?;
            // The current head: a push since the caller's read moves the flag, as on Pagure.
            let mut document = store_flag(store, name, &head(store, name, *number)?, form);
            document["avatar_url"] = json!(document::avatar_url());
            document["user"] = json!(document::USER);
            Ok(document)
        }
        RepositoryResource::Comments(number) => {
            head(store, name, *number)?;
            let fields = fields(call).await?;
            let text =
                fields.non_empty("comment").ok_or(PagureError::Form(vec![("comment", "This field is required.")]))?;
            add_comment(store, name, *number, text)
        }
        _ => Err(PagureError::Crash),
    }
}

/// Rejects a private repository as if it did not exist.
pub(super) fn check_public(store: &ForgeStore, name: &str) -> Result<(), PagureError> {
    if store.git.is_public(name) { Ok(()) } else { Err(PagureError::NoProject) }
}

pub(super) async fn fields(call: &ApiCall) -> Result<FormFields, PagureError> {
    FormFields::parse(&call.content_type, call.body.clone()).await
}

pub(super) fn store_flag(store: &ForgeStore, name: &str, commit: &str, form: FlagForm) -> Value {
    let (flag, is_new) = store.change(|state| state.flags.store(name, commit, form, Timestamp::now()));
    let message = if is_new { "Flag added" } else { "Flag updated" };
    json!({"message": message, "uid": flag.uid, "flag": document::own_flag(&flag, store.url())})
}

fn add_comment(store: &ForgeStore, name: &str, number: u64, text: &str) -> Result<Value, PagureError> {
    store.change(|state| {
        let comment =
            PullRequestComment { id: state.next_comment_id(), text: text.to_owned(), created: Timestamp::now() };
        let request = state.pull_request_mut(name, number).ok_or(PagureError::NoPullRequest)?;
        request.updated = comment.created;
        request.comments.push(comment);
        Ok(json!({"message": "Comment added"}))
    })
}

/// Checks the syntax only: Pagure flags unknown and abbreviated commits without an error.
fn check_commit(hash: &str) -> Result<(), PagureError> {
    let is_hash = (4..=40).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { Ok(()) } else { Err(PagureError::NoCommit) }
}

fn head(store: &ForgeStore, name: &str, number: u64) -> Result<String, PagureError> {
    store
        .read(|state| state.pull_request(name, number).map(|request| request.commit_stop.clone()))
        .ok_or(PagureError::NoPullRequest)
}

fn project(state: &ForgeState, name: &str, url: &str) -> Result<Value, PagureError> {
    let record = state.repositories.get(name).ok_or(PagureError::NoProject)?;
    let origin = Some(document::plain_name(name)).filter(|origin| *origin != name);
    let parent = origin.and_then(|origin| project(state, origin, url).ok());
    Ok(document::repository(name, record, parent.as_ref(), url))
}

fn git_repository(store: &ForgeStore, name: &str) -> Result<GitRepository, PagureError> {
    store.git.repository(name).ok_or(PagureError::NoProject)
}

async fn branches(store: &ForgeStore, name: &str, with_commits: bool) -> Result<Value, PagureError> {
    let branches = git_repository(store, name)?.branches().await.map_err(internal_error)?;
    let default = branches.iter().find(|(name, _)| name == DEFAULT_BRANCH);
    Ok(match with_commits {
        true => json!({
            "branches": by_name(&branches),
            "default": by_name(default.map(std::slice::from_ref).unwrap_or_default()),
            "total_branches": branches.len(),
        }),
        false => json!({
            "branches": names(&branches),
            "default": default.map(|(name, _)| name),
            "total_branches": branches.len(),
        }),
    })
}

async fn tags(store: &ForgeStore, name: &str, with_commits: bool) -> Result<Value, PagureError> {
    let tags = git_repository(store, name)?.tags().await.map_err(internal_error)?;
    let listed = if with_commits { by_name(&tags) } else { names(&tags) };
    Ok(json!({"tags": listed, "total_tags": tags.len()}))
}

fn by_name(refs: &[(String, String)]) -> Value {
    refs.iter().map(|(name, commit)| (name.clone(), json!(commit))).collect::<serde_json::Map<_, _>>().into()
}

fn names(refs: &[(String, String)]) -> Value {
    refs.iter().map(|(name, _)| json!(name)).collect()
}

fn with_commits(query: &str) -> bool {
    let truths = ["1", "true", "t", "y"];
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "with_commits")
        .is_some_and(|(_, value)| truths.contains(&value.trim().to_lowercase().as_str()))
}

fn internal_error(error: anyhow::Error) -> PagureError {
    tracing::error!(error = format!("{error:#}"), "git failed on a repository of the forge");
    PagureError::Crash
}
