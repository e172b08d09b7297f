use serde_json::{Value, json};

/// The result of one case.
pub(super) struct CaseResult {
    pub(super) title: &'static str,
    pub(super) job: String,
    pub(super) project: String,
    pub(super) git_ref: String,
    pub(super) outcome: String,
    pub(super) builds: usize,
    pub(super) flag: Option<FlagResult>,
    /// Seconds from the publication to the build's start.
    pub(super) seconds_to_build: Option<f64>,
    pub(super) seconds_to_flag: Option<f64>,
    pub(super) is_as_expected: bool,
}

pub(super) struct FlagResult {
    pub(super) status: String,
    pub(super) comment: String,
    pub(super) url: String,
}

/// The result of the demo.
pub(super) struct DemoResult {
    pub(super) jobs: Vec<CaseResult>,
    /// The done events that a subscriber of failures received.
    pub(super) done_events: Vec<Value>,
    /// The actions that the publisher's key was denied.
    pub(super) denied: Vec<String>,
    /// The actions that it was allowed, which is an error.
    pub(super) allowed: Vec<String>,
}

impl DemoResult {
    pub(super) fn is_as_expected(&self) -> bool {
        let failed = self.jobs.iter().filter(|job| ["failure", "error"].contains(&job.outcome.as_str()));
        let announced = self.done_events.iter().map(|event| event["subject"]["id"].as_str());
        self.allowed.is_empty()
            && announced.eq(failed.map(|job| Some(job.job.as_str())))
            && self.jobs.iter().all(|job| job.is_as_expected)
    }

    /// The documented form of `--output json`.
    pub(super) fn to_json(&self) -> Value {
        let jobs = self.jobs.iter().map(|job| {
            let flag = job
                .flag
                .as_ref()
                .map(|flag| json!({ "status": flag.status, "comment": flag.comment, "url": flag.url }));
            json!({
                "job": job.job,
                "project": job.project,
                "ref": job.git_ref,
                "outcome": job.outcome,
                "builds": job.builds,
                "flag": flag,
            })
        });
        json!({ "jobs": jobs.collect::<Vec<_>>(), "doneEvents": self.done_events, "denied": self.denied })
    }
}
