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

/// Limits the concurrent builds of the build project.
async fn set_project_limit(sandbox: &Sandbox, limit: u32) {
    let client = sandbox.codebuild_client(sandbox.account.emulator().root_key()).unwrap();
    let change = json!({ "name": "doorbell-build", "concurrentBuildLimit": limit });
    client.json("codebuild", "CodeBuild_20161006.UpdateProject", change).await.unwrap();
}
