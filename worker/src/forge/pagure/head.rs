//! Which commit a forge has at a ref.

use std::collections::HashMap;

use doorbell_engine::domain::{ForgeSide, HeadSeen};
use doorbell_engine::ports::Answer;
use doorbell_messages::{CommitId, GitRef};
use reqwest::{Client, StatusCode, Url};
use secrecy::SecretString;
use serde::Deserialize;

use super::answer::{chain, read, reason};
use super::{NO_HEADER, authorized, join};

/// A repository's branches with their commits: some 60 bytes each.
const MOST_OF_A_LIST: usize = 4 * 1024 * 1024;

/// The commit that the forge has at the ref.
pub(in crate::forge) async fn head(
    client: &Client,
    forge: &Url,
    side: &ForgeSide,
    git_ref: &GitRef,
    token: Option<&SecretString>,
) -> Answer<HeadSeen> {
    let path = match git_ref {
        GitRef::Branch(_) => format!("api/0/{}/git/branches?with_commits=1", side.repo),
        GitRef::Tag(_) => format!("api/0/{}/git/tags?with_commits=1", side.repo),
        GitRef::PullRequest(number) => format!("api/0/{}/pull-request/{}", side.repo, number.get()),
    };
    let request = client.get(join(forge, &path));
    let request = match token {
        None => request,
        Some(token) => match authorized(request, token) {
            Some(request) => request,
            None => {
                return Answer::Seen(HeadSeen::Unavailable(NO_HEADER.to_owned()));
            }
        },
    };
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => return Answer::Seen(HeadSeen::Unavailable(chain(&error))),
    };
    let code = answer.status();
    let body = match read(answer, MOST_OF_A_LIST).await {
        Ok(body) => body,
        Err(reason) => return Answer::Seen(HeadSeen::Unavailable(reason)),
    };
    let problem = reason(code, serde_json::from_slice(&body).ok().as_ref());
    match code {
        StatusCode::OK => Answer::Seen(find(git_ref, &body)),
        StatusCode::UNAUTHORIZED => Answer::Unauthorized(problem),
        StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Seen(HeadSeen::Missing(problem)),
        _ => Answer::Seen(HeadSeen::Unavailable(problem)),
    }
}

fn find(git_ref: &GitRef, body: &[u8]) -> HeadSeen {
    // Each is read by a type of its own: a pull request has `tags`, too, and they are something else there.
    let commit = match git_ref {
        GitRef::Branch(name) => read_as(body).map(|mut list: Branches| list.branches.remove(name.as_str())),
        GitRef::Tag(name) => read_as(body).map(|mut list: Tags| list.tags.remove(name.as_str())),
        GitRef::PullRequest(_) => read_as(body).map(|pull_request: PullRequest| pull_request.commit_stop),
    };
    let Some(commit) = commit else {
        return HeadSeen::Unavailable(
            "it answers 200, but not as Pagure does: is report.url the forge's address?".to_owned(),
        );
    };
    if commit.is_none() && matches!(git_ref, GitRef::PullRequest(_)) {
        return HeadSeen::Unavailable("it does not know the head of this pull request yet".to_owned());
    }
    match commit.map(|commit| commit.parse::<CommitId>()) {
        Some(Ok(commit)) => HeadSeen::Commit(commit),
        Some(Err(problem)) => HeadSeen::Unavailable(format!("it names a commit that is none: {problem}")),
        None => HeadSeen::Missing("it is not in the repository".to_owned()),
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
struct PullRequest {
    /// Null until Pagure has looked at the commits of a new pull request.
    commit_stop: Option<String>,
}

fn read_as<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}
