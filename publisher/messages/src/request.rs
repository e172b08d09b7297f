use serde::{Deserialize, Deserializer, Serialize};

use crate::text::json_for_queues;
use crate::{
    CommitId, GitRef, ParseError, ProjectName, PullRequestNumber, RefName, RequestId, SingleLineText, Variables,
    WatchHash, parse,
};

/// The largest request that is parsed.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// A publisher's request. It cannot name a command, repository, image, role or secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RequestJson", into = "RequestJson")]
pub struct Request {
    /// The entry of the owner's registry.
    pub project: ProjectName,
    /// The ref to build.
    pub git_ref: GitRef,
    /// The publisher's own id for this request; without one the SNS message id serves.
    pub id: Option<RequestId>,
    /// Start a job, or cancel the one that the same request started.
    pub action: RequestAction,
    /// Narrows `git_ref` to one commit on it.
    pub commit: Option<CommitId>,
    /// The reason, for people.
    pub cause: Option<SingleLineText>,
    /// The CI that requested it, for people. Never used as a target.
    pub origin: Option<RequestOrigin>,
    /// The hash by which its publisher may watch the job.
    pub watch: Option<WatchHash>,
    /// Every repeat of this request is the same job, however late it comes.
    pub once: bool,
    /// The job may run on a commit older than what ran before, if the project's document allows that too.
    pub allow_older: bool,
    /// Narrows the project's `commitPolicy`.
    pub commit_rule: Option<RequestCommitRule>,
    /// Variables of the build.
    pub variables: Variables,
}

/// The action of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RequestAction {
    /// Start a job.
    #[default]
    Start,
    /// Cancel the job that the same request, without this field, started.
    Cancel,
}

/// A rule for `commit` that is narrower than the project's.
///
/// It has no word for the wider rule: a publisher may not widen what the owner's document allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RequestCommitRule {
    /// The commit must be the ref's tip.
    Tip,
}

/// The CI that requested a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestOrigin {
    /// The CI's name.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "SingleLineText"))]
    pub vendor: Option<SingleLineText>,
    /// The page of the CI's build. It is shown as text and never fetched.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "SingleLineText"))]
    pub build_url: Option<SingleLineText>,
}

/// A request as a publisher sends it to Doorbell's SNS topic.
// The JSON form of `Request`; the comments here are the schema's descriptions, read by publishers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", schemars(
    title = "Doorbell request, version 1",
    extend("oneOf" = [{ "required": ["branch"] }, { "required": ["tag"] }, { "required": ["pullRequest"] }])
))]
pub(crate) struct RequestJson {
    /// The version of this contract. Without it: 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "u32", extend("const" = 1)))]
    version: Option<u32>,
    /// The registry's name of the project.
    project: ProjectName,
    /// The branch to build. Exactly one of `branch`, `tag` and `pullRequest` is required.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "RefName"))]
    branch: Option<RefName>,
    /// The tag to build.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "RefName"))]
    tag: Option<RefName>,
    /// The pull request to build.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "PullRequestNumber"))]
    pull_request: Option<PullRequestNumber>,
    /// The publisher's own id for this request: the same words and id are one job. Without it: SNS's message id.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "RequestId"))]
    id: Option<RequestId>,
    /// Whether to start a job or to cancel one. Without it: `start`. A cancel needs an `id`.
    #[serde(default, skip_serializing_if = "is_start", deserialize_with = "parse::word")]
    action: RequestAction,
    /// Narrows the ref to one commit on it, and never replaces it. Without it: the ref's head.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "CommitId"))]
    commit: Option<CommitId>,
    /// The reason, for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "SingleLineText"))]
    cause: Option<SingleLineText>,
    /// The CI that requested it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present_object")]
    #[cfg_attr(feature = "schema", schemars(with = "RequestOrigin"))]
    origin: Option<RequestOrigin>,
    /// A hash by which the publisher may watch the job: 64 hexadecimal digits. Not part of the job's key.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "parse::present")]
    #[cfg_attr(feature = "schema", schemars(with = "WatchHash"))]
    watch: Option<WatchHash>,
    /// Every repeat of this request is the same job, however late it comes. Part of the job's key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    once: bool,
    /// Allow a commit older than what ran before, if the project's document does too. Part of the job's key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_older: bool,
    /// Narrows the project's `commitPolicy`; a pinned project rejects that. Part of the job's key.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present_commit_rule")]
    #[cfg_attr(feature = "schema", schemars(with = "RequestCommitRule"))]
    commit_rule: Option<RequestCommitRule>,
    /// Variables of the build, by names that the project allows.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    variables: Variables,
}

fn is_start(action: &RequestAction) -> bool {
    *action == RequestAction::Start
}

fn present_commit_rule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RequestCommitRule>, D::Error> {
    parse::word(deserializer).map(Some)
}

/// The version alone, so that a request of a later contract is rejected by its version and not by its first unknown field.
#[derive(Deserialize)]
struct VersionField {
    #[serde(default)]
    version: Option<serde_json::Number>,
}

impl Request {
    /// Parses the body of an SNS message.
    ///
    /// # Errors
    /// The path and the reason. Publishing the same request again cannot help.
    pub fn parse(body: &str) -> Result<Self, ParseError> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(ParseError::whole(format!(
                "the request has {} bytes: at most {MAX_REQUEST_BYTES} are read",
                body.len()
            )));
        }
        let VersionField { version } = parse::json(body)?;
        if let Some(version) = version.filter(|version| version.as_u64() != Some(1)) {
            return Err(ParseError::at(
                "$.version",
                format!("version {version} is unknown: this program reads version 1"),
            ));
        }
        let wire: RequestJson = parse::json(body)?;
        Self::try_from(wire).map_err(ParseError::whole)
    }

    /// The JSON to publish.
    pub fn to_json(&self) -> String {
        // Writing these types cannot fail: no map has a key that is not a string.
        json_for_queues(serde_json::to_string(self).unwrap_or_default())
    }
}

impl TryFrom<RequestJson> for Request {
    type Error = String;
    fn try_from(wire: RequestJson) -> Result<Self, String> {
        let git_ref = match (wire.branch, wire.tag, wire.pull_request) {
            (Some(name), None, None) => GitRef::Branch(name),
            (None, Some(name), None) => GitRef::Tag(name),
            (None, None, Some(number)) => GitRef::PullRequest(number),
            (None, None, None) => {
                return Err("one of branch, tag and pullRequest is needed, and none is there".to_owned());
            }
            _ => return Err("exactly one of branch, tag and pullRequest is needed, and there are more".to_owned()),
        };
        Ok(Self {
            project: wire.project,
            git_ref,
            id: wire.id,
            action: wire.action,
            commit: wire.commit,
            cause: wire.cause,
            origin: wire.origin,
            watch: wire.watch,
            once: wire.once,
            allow_older: wire.allow_older,
            commit_rule: wire.commit_rule,
            variables: wire.variables,
        })
    }
}

impl From<Request> for RequestJson {
    fn from(request: Request) -> Self {
        let (branch, tag, pull_request) = match request.git_ref {
            GitRef::Branch(name) => (Some(name), None, None),
            GitRef::Tag(name) => (None, Some(name), None),
            GitRef::PullRequest(number) => (None, None, Some(number)),
        };
        Self {
            version: None,
            project: request.project,
            branch,
            tag,
            pull_request,
            id: request.id,
            action: request.action,
            commit: request.commit,
            cause: request.cause,
            origin: request.origin,
            watch: request.watch,
            once: request.once,
            allow_older: request.allow_older,
            commit_rule: request.commit_rule,
            variables: request.variables,
        }
    }
}
