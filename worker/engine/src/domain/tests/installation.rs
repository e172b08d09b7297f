use std::collections::HashSet;

use doorbell_messages::JobKey;

use super::config;
use crate::domain::{Initiator, InstallationId};

fn keys() -> Vec<JobKey> {
    let digest = "0123456789abcdef01234567";
    ["a#b", "ab#c", "a#bc", "a.b#c", "a#b.c"].iter().map(|start| format!("{start}#{digest}").parse().unwrap()).collect()
}

#[test]
fn tokens_and_uids_fit_their_columns() {
    for key in keys() {
        for attempt in [1, 2, 10, u32::MAX] {
            assert_eq!(config().installation.idempotency_token(&key, attempt).len(), 64, "CodeBuild takes no more");
        }
        assert_eq!(config().installation.flag_uid(&key).len(), 32, "Pagure's column holds no more");
    }
}

#[test]
fn ids_of_installations_jobs_and_attempts_are_distinct() {
    let mut seen = HashSet::new();
    for arn in ["arn:1", "arn:11", "arn:2"] {
        let deployment = InstallationId::from_ledger_arn(arn);
        for key in keys() {
            assert!(seen.insert(deployment.job_id(&key)));
            assert!(seen.insert(deployment.flag_uid(&key)));
            for attempt in [1, 2, 11] {
                assert!(seen.insert(deployment.idempotency_token(&key, attempt)));
            }
        }
    }
}

#[test]
fn job_id_is_parsed_only_by_its_own_installation() {
    let (here, there) = (InstallationId::from_ledger_arn("arn:here"), InstallationId::from_ledger_arn("arn:there"));
    for key in keys() {
        assert_eq!(here.job_key_in(&here.job_id(&key)), Some(key.clone()));
        assert_eq!(here.job_key_in(&there.job_id(&key)), None);
        assert_eq!(here.job_key_in(key.as_str()), None);
    }
    for text in ["", ":", "a:b:c", "\u{0}:x"] {
        assert_eq!(here.job_key_in(text), None, "{text:?}");
    }
}

#[test]
fn initiator_matches_any_session_of_its_role_or_one_user() {
    let check = |initiator: Initiator, shown: &str, expected: bool| {
        assert_eq!(initiator.matches(shown), expected, "{initiator:?} and {shown}");
    };
    let role = || Initiator::Role("doorbell-worker".to_owned());
    check(role(), "doorbell-worker/session", true);
    check(role(), "doorbell-worker", false);
    check(role(), "doorbell-worker-2/session", false);
    let user = || Initiator::User("ada".to_owned());
    check(user(), "ada", true);
    check(user(), "ada2", false);
    check(user(), "ada/session", false);
}
