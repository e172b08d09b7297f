use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::phase::{BuildPhase, PhaseContext, PhaseEnd, PhaseKind, PhaseStatus};
use super::project::{BuildProject, ProjectEnvironment};
use super::variable::CodeBuildVariable;

/// Region, account and URL: the parts of every ARN and link.
#[derive(Debug, Clone)]
pub(super) struct AwsLocation {
    pub(super) region: String,
    pub(super) account: String,
    /// This server's own URL, which build logs are linked to.
    pub(super) url: String,
}

impl AwsLocation {
    pub(super) fn arn(&self, resource: &str) -> String {
        format!("arn:aws:codebuild:{}:{}:{resource}", self.region, self.account)
    }
}

/// A build, from StartBuild on; completed builds are kept.
#[derive(Debug, Clone)]
pub(super) struct SimulatedBuild {
    /// `<project>:<uuid>`
    pub(super) id: String,
    pub(super) uuid: String,
    pub(super) arn: String,
    pub(super) number: u64,
    pub(super) project: String,
    pub(super) initiator: String,
    pub(super) service_role: String,
    pub(super) buildspec: String,
    pub(super) environment: ProjectEnvironment,
    pub(super) timeout_minutes: u32,
    pub(super) queued_minutes: u32,
    pub(super) log_stream: Option<(String, String)>,
    log_link: String,
    pub(super) started: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) phases: Vec<BuildPhase>,
    /// Whether it counts against the account's limit: from leaving the queue to its completion.
    pub(super) running: bool,
    /// Whether the provider has lost it (see [`super::CodeBuildControls::forget`]).
    pub(super) forgotten: bool,
    pub(super) stop: CancellationToken,
}

/// The input of a new build.
pub(super) struct NewBuild<'a> {
    pub(super) project: &'a BuildProject,
    pub(super) variables: Vec<CodeBuildVariable>,
    pub(super) timeout_minutes: u32,
    pub(super) queued_minutes: u32,
    pub(super) uuid: String,
    pub(super) number: u64,
    pub(super) initiator: String,
}

impl SimulatedBuild {
    pub(super) fn new(new_build: NewBuild<'_>, location: &AwsLocation, now: Timestamp) -> Self {
        let NewBuild { project, variables, timeout_minutes, queued_minutes, uuid, number, initiator } = new_build;
        let id = format!("{}:{uuid}", project.name);
        let mut build = Self {
            arn: location.arn(&format!("build/{id}")),
            id,
            number,
            project: project.name.clone(),
            initiator,
            service_role: project.service_role.clone(),
            buildspec: project.source.buildspec.clone(),
            environment: project.environment.with_variables(variables),
            timeout_minutes,
            queued_minutes,
            log_stream: project.log_stream(&uuid),
            log_link: format!("{}/builds/{uuid}/log", location.url),
            uuid,
            started: now,
            ended: None,
            phases: Vec::new(),
            running: false,
            forgotten: false,
            stop: CancellationToken::new(),
        };
        build.begin(PhaseKind::Submitted, now);
        build
    }

    pub(super) fn begin(&mut self, kind: PhaseKind, now: Timestamp) {
        self.phases.push(BuildPhase { kind, started: now, ended: None });
    }

    /// Ends the current phase.
    pub(super) fn end(&mut self, status: PhaseStatus, context: Option<PhaseContext>, now: Timestamp) {
        if let Some(phase) = self.phases.last_mut() {
            phase.ended = Some(PhaseEnd { at: now, status, context });
        }
    }

    /// Completes the build.
    pub(super) fn complete(&mut self, now: Timestamp) {
        self.begin(PhaseKind::Completed, now);
        self.ended = Some(now);
        self.running = false;
    }

    /// `IN_PROGRESS`, or the status of the first phase that did not succeed.
    pub(super) fn status(&self) -> &'static str {
        if self.ended.is_none() {
            return "IN_PROGRESS";
        }
        let mut ends = self.phases.iter().filter_map(|phase| phase.ended.as_ref()).map(|ended| ended.status);
        ends.find(|status| *status != PhaseStatus::Succeeded).unwrap_or(PhaseStatus::Succeeded).as_build_status()
    }

    /// The context of the first phase that did not succeed.
    pub(super) fn failure(&self) -> Option<&str> {
        let ends = self.phases.iter().filter_map(|phase| phase.ended.as_ref());
        ends.filter_map(|ended| ended.context.as_ref()).map(|context| context.message.as_str()).next()
    }

    pub(super) fn current_phase(&self) -> &'static str {
        self.phases.last().map_or(PhaseKind::Submitted, |phase| phase.kind).as_str()
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let variables = &self.environment.environment_variables;
        variables.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }

    pub(super) fn logs(&self, location: &AwsLocation) -> Value {
        let Some((group, stream)) = &self.log_stream else {
            return json!({"deepLink": self.log_link, "cloudWatchLogs": {"status": "DISABLED"}});
        };
        json!({
            "groupName": group,
            "streamName": stream,
            "deepLink": self.log_link,
            "cloudWatchLogsArn":
                format!("arn:aws:logs:{}:{}:log-group:{group}:log-stream:{stream}", location.region, location.account),
            "cloudWatchLogs": {"status": "ENABLED"},
        })
    }

    /// The build as StartBuild and BatchGetBuilds return it.
    pub(super) fn to_json(&self, location: &AwsLocation) -> Value {
        let mut shown = json!({
            "id": self.id,
            "arn": self.arn,
            "buildNumber": self.number,
            "projectName": self.project,
            "buildStatus": self.status(),
            "buildComplete": self.ended.is_some(),
            "currentPhase": self.current_phase(),
            "startTime": epoch_seconds(self.started),
            "initiator": self.initiator,
            "serviceRole": self.service_role,
            "timeoutInMinutes": self.timeout_minutes,
            "queuedTimeoutInMinutes": self.queued_minutes,
            "source": {"type": "NO_SOURCE", "buildspec": self.buildspec},
            "artifacts": {"location": ""},
            "environment": self.environment,
            "logs": self.logs(location),
            "phases": self.phases.iter().map(phase_json).collect::<Vec<_>>(),
        });
        if let Some(ended) = self.ended {
            shown["endTime"] = json!(epoch_seconds(ended));
        }
        shown
    }
}

/// A phase as JSON. COMPLETED and the current phase have neither an end nor a status.
fn phase_json(phase: &BuildPhase) -> Value {
    let mut shown = json!({"phaseType": phase.kind, "startTime": epoch_seconds(phase.started)});
    if let Some(ended) = &phase.ended {
        shown["phaseStatus"] = json!(ended.status);
        shown["endTime"] = json!(epoch_seconds(ended.at));
        shown["durationInSeconds"] = json!(ended.seconds_since(phase.started));
        shown["contexts"] = json!(ended.context.iter().collect::<Vec<_>>());
    }
    shown
}

/// Seconds since 1970 with milliseconds, as the JSON protocol writes times.
pub(super) fn epoch_seconds(at: Timestamp) -> f64 {
    // The milliseconds of any relevant year are far below 2^53, up to which an f64 is exact.
    at.as_millisecond() as f64 / 1000.0
}
