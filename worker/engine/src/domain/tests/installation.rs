use std::collections::HashSet;

use doorbell_messages::JobKey;

use super::config;
use crate::domain::InstallationId;

fn keys() -> Vec<JobKey> {
    let digest = "0123456789abcdef01234567";
    ["a#b", "ab#c", "a#bc", "a.b#c", "a#b.c"].iter().map(|start| format!("{start}#{digest}").parse().unwrap()).collect()
}

#[test]
fn tokens_and_external_ids_have_64_digits() {
    for key in keys() {
        for attempt in [1, 2, 10, u32::MAX] {
            assert_eq!(config().installation.idempotency_token(&key, attempt).len(), 64);
        }
        assert_eq!(config().installation.external_id(&key).len(), 64);
    }
}

#[test]
fn ids_of_installations_jobs_and_attempts_are_distinct() {
    let mut seen = HashSet::new();
    for arn in ["arn:1", "arn:11", "arn:2"] {
        let deployment = InstallationId::from_ledger_arn(arn);
        for key in keys() {
            assert!(seen.insert(deployment.job_id(&key)));
            assert!(seen.insert(deployment.external_id(&key)));
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
