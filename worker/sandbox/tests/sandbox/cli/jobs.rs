use super::{doorbell, json};
use crate::e2e::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, start_sandbox, trigger};

#[tokio::test]
async fn jobs_list_and_show_cover_every_job() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let good = trigger(&sandbox, &["demo", "main", "--id", "ci-1", "--cause", "push by ada"]).await;
    sandbox.wait_until_settled(&good, JOB_TIMEOUT).await.unwrap();
    let bad = trigger(&sandbox, &["nowhere", "main", "--id", "ci-2"]).await;
    sandbox.wait_until_settled(&bad, JOB_TIMEOUT).await.unwrap();

    let listed = json(&sandbox, &["jobs", "list"]).await;
    let names: Vec<&str> = listed["jobs"].as_array().unwrap().iter().map(|job| job["job"].as_str().unwrap()).collect();
    assert_eq!(names, [bad.as_str(), good.as_str()], "newest first");
    assert_eq!(listed["jobs"][1]["status"], "success");
    assert_eq!(listed["more"], false);
    let one = json(&sandbox, &["jobs", "list", "--limit", "1"]).await;
    assert_eq!((&one["jobs"][0]["job"], &one["more"]), (&bad.as_str().into(), &true.into()));
    let demo = json(&sandbox, &["jobs", "list", "--project", "demo"]).await;
    assert_eq!((&demo["jobs"][0]["job"], &demo["more"]), (&good.as_str().into(), &false.into()));
    let rejected = json(&sandbox, &["jobs", "list", "--status", "rejected", "--project", "nowhere"]).await;
    assert_eq!(rejected["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(rejected["jobs"][0]["message"], "no project nowhere is registered");

    for name in [good.as_str(), &format!("{good}~0"), "demo#ci-1", "ci-1"] {
        let shown = doorbell(&sandbox, &["jobs", "show", name]).await;
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        for part in [good.as_str(), "success: passed after", "push by ada", "accepted; build project", ": success at "]
        {
            assert!(shown.stdout.contains(part), "{part} is not in:\n{}", shown.stdout);
        }
        assert!(!shown.stdout.contains('\u{1b}'), "no colour in a pipe");
    }
    let shown = json(&sandbox, &["jobs", "show", "ci-1"]).await;
    assert!(shown["trail"].as_array().unwrap().len() > 3, "{shown}");
}

#[tokio::test]
async fn denied_or_unknown_job_error_suggests_next_step() {
    let sandbox = start_sandbox().await;
    let unknown = doorbell(&sandbox, &["jobs", "show", "nothing"]).await;
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.stderr.contains("there is no job \"nothing\"") && unknown.stderr.contains("next:"));
    assert_eq!(unknown.stdout, "");

    let publisher = sandbox.account.publisher_key();
    let key = [
        ("AWS_ACCESS_KEY_ID", publisher.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", publisher.secret_access_key.as_str()),
    ];
    for command in [&["jobs", "list"][..], &["dlq", "list"]] {
        let denied = sandbox.doorbell(command, &key).await.unwrap();
        assert_eq!(denied.code, Some(4), "{command:?}: {}", denied.stderr);
        assert!(denied.stderr.contains("lack a permission"), "{}", denied.stderr);
    }
    let elsewhere = sandbox.doorbell(&["jobs", "list"], &[("DOORBELL_TABLE", "another")]).await.unwrap();
    assert!(matches!(elsewhere.code, Some(3 | 4)), "{}", elsewhere.stderr);
    let unreachable = [("AWS_ENDPOINT_URL", "https://127.0.0.1:1"), ("AWS_MAX_ATTEMPTS", "1")];
    let not_done = sandbox.doorbell(&["jobs", "list"], &unreachable).await.unwrap();
    assert_eq!(not_done.code, Some(5), "{}", not_done.stderr);
}

/// The AWS CLI keeps the session of `aws sso login`; a stand-in for it hands out a key as the real one does.
#[cfg(unix)]
#[tokio::test]
async fn aws_cli_sso_session_provides_credentials() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = start_sandbox().await;
    let key = sandbox.account.roles().key("doorbell-owner").await.unwrap();
    let dir = sandbox.account.dir().join("bin");
    std::fs::create_dir(&dir).unwrap();
    let credentials = serde_json::json!({
        "Version": 1,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "SessionToken": key.session_token,
    });
    let wanted = "configure export-credentials --format process --profile work account";
    let script = format!("#!/bin/sh\n[ \"$*\" = '{wanted}' ] && echo '{credentials}'\n");
    std::fs::write(dir.join("aws"), script).unwrap();
    std::fs::set_permissions(dir.join("aws"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = sandbox.account.dir().join("config");
    std::fs::write(
        &config,
        "[profile work account]\nsso_session = work\nsso_account_id = 111122223333\nsso_role_name = Admin\n\
         [sso-session work]\nsso_region = eu-central-1\nsso_start_url = https://example.org/start\n",
    )
    .unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.display());
    let more = [
        ("PATH", path.as_str()),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", ""),
    ];
    let listed = sandbox.doorbell(&["jobs", "list", "--profile", "work account"], &more).await.unwrap();
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let other = sandbox.doorbell(&["jobs", "list", "--profile", "other"], &more).await.unwrap();
    assert_eq!(other.code, Some(4), "{}", other.stderr);
    assert!(other.stderr.contains("aws sso login"), "{}", other.stderr);
}
