//! The StartBuild calls that a stolen worker may try: every override of AWS's model, and every class of variable names.
use doorbell_messages::{
    APPEND_REF, ARGV, CHECKOUT, COMMIT_RULE, DEFAULT_DOCUMENT, DIRECTORY, GIT_CREDENTIALS, GIT_URL, JOB_ID, PINNED,
    PROGRAM, PROJECT, PROJECT_DOCUMENT, REF, REFS, REQUEST_VARIABLE_PREFIX, RESERVED_VARIABLES, TIMEOUT_SECONDS,
    VARIABLES,
};
use doorbell_sandbox::codebuild::StartBuildOverride;
use doorbell_sandbox::sandbox::{PINNED_BUILD_PROJECT, UNPRIVILEGED_BUILD_PROJECT};
use serde_json::{Value, json};

/// A job of the project `demo`, as a worker names it.
const DEMO_JOB: &str = "0123456789ab:demo#1#0123456789abcdef01234567";

/// The variables that a worker sends to no pinned build project: what its owner fixed, and what names a secret.
const FIXED_VARIABLES: [&str; 15] = [
    APPEND_REF,
    ARGV,
    CHECKOUT,
    COMMIT_RULE,
    DEFAULT_DOCUMENT,
    DIRECTORY,
    GIT_CREDENTIALS,
    GIT_URL,
    PINNED,
    PROGRAM,
    PROJECT,
    PROJECT_DOCUMENT,
    REFS,
    TIMEOUT_SECONDS,
    VARIABLES,
];

/// What must come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// IAM denies it, and no build starts.
    Denied,
    /// CodeBuild rejects the input, and no build starts.
    Invalid,
    /// A build starts, and the runner ends it before the checkout.
    RejectedByRunner,
    /// A build starts, and ends because its role may not read what a variable names.
    SecretDenied,
    /// The build runs the command that its project fixes.
    PinnedCommand,
    /// The build runs the worker's command, without permissions.
    ForeignCommand,
}

/// A call, and what must come of it.
#[derive(Debug)]
pub(super) struct StartShape {
    pub(super) name: String,
    pub(super) input: Value,
    pub(super) outcome: Outcome,
}

impl StartShape {
    fn new(name: impl Into<String>, input: Value, outcome: Outcome) -> Self {
        Self { name: name.into(), input, outcome }
    }
}

/// A variable of StartBuild.
fn variable(name: &str, value: &str, kind: &str) -> Value {
    json!({ "name": name, "value": value, "type": kind })
}

fn plain(name: &str, value: &str) -> Value {
    variable(name, value, "PLAINTEXT")
}

/// A call for the build project that its owner pinned: these variables take the place of those of the same name.
fn pinned_call(variables: &[Value]) -> Value {
    let job = [plain(JOB_ID, DEMO_JOB), plain(REF, "refs/heads/main")];
    let is_replaced = |name: &Value| variables.iter().any(|variable| variable["name"] == *name);
    let kept = job.into_iter().filter(|variable| !is_replaced(&variable["name"]));
    let all: Vec<Value> = kept.chain(variables.iter().cloned()).collect();
    json!({ "projectName": PINNED_BUILD_PROJECT, "environmentVariablesOverride": all })
}

/// A call for the build project of pull requests, for this repository.
fn unprivileged_call(git_url: &str, more: &[Value]) -> Value {
    let job = [
        plain(JOB_ID, DEMO_JOB),
        plain(REF, "refs/heads/main"),
        plain(PROJECT, "demo"),
        plain(GIT_URL, git_url),
        plain(ARGV, r#"["./ci.sh"]"#),
        plain(COMMIT_RULE, "ancestor"),
        plain(DIRECTORY, "."),
        plain(TIMEOUT_SECONDS, "60"),
    ];
    let all: Vec<&Value> = job.iter().chain(more).collect();
    json!({ "projectName": UNPRIVILEGED_BUILD_PROJECT, "environmentVariablesOverride": all })
}

fn with(mut call: Value, more: &Value) -> Value {
    if let (Some(call), Some(more)) = (call.as_object_mut(), more.as_object()) {
        call.extend(more.clone());
    }
    call
}

/// The call of every override, of each build project. Without a condition key only this CodeBuild's own limits are left.
pub(super) fn overrides(other_url: &str) -> Vec<StartShape> {
    let timeouts = ["timeoutInMinutesOverride", "queuedTimeoutInMinutesOverride"];
    let shapes = StartBuildOverride::by_name().into_iter().flat_map(|(name, shape)| {
        let outcomes = match () {
            () if !shape.keys.is_empty() => [Outcome::Denied, Outcome::Denied],
            // They have no condition key, and change neither command nor environment.
            () if timeouts.contains(&name.as_str()) => [Outcome::PinnedCommand, Outcome::ForeignCommand],
            () => [Outcome::Invalid, Outcome::Invalid],
        };
        let calls = [pinned_call(&[]), unprivileged_call(other_url, &[])];
        calls.into_iter().zip(outcomes).map(move |(call, outcome)| {
            let project = call["projectName"].as_str().unwrap_or_default();
            StartShape::new(format!("{project} with {name}"), with(call.clone(), &shape.input), outcome)
        })
    });
    shapes.collect()
}

/// Calls with names of variables that IAM has to deny in a pinned build project.
pub(super) fn pinned_names() -> Vec<StartShape> {
    let reserved = RESERVED_VARIABLES.iter().flat_map(|group| {
        let begun = group.prefixes.iter().map(|prefix| format!("{prefix}X"));
        group.names.iter().map(|name| (*name).to_owned()).chain(begun)
    });
    let cases = FIXED_VARIABLES.iter().chain(&[JOB_ID, REF]).map(|name| name.to_ascii_lowercase());
    let mixed = ["Doorbell_Pinned", "doorbell_VAR_STAGE", "DOORBELL_var_STAGE", "Doorbell_Git_Url"].map(str::to_owned);
    let near = ["STAGE", "DOORBELL_VAR", "DOORBELL_REF ", " DOORBELL_REF", "DOORBELL_REF=", "DOORBELL_JOB_ID2", "*"];
    let names = FIXED_VARIABLES
        .map(str::to_owned)
        .into_iter()
        .chain(reserved)
        .chain(cases)
        .chain(mixed)
        .chain(near.map(str::to_owned))
        .chain(["https_proxy".to_owned(), "ALL_PROXY".to_owned()]);
    let named = names.map(|name| {
        let call = pinned_call(&[plain(&name, "something")]);
        StartShape::new(format!("pinned with the variable {name:?}"), call, Outcome::Denied)
    });
    // ForAnyValue is false for an empty set: a separate condition requires a variable.
    let none = [json!([]), Value::Null].map(|variables| {
        let call = json!({ "projectName": PINNED_BUILD_PROJECT, "environmentVariablesOverride": variables });
        StartShape::new(format!("pinned with the variables {variables}"), call, Outcome::Denied)
    });
    let twice = pinned_call(&[plain(GIT_URL, "https://a.example/a.git"), plain(GIT_URL, "https://b.example/b.git")]);
    named.chain(none).chain([StartShape::new("pinned with a fixed name twice", twice, Outcome::Denied)]).collect()
}

/// Calls that IAM permits: the runner, the build's role and CodeBuild are left.
pub(super) fn pinned_values(foreign_secret: &str, foreign_document: &str) -> Vec<StartShape> {
    let stage = format!("{REQUEST_VARIABLE_PREFIX}STAGE");
    let request = |name: &str| plain(&format!("{REQUEST_VARIABLE_PREFIX}{name}"), "something");
    let by_runner = [
        request("LEVEL"),
        request("PATH"),
        request("LD_PRELOAD"),
        request("DOORBELL_GIT_URL"),
        request("DOORBELL_PINNED"),
        request("stage"),
        request(""),
        plain(REF, "refs/heads/other"),
        plain(REF, "refs/pull/1/head"),
        plain(REF, "refs/heads/main\nrefs/heads/other"),
        plain(REF, ""),
        plain(JOB_ID, "0123456789ab:shop#1#0123456789abcdef01234567"),
        plain(JOB_ID, "demo"),
    ];
    let shapes = by_runner.map(|one| {
        let name = format!("pinned with {}={}", one["name"], one["value"]);
        StartShape::new(name, pinned_call(&[one]), Outcome::RejectedByRunner)
    });
    let secrets = [stage.as_str(), JOB_ID, REF].into_iter().flat_map(|name| {
        [(foreign_secret, "SECRETS_MANAGER"), (foreign_document, "PARAMETER_STORE")].map(|(value, kind)| {
            let call = pinned_call(&[variable(name, value, kind)]);
            StartShape::new(format!("pinned with {name} of type {kind}"), call, Outcome::SecretDenied)
        })
    });
    let twice = [JOB_ID, REF, &stage].map(|name| {
        let call = pinned_call(&[plain(name, "one"), plain(name, "two")]);
        StartShape::new(format!("pinned with {name} twice"), call, Outcome::Invalid)
    });
    // The shell that runs the buildspec drops what is no name of a variable, before the runner sees it.
    let dropped = StartShape::new("pinned with no name", pinned_call(&[request("a-b")]), Outcome::PinnedCommand);
    let control = StartShape::new("pinned, as a worker calls", pinned_call(&[]), Outcome::PinnedCommand);
    shapes.into_iter().chain(secrets).chain(twice).chain([dropped, control]).collect()
}

/// Calls for the build project of pull requests: any repository, and no secret.
pub(super) fn unprivileged(other_url: &str, secret: &str, document: &str) -> Vec<StartShape> {
    let denied = [GIT_CREDENTIALS, PROJECT_DOCUMENT, DEFAULT_DOCUMENT, PINNED, PROGRAM, "PATH", "DOORBELL_VAR_STAGE"];
    let denied = denied.map(|name| {
        let call = unprivileged_call(other_url, &[plain(name, "something")]);
        StartShape::new(format!("unprivileged with {name}"), call, Outcome::Denied)
    });
    let secrets = [(secret, "SECRETS_MANAGER"), (document, "PARAMETER_STORE")].map(|(value, kind)| {
        let call = unprivileged_call(other_url, &[variable(CHECKOUT, value, kind)]);
        StartShape::new(format!("unprivileged with a variable of type {kind}"), call, Outcome::SecretDenied)
    });
    let control = StartShape::new("unprivileged", unprivileged_call(other_url, &[]), Outcome::ForeignCommand);
    denied.into_iter().chain(secrets).chain([control]).collect()
}

/// Calls for build projects of others.
pub(super) fn foreign_projects() -> Vec<StartShape> {
    let names = ["other", "doorbell-2--demo-2a97516c", "doorbell-build-unprivileged-2"];
    let call = |name: &str| with(pinned_call(&[]), &json!({ "projectName": name }));
    names.map(|name| StartShape::new(format!("the build project {name}"), call(name), Outcome::Denied)).into()
}
