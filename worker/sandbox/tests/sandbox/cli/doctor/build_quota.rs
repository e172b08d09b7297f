use std::time::Instant;

use doorbell_sandbox::account::definition::OWNER_ROLE;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::json;

use super::{assert_named, healthy_installation, run_doctor};
use crate::cli::account::RootAccount;
use crate::cli::json as json_output;
use crate::e2e::JOB_TIMEOUT;

/// The quota is the account's limit of builds; nothing but the limits of build projects is Doorbell's own.
#[tokio::test]
async fn doctor_compares_build_quota_with_project_limits() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let check = "build-quota-linux-small";
    let set_quota = |limit: usize| sandbox.codebuild.controls.change_settings(|all| all.account_limit = limit);
    let report = json_output(&sandbox, &["doctor"]).await;
    let found = report["checks"].as_array().unwrap().iter().find(|one| one["check"] == check).unwrap();
    let message = "the account's quota of concurrent builds on Linux/Small is 20; 2 of 2 build projects have no limit \
                   of their own: jobs wait when it is reached";
    assert_eq!((&found["state"], &found["message"]), (&json!("ok"), &json!(message)));

    set_quota(0);
    assert_named(&run_doctor(&sandbox, &[]).await, check, "failure", "no build can start");
    set_quota(3);
    set_project_limit(&sandbox, 4).await;
    assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "is 3, below the limits of the build projects");
    set_quota(4);
    assert_eq!(run_doctor(&sandbox, &[]).await, (Vec::new(), Some(0)), "a limit may be the quota");

    // Without the permission, and with an endpoint that does not answer, nothing is known and nothing fails.
    let unreachable = [("AWS_ENDPOINT_URL_SERVICE_QUOTAS", "https://127.0.0.1:1")];
    assert_named(&run_doctor(&sandbox, &unreachable).await, check, "skipped", "the quota of Linux/Small is not known");
    let mut policy = sandbox.account.definition().owner_role().policy;
    policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] != "ReadBuildQuotas");
    RootAccount(&sandbox).set_role(OWNER_ROLE, &policy).await;
    let deadline = Instant::now() + JOB_TIMEOUT;
    let mut found = run_doctor(&sandbox, &[]).await;
    // Until IAM's decision on the call before has expired.
    while found.0.is_empty() && Instant::now() < deadline {
        found = run_doctor(&sandbox, &[]).await;
    }
    assert_named(&found, check, "skipped", "not authorized to perform: servicequotas:GetServiceQuota");
}

/// The limit is the worker's, as its heartbeat says it: `doorbell` has no such variable.
#[tokio::test]
async fn doctor_compares_installation_limit_with_quota() {
    let (sandbox, _, without_limit) = healthy_installation().await;
    without_limit.kill().await.unwrap();
    let check = "build-quota-installation";
    let worker = sandbox.start_worker(&[("DOORBELL_MAX_BUILDS", "4")]).await.unwrap();
    let deadline = Instant::now() + JOB_TIMEOUT;
    let found = async || {
        let report = json_output(&sandbox, &["doctor"]).await;
        report["checks"].as_array().unwrap().iter().find(|one| one["check"] == check).cloned()
    };
    while found().await.is_none() {
        assert!(Instant::now() < deadline, "{}", worker.log().unwrap());
    }
    let set_quota = |limit: usize| sandbox.codebuild.controls.change_settings(|all| all.account_limit = limit);
    for (quota, state) in [(3, "warning"), (4, "ok"), (20, "ok")] {
        set_quota(quota);
        let found = found().await.unwrap();
        let (message, fix) = (found["message"].as_str().unwrap(), found["fix"].as_str().unwrap_or_default());
        let numbers = format!("DOORBELL_MAX_BUILDS is 4, and the account's quota of concurrent builds {quota} ");
        assert!(found["state"] == state && message.starts_with(&numbers), "{found}");
        assert_eq!(
            fix.contains("DOORBELL_MAX_BUILDS (Terraform: worker.max_builds) to at most 3"),
            quota == 3,
            "{found}"
        );
    }
    worker.kill().await.unwrap();
    // A worker without the limit.
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    while found().await.is_some() {
        assert!(Instant::now() < deadline, "the heartbeat keeps the limit of a worker that is gone");
    }
}

/// Limits the concurrent builds of the build project.
async fn set_project_limit(sandbox: &Sandbox, limit: u32) {
    let client = sandbox.codebuild_client(sandbox.account.emulator().root_key()).unwrap();
    let change = json!({ "name": "doorbell-build", "concurrentBuildLimit": limit });
    client.json("codebuild", "CodeBuild_20161006.UpdateProject", change).await.unwrap();
}
