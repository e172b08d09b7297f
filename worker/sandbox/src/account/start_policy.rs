//! The worker's permission to start builds, with the conditions that Terraform sets. Suite `account` compares them.
use std::collections::{BTreeMap, BTreeSet};

use doorbell_messages::{
    ARGV, CHECKOUT, COMMIT_RULE, DEFAULT_DOCUMENT, DIRECTORY, GIT_CREDENTIALS, GIT_URL, JOB_VARIABLES, PROJECT,
    PROJECT_DOCUMENT, REQUEST_VARIABLE_PREFIX, TIMEOUT_SECONDS,
};
use serde_json::{Value, json};

use super::definition::arn;
use crate::codebuild::StartBuildOverride;

/// The condition key of the names of a build's variables.
const VARIABLE_NAMES: &str = "codebuild:environment.environmentVariables.name";

/// What a worker sends, beside the variables of a job, to a build project that fixes nothing.
const BUILD_VARIABLES: [&str; 7] = [ARGV, CHECKOUT, COMMIT_RULE, DIRECTORY, GIT_URL, PROJECT, TIMEOUT_SECONDS];
/// The names of secrets and documents: only for a build project whose role reads them, as iwomp's does.
const SECRET_VARIABLES: [&str; 3] = [DEFAULT_DOCUMENT, GIT_CREDENTIALS, PROJECT_DOCUMENT];

/// What IAM lets a worker send to a build project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartVariables {
    /// To a build project that its owner pinned: what differs between jobs.
    Pinned,
    /// To the build project of pull requests: no name of a secret and no variable of a request.
    Unprivileged,
    /// To one that its owner made by hand: everything that a worker sends.
    All,
}

impl StartVariables {
    /// The permitted names, sorted; `*` ends a prefix.
    pub(crate) fn names(self) -> BTreeSet<String> {
        let request = format!("{REQUEST_VARIABLE_PREFIX}*");
        let mut names: BTreeSet<String> = JOB_VARIABLES.map(str::to_owned).into();
        if self != Self::Pinned {
            names.extend(BUILD_VARIABLES.map(str::to_owned));
        }
        if self == Self::All {
            names.extend(SECRET_VARIABLES.map(str::to_owned));
        }
        if self != Self::Unprivileged {
            names.insert(request);
        }
        names
    }

    /// The Deny of every other name.
    pub(crate) fn deny_others(self, build_project: &str) -> Value {
        json!({
            "Effect": "Deny",
            "Action": "codebuild:StartBuild",
            "Resource": arn("codebuild", &format!("project/{build_project}")),
            "Condition": { "ForAnyValue:StringNotLike": { VARIABLE_NAMES: self.names() } },
        })
    }
}

/// The conditions of the Allow: no override, and at least one variable, since `ForAnyValue` is false for an empty set.
pub(crate) fn start_conditions() -> Value {
    let overrides = StartBuildOverride::all();
    let keys = overrides.iter().flat_map(|shape| &shape.keys).map(|key| format!("codebuild:{key}"));
    // AWS has a key for the source as a whole, and documents no override for it.
    let keys = keys.chain(["codebuild:source".to_owned()]);
    let mut is_absent: BTreeMap<String, &str> = keys.map(|key| (key, "true")).collect();
    is_absent.insert(VARIABLE_NAMES.to_owned(), "false");
    json!({ "Null": is_absent })
}
