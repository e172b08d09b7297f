//! Pagure's JSON documents.
//!
//! Public documents hide e-mail addresses; the response to a flag POST does not.
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::flag::PagureFlag;
use super::state::{PullRequestComment, PullRequestRecord, RepositoryRecord};

/// The forge's only user: owner of every repository and token.
pub(super) const USER: &str = "ci";
const FULL_NAME: &str = "CI user";
const EMAIL: &str = "ci@example.org";

pub(super) fn avatar_url() -> String {
    let digest: String = Sha256::digest(EMAIL).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("https://seccdn.libravatar.org/avatar/{digest}?s=30&d=retro")
}

fn user(url: &str) -> Value {
    json!({"name": USER, "fullname": FULL_NAME, "url_path": format!("user/{USER}"), "full_url": format!("{url}/user/{USER}")})
}

fn user_with_emails(url: &str) -> Value {
    let mut user = user(url);
    user["default_email"] = json!(EMAIL);
    user["emails"] = json!([EMAIL]);
    user
}

/// A flag as lists show it: without its uid, so a client cannot find its own flag by this document.
pub(super) fn flag(flag: &PagureFlag, url: &str) -> Value {
    json!({
        "comment": flag.comment,
        "commit_hash": flag.commit,
        "date_created": date(flag.created),
        "date_updated": date(flag.updated),
        "percent": flag.percent,
        "status": flag.status.as_str(),
        "url": flag.url,
        "user": user(url),
        "username": flag.username,
    })
}

/// A flag as the response to its POST shows it.
pub(super) fn own_flag(posted: &PagureFlag, url: &str) -> Value {
    let mut document = flag(posted, url);
    document["user"] = user_with_emails(url);
    document
}

pub(super) fn comment(comment: &PullRequestComment, url: &str) -> Value {
    json!({
        "comment": comment.text,
        "commit": null,
        "date_created": date(comment.created),
        "edited_on": null,
        "editor": null,
        "filename": null,
        "id": comment.id,
        "line": null,
        "notification": false,
        "parent": null,
        "reactions": {},
        "tree": null,
        "user": user(url),
    })
}

/// A repository. `parent` is the document of the repository that it is a fork of.
pub(super) fn repository(full_name: &str, record: &RepositoryRecord, parent: Option<&Value>, url: &str) -> Value {
    let path = full_name.strip_prefix("forks/").map_or(full_name.to_owned(), |rest| format!("fork/{rest}"));
    let plain = plain_name(full_name);
    let (namespace, name) = plain.rsplit_once('/').map_or((None, plain), |(namespace, name)| (Some(namespace), name));
    json!({
        "access_groups": {"admin": [], "collaborator": [], "commit": [], "ticket": []},
        "access_users": {"admin": [], "collaborator": [], "commit": [], "owner": [USER], "ticket": []},
        "close_status": [],
        "custom_keys": [],
        "date_created": date(record.created),
        "date_modified": date(record.created),
        "description": name,
        "full_url": format!("{url}/{path}"),
        "fullname": full_name,
        "id": record.id,
        "milestones": {},
        "name": name,
        "namespace": namespace,
        "parent": parent,
        "priorities": {},
        "tags": [],
        "url_path": path,
        "user": user(url),
    })
}

/// The name without a fork's prefix: that of the repository it was forked from.
pub(super) fn plain_name(full_name: &str) -> &str {
    let fork = full_name.strip_prefix("forks/").and_then(|rest| rest.split_once('/'));
    fork.map_or(full_name, |(_, plain)| plain)
}

pub(super) fn pull_request(
    number: u64,
    request: &PullRequestRecord,
    branch: &str,
    project: &Value,
    url: &str,
) -> Value {
    json!({
        "assignee": null,
        "branch": branch,
        "branch_from": request.branch_from,
        "cached_merge_status": "unknown",
        "closed_at": null,
        "closed_by": null,
        "comments": request.comments.iter().map(|one| comment(one, url)).collect::<Vec<_>>(),
        "commit_start": request.commit_start,
        "commit_stop": request.commit_stop,
        "date_created": date(request.created),
        "full_url": format!("{}/pull-request/{number}", project["full_url"].as_str().unwrap_or_default()),
        "id": number,
        "initial_comment": request.initial_comment,
        "last_updated": date(request.updated),
        "project": project,
        "remote_git": null,
        "repo_from": project,
        "status": "Open",
        "tags": [],
        "threshold_reached": null,
        "title": request.title,
        "uid": request.uid,
        "updated_on": date(request.updated),
        "user": user(url),
    })
}

/// Seconds with up to six decimals, as a string: Python's `str()` of a float.
fn date(at: Timestamp) -> String {
    let micros = format!("{:06}", at.subsec_microsecond());
    let decimals = micros.trim_end_matches('0');
    format!("{}.{}", at.as_second(), if decimals.is_empty() { "0" } else { decimals })
}
