//! Which commit a forge has at a ref.

use std::collections::HashMap;

use doorbell_engine::domain::{ForgeRepository, RefResolution};
use doorbell_engine::ports::Unauthorized;
use doorbell_messages::{CommitId, GitRef, Redactor};
use reqwest::{Client, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::response::{describe_response, describe_transport_error, read};
use super::{TOKEN_NOT_HEADER_SAFE, join, with_token};

/// A repository's branches with their commits: some 60 bytes each.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// The commit that the forge has at the ref.
pub(in crate::forge) async fn resolve_ref(
    client: &Client,
    forge: &Url,
    repository: &ForgeRepository,
    git_ref: &GitRef,
    token: Option<&SecretString>,
) -> Result<RefResolution, Unauthorized> {
    let path = match git_ref {
        GitRef::Branch(_) => format!("api/0/{}/git/branches?with_commits=1", repository.repo),
        GitRef::Tag(_) => format!("api/0/{}/git/tags?with_commits=1", repository.repo),
        GitRef::PullRequest(number) => format!("api/0/{}/pull-request/{}", repository.repo, number.get()),
    };
    let secrets = Redactor::new(token.map(ExposeSecret::expose_secret));
    let request = client.get(join(forge, &path));
    let request = match token {
        None => request,
        Some(token) => match with_token(request, token) {
            Some(request) => request,
            None => {
                return Ok(RefResolution::Unclear(TOKEN_NOT_HEADER_SAFE.to_owned()));
            }
        },
    };
    let response = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Ok(RefResolution::Unavailable(describe_transport_error(&error, &secrets))),
    };
    let code = response.status();
    let body = match read(response, MAX_LIST_BYTES, &secrets).await {
        Ok(body) => body,
        Err(reason) => return Ok(RefResolution::Unavailable(reason)),
    };
    let reason = describe_response(code, serde_json::from_slice(&body).ok().as_ref(), &secrets);
    match code {
        StatusCode::OK => Ok(commit_of_ref(git_ref, &body, &secrets)),
        StatusCode::UNAUTHORIZED => Err(Unauthorized(reason)),
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(RefResolution::Missing(reason)),
        StatusCode::TOO_MANY_REQUESTS => Ok(RefResolution::Unavailable(reason)),
        code if code.is_server_error() => Ok(RefResolution::Unavailable(reason)),
        _ => Ok(RefResolution::Unclear(reason)),
    }
}

fn commit_of_ref(git_ref: &GitRef, body: &[u8], secrets: &Redactor) -> RefResolution {
    // Each is read by a type of its own: a pull request has `tags`, too, and they are something else there.
    let commit = match git_ref {
        GitRef::Branch(name) => parse_as(body).map(|mut list: Branches| list.branches.remove(name.as_str())),
        GitRef::Tag(name) => parse_as(body).map(|mut list: Tags| list.tags.remove(name.as_str())),
        GitRef::PullRequest(_) => parse_as(body).map(|pull_request: PagurePullRequest| pull_request.commit_stop),
    };
    let Some(commit) = commit else {
        return RefResolution::Unclear(
            "it answers 200, but not as Pagure does: is reportTo.url the forge's address?".to_owned(),
        );
    };
    if commit.is_none() && matches!(git_ref, GitRef::PullRequest(_)) {
        return RefResolution::Unclear("it does not know the head of this pull request yet".to_owned());
    }
    // A token may consist of the characters of a commit. What is left of it then is none.
    match commit.map(|commit| secrets.redact(&commit).parse::<CommitId>()) {
        Some(Ok(commit)) => RefResolution::Commit(commit),
        Some(Err(problem)) => RefResolution::Unclear(format!("it names a commit that is none: {problem}")),
        None => RefResolution::Missing("it is not in the repository".to_owned()),
    }
}

#[derive(Deserialize)]
struct Branches {
    branches: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Tags {
    tags: HashMap<String, String>,
}

#[derive(Deserialize)]
struct PagurePullRequest {
    /// Null until Pagure has read the commits of a new pull request.
    commit_stop: Option<String>,
}

fn parse_as<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}
