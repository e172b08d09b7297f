use aws_sdk_codebuild::types::Build;

/// The commit of a build and the form of its flag; none without a commit.
pub(super) fn of_build(build: &Build) -> Option<(String, [(&'static str, String); 5])> {
    let variables = build.environment()?.environment_variables();
    let commit = variables.iter().find(|variable| variable.name() == "DOORBELL_COMMIT")?.value().to_owned();
    let shown = build.build_status().map(|status| status.as_str()).unwrap_or_default();
    let status = match shown {
        _ if !build.build_complete() => "pending",
        "SUCCEEDED" => "success",
        "FAILED" => "failure",
        "STOPPED" => "canceled",
        _ => "error",
    };
    let id = build.id().unwrap_or_default();
    let uid = id.get(id.len().saturating_sub(32)..).unwrap_or_default();
    let link = build.logs().and_then(|logs| logs.deep_link()).unwrap_or_default();
    let form = [
        ("username", "peer".to_owned()),
        ("comment", shown.to_owned()),
        ("url", link.to_owned()),
        ("status", status.to_owned()),
        ("uid", uid.to_owned()),
    ];
    Some((commit, form))
}
