use doorbell_sandbox::account::definition::OWNER_ROLE;

use super::{healthy_installation, run_doctor};
use crate::cli::account::RootAccount;

/// A check that these credentials may not make is skipped: it neither passes nor fails.
#[tokio::test]
async fn doctor_skips_checks_without_permission() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let mut policy = sandbox.account.definition().owner_role().policy;
    for statement in policy["Statement"].as_array_mut().unwrap() {
        let actions = statement["Action"].as_array_mut().unwrap();
        actions.retain(|action| !action.as_str().unwrap().starts_with("iam:"));
    }
    RootAccount(&sandbox).set_role(OWNER_ROLE, &policy).await;
    let (found, code) = run_doctor(&sandbox, &[]).await;
    let skipped: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(skipped, ["build-role-doorbell-build", "build-role-doorbell-build-unprivileged", "worker-role"]);
    assert!(found.iter().all(|(_, state, text)| state == "skipped" && text.contains("iam:")), "{found:?}");
    assert_eq!(code, Some(0));
}
