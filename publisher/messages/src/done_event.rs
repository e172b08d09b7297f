use serde::{Deserialize, Serialize};

use crate::text::{json_for_queues, sanitize_line};
use crate::{CommitId, GitRef, JobKey, ProjectName, Status};

/// The CDEvents type of a [`DoneEvent`], and the version of the specification that defines it.
const EVENT_TYPE: &str = "dev.cdevents.pipelinerun.finished.0.3.0";
const SPECIFICATION: &str = "0.5.1";

/// A job's end, for all who subscribe: one event for each job, published at least once.
///
/// Its JSON is a CDEvent (`pipelinerun.finished`) below [`DoneEvent::MAX_BYTES`]. It is a function of this value alone,
/// so that each repeat has the same bytes. It holds no variable, cause, command, link or ARN of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneEvent {
    /// The event's id: 64 hexadecimal digits, the same in each repeat.
    pub id: String,
    /// The installation that ran the job.
    pub installation: String,
    /// The job.
    pub key: JobKey,
    /// Its project.
    pub project: ProjectName,
    /// Its ref.
    pub git_ref: GitRef,
    /// The commit that it was to build, where it was known.
    pub commit: Option<CommitId>,
    /// How it ended: a final status.
    pub status: Status,
    /// Why, for people. A success has no errors to tell.
    pub message: String,
    /// What ran it and the id of that run; none where nothing was started.
    pub run: Option<ProviderRun>,
    /// When it was received, when its run was seen first, and when it ended: RFC 3339, UTC.
    pub times: DoneTimes,
}

/// A provider's run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRun {
    /// The provider's name.
    pub provider: String,
    /// The run's id there.
    pub id: String,
}

/// The times of a job that has ended: RFC 3339, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoneTimes {
    /// When the request was received.
    pub queued_at: String,
    /// When its run was seen first; missing where nothing was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When the job ended.
    pub ended_at: String,
}

#[cfg(feature = "schema")]
const FINAL_STATUSES: [Status; 5] =
    [Status::Success, Status::Failure, Status::Error, Status::Canceled, Status::Rejected];

impl DoneEvent {
    /// The size of the JSON is below this for every job.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Characters of `errors` at most.
    pub const MAX_ERROR_CHARS: usize = 300;

    /// The message: a CDEvent.
    pub fn to_json(&self) -> String {
        let source = format!("/doorbell/{}", self.installation);
        let wire = DoneEventJson {
            context: ContextJson {
                specversion: SPECIFICATION.to_owned(),
                id: self.id.clone(),
                source: source.clone(),
                event_type: EVENT_TYPE.to_owned(),
                timestamp: self.times.ended_at.clone(),
            },
            subject: SubjectJson {
                id: self.key.to_string(),
                source,
                content: ContentJson {
                    pipeline_name: self.project.to_string(),
                    outcome: Outcome::of(self.status),
                    errors: (self.status != Status::Success).then(|| self.errors()),
                },
            },
            custom_data_content_type: "application/json".to_owned(),
            custom_data: CustomDataJson {
                version: 1,
                status: self.status,
                project: self.project.to_string(),
                git_ref: self.short_ref(),
                commit: self.commit.as_ref().map(ToString::to_string),
                provider: self.run.as_ref().map(|run| run.provider.clone()),
                run: self.run.as_ref().map(|run| run.id.clone()),
                times: self.times.clone(),
            },
        };
        // Writing strings and numbers cannot fail.
        json_for_queues(serde_json::to_string(&wire).unwrap_or_default())
    }

    /// What subscribers filter by: names and values of message attributes.
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("type", EVENT_TYPE.to_owned()),
            ("project", self.project.to_string()),
            ("ref", self.short_ref()),
            ("status", self.status.to_string()),
        ];
        attributes.extend(self.run.as_ref().map(|run| ("provider", run.provider.clone())));
        attributes
    }

    /// The ref in the form of the registry's `refs`.
    fn short_ref(&self) -> String {
        match &self.git_ref {
            GitRef::Branch(name) => format!("heads/{name}"),
            GitRef::Tag(name) => format!("tags/{name}"),
            GitRef::PullRequest(number) => format!("pull/{}", number.get()),
        }
    }

    fn errors(&self) -> String {
        sanitize_line(&self.message, Self::MAX_ERROR_CHARS)
    }
}

/// The message as it is on the wire.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(title = "Doorbell done event, version 1"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DoneEventJson {
    /// CDEvents' envelope.
    context: ContextJson,
    /// The job.
    subject: SubjectJson,
    /// `application/json`.
    custom_data_content_type: String,
    /// What Doorbell knows beyond CDEvents' own fields.
    custom_data: CustomDataJson,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct ContextJson {
    /// The version of the CDEvents specification.
    specversion: String,
    /// The event's id, the same in each repeat: drop an event whose id you have seen.
    id: String,
    /// `/doorbell/` and the installation.
    source: String,
    /// The CDEvents type.
    #[serde(rename = "type")]
    event_type: String,
    /// When the job ended.
    timestamp: String,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct SubjectJson {
    /// The job's key.
    id: String,
    /// As in the context.
    source: String,
    /// The end of the job in CDEvents' words.
    content: ContentJson,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContentJson {
    /// The project.
    pipeline_name: String,
    /// How it ended.
    outcome: Outcome,
    /// Why, unless it is a success; at most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errors: Option<String>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CustomDataJson {
    /// The version of these fields.
    version: u32,
    /// The final status, in Doorbell's words.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("enum" = FINAL_STATUSES)))]
    status: Status,
    /// The project.
    project: String,
    /// The ref: `heads/…`, `tags/…` or `pull/…`.
    #[serde(rename = "ref")]
    git_ref: String,
    /// The commit, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    /// The provider that ran it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// The id of that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// The job's times.
    times: DoneTimes,
}

/// How a pipeline run ended, in CDEvents' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(Deserialize, schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The command exited with 0.
    Success,
    /// The command exited with another code.
    Failure,
    /// It was canceled.
    Cancel,
    /// No result of the command, or the request was rejected.
    Error,
}

impl Outcome {
    fn of(status: Status) -> Self {
        match status {
            Status::Success => Self::Success,
            Status::Failure => Self::Failure,
            Status::Canceled => Self::Cancel,
            // The first two are never final, so no event is made of them.
            Status::Queued | Status::Running | Status::Error | Status::Rejected => Self::Error,
        }
    }
}
