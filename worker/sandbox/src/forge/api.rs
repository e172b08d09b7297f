use std::sync::Arc;

use axum::http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::{Answer, Refusal};
use super::body::{Fields, Received};
use super::flag_form::{FlagForm, FlagTarget};
use super::repository::DEFAULT_BRANCH;
use super::route::{Resource, Route};
use super::state::{Comment, Shared, State};
use super::{document, git, notification};

/// One call of the API, read whole.
#[derive(Debug, Clone)]
pub(super) struct ApiCall {
    pub(super) method: Method,
    /// `None`: no route of the API.
    pub(super) route: Option<Route>,
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) content_type: String,
    pub(super) body: Received,
}

/// Carries a call out.
pub(super) async fn answer(shared: Arc<Shared>, call: ApiCall) -> Answer {
    let methods = match &call.route {
        None | Some(Route::Git { .. }) => return Answer::html(StatusCode::NOT_FOUND),
        Some(Route::Version) => "GET, HEAD, OPTIONS",
        Some(Route::Repository { resource, .. }) => resource.methods(),
    };
    if !methods.split(", ").any(|allowed| call.method == allowed) {
        return Answer::html(StatusCode::METHOD_NOT_ALLOWED).with(header::ALLOW, HeaderValue::from_static(methods));
    }
    let result = match &call.route {
        Some(Route::Repository { name, resource }) if call.method == Method::POST => {
            post(&shared, name, resource, &call).await
        }
        Some(Route::Repository { name, resource }) => get(&shared, name, resource, &call.query).await,
        _ => Ok(json!({"version": "0.31"})),
    };
    match result {
        Ok(body) => Answer::json(StatusCode::OK, &body),
        Err(refusal) => refusal.into_answer(shared.url()),
    }
}

/// Reading asks for no token, so what is private can't be read through the API at all: Pagure looks at a token in
/// those handlers only that require one.
async fn get(shared: &Shared, name: &str, resource: &Resource, query: &str) -> Result<Value, Refusal> {
    let url = shared.url();
    shared.read(|state| match state.repositories.get(name) {
        Some(record) if record.logins.is_empty() => Ok(()),
        _ => Err(Refusal::NoProject),
    })?;
    let flags = |commit: &str| -> Vec<Value> {
        let here =
            shared.read(|state| state.flags.on_commit(commit)).into_iter().filter(|flag| flag.repository == name);
        here.map(|flag| document::flag(&flag, url)).collect()
    };
    match resource {
        Resource::Project => shared.read(|state| project(state, name, url)),
        Resource::Branches => branches(shared, name, with_commits(query)).await,
        Resource::Tags => tags(shared, name, with_commits(query)).await,
        Resource::CommitFlags(hash) => {
            check_commit(hash)?;
            let flags = flags(hash);
            Ok(json!({"total_flags": flags.len(), "flags": flags}))
        }
        Resource::PullRequestFlags(number) => Ok(json!({"flags": flags(&head(shared, name, *number)?)})),
        Resource::PullRequest(number) => shared.read(|state| {
            let request = state.pull_request(name, *number).ok_or(Refusal::NoPullRequest)?;
            Ok(document::pull_request(*number, request, DEFAULT_BRANCH, &project(state, name, url)?, url))
        }),
        Resource::Comment(number, id) => shared.read(|state| {
            let request = state.pull_request(name, *number).ok_or(Refusal::NoPullRequest)?;
            let comment = request.comments.iter().find(|comment| comment.id == *id).ok_or(Refusal::NoComment)?;
            Ok(document::comment(comment, url))
        }),
        // Only POST is allowed there, and that was checked.
        Resource::Comments(_) | Resource::CiNotification => Err(Refusal::Crash),
    }
}

/// The order of the checks is Pagure's: right, repository, the token's repository, commit or pull request, body, form.
async fn post(shared: &Shared, name: &str, resource: &Resource, call: &ApiCall) -> Result<Value, Refusal> {
    if *resource == Resource::CiNotification {
        return notification::take(shared, name, call).await;
    }
    let acl = resource.acl().ok_or(Refusal::Crash)?;
    shared.read(|state| {
        let token = state.tokens.authorise(call.authorization.as_deref(), acl)?;
        state.repositories.get(name).ok_or(Refusal::NoProject)?;
        token.check_repository(name)
    })?;
    match resource {
        Resource::CommitFlags(hash) => {
            check_commit(hash)?;
            let form = FlagForm::read(&fields(call).await?, FlagTarget::Commit)?;
            Ok(store_flag(shared, name, hash, form))
        }
        Resource::PullRequestFlags(number) => {
            head(shared, name, *number)?;
            let form = FlagForm::read(&fields(call).await?, FlagTarget::PullRequest)?;
            // The head of this moment: a push since the caller looked moves the flag, as it does on Pagure.
            let mut document = store_flag(shared, name, &head(shared, name, *number)?, form);
            document["avatar_url"] = json!(document::avatar_url());
            document["user"] = json!(document::USER);
            Ok(document)
        }
        Resource::Comments(number) => {
            head(shared, name, *number)?;
            let fields = fields(call).await?;
            let text = fields.filled("comment").ok_or(Refusal::Form(vec![("comment", "This field is required.")]))?;
            add_comment(shared, name, *number, text)
        }
        _ => Err(Refusal::Crash),
    }
}

pub(super) async fn fields(call: &ApiCall) -> Result<Fields, Refusal> {
    Fields::parse(&call.content_type, call.body.clone()).await
}

pub(super) fn store_flag(shared: &Shared, name: &str, commit: &str, form: FlagForm) -> Value {
    let (flag, is_new) = shared.change(|state| state.flags.store(name, commit, form, Timestamp::now()));
    let message = if is_new { "Flag added" } else { "Flag updated" };
    json!({"message": message, "uid": flag.uid, "flag": document::own_flag(&flag, shared.url())})
}

fn add_comment(shared: &Shared, name: &str, number: u64, text: &str) -> Result<Value, Refusal> {
    shared.change(|state| {
        let comment = Comment { id: state.next_comment_id(), text: text.to_owned(), created: Timestamp::now() };
        let request = state.pull_request_mut(name, number).ok_or(Refusal::NoPullRequest)?;
        request.updated = comment.created;
        request.comments.push(comment);
        Ok(json!({"message": "Comment added"}))
    })
}

/// Syntax alone: an unknown commit is flagged without a word, and so is an abbreviated one.
fn check_commit(hash: &str) -> Result<(), Refusal> {
    let is_hash = (4..=40).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { Ok(()) } else { Err(Refusal::NoCommit) }
}

fn head(shared: &Shared, name: &str, number: u64) -> Result<String, Refusal> {
    shared
        .read(|state| state.pull_request(name, number).map(|request| request.commit_stop.clone()))
        .ok_or(Refusal::NoPullRequest)
}

fn project(state: &State, name: &str, url: &str) -> Result<Value, Refusal> {
    let record = state.repositories.get(name).ok_or(Refusal::NoProject)?;
    let origin = Some(document::plain_name(name)).filter(|origin| *origin != name);
    let parent = origin.and_then(|origin| project(state, origin, url).ok());
    Ok(document::repository(name, record, parent.as_ref(), url))
}

async fn branches(shared: &Shared, name: &str, with_commits: bool) -> Result<Value, Refusal> {
    let branches = git::refs(&git::directory(&shared.dir, name), "refs/heads").await.map_err(crash)?;
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

async fn tags(shared: &Shared, name: &str, with_commits: bool) -> Result<Value, Refusal> {
    let tags = git::refs(&git::directory(&shared.dir, name), "refs/tags").await.map_err(crash)?;
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

fn crash(error: anyhow::Error) -> Refusal {
    tracing::error!(error = format!("{error:#}"), "the forge's git failed");
    Refusal::Crash
}
