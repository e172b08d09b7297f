use doorbell_messages::{JobKey, Request};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixtures::package;
use crate::strategies::request;

const MESSAGE_ID: &str = "0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11";

/// The recorded keys. Another program made their digests from the canonical strings beside them.
///
/// They are never rewritten: another digest for the same request would be a second build of jobs that are in flight.
fn recorded_keys() -> Value {
    let text = std::fs::read_to_string(package().join("fixtures/key/keys.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn job_key_matches_recorded_digest() {
    let fixed = recorded_keys();
    let keys = fixed["keys"].as_array().unwrap();
    assert!(!keys.is_empty());
    for case in keys {
        let request = Request::parse(&case["request"].to_string()).unwrap();
        let message_id = fixed["messageId"].as_str().unwrap();
        assert_eq!(JobKey::for_request(&request, message_id).unwrap().as_str(), case["key"], "{}", case["name"]);
        if let Some(target) = case["cancels"].as_str() {
            assert_eq!(JobKey::cancel_target(&request, message_id).unwrap().as_str(), target, "{}", case["name"]);
        }
    }
}

#[test]
fn invalid_message_id_is_rejected_in_job_key() {
    let request = Request::parse(r#"{"project": "demo", "branch": "main"}"#).unwrap();
    for id in ["", "a#b", "a b", "a\n", &"x".repeat(65)] {
        let problem = JobKey::for_request(&request, id).unwrap_err();
        assert!(problem.starts_with("the SNS message id: "), "{problem}");
    }
}

#[test]
fn malformed_job_key_is_rejected() {
    let check = |text: &str| assert!(text.parse::<JobKey>().is_err(), "{text}");
    check("");
    check("demo#x");
    check("demo#x#0123456789abcdef0123456");
    check("demo#x#0123456789abcdef012345678");
    check("demo#x#0123456789ABCDEF01234567");
    check("demo#x#0123456789abcdef01234567#");
    check("_default#x#0123456789abcdef01234567");
    check("demo##0123456789abcdef01234567");
    check("demo#x#0123456789abcdef01234567~");
    check("demo#x#0123456789abcdef01234567~0");
    check("demo#x#0123456789abcdef01234567~0123456789abcde");
    check("demo#x#0123456789abcdef01234567~0123456789abcdef0");
    check("demo#x#0123456789abcdef01234567~0123456789ABCDEF");
    check("demo#x#0123456789abcdef01234567~0123456789abcdef~0123456789abcdef");
    check("demo#x~0123456789abcdef#0123456789abcdef01234567");
    check("demo#x#0123456789abcdef~0123456789abcdef");
}

#[test]
fn job_key_is_split_into_series_and_generation() {
    let first: JobKey = "demo#x#0123456789abcdef01234567".parse().unwrap();
    assert_eq!((first.series(), first.generation()), (first.clone(), None));
    let later: JobKey = "demo#x#0123456789abcdef01234567~fedcba9876543210".parse().unwrap();
    assert_eq!((later.series(), later.generation()), (first, Some("fedcba9876543210")));
    assert_eq!(later.project(), "demo");
    assert_eq!(later.to_string().parse::<JobKey>(), Ok(later));
}

#[test]
fn later_job_is_named_by_its_message() {
    let first: JobKey = "demo#x#0123456789abcdef01234567".parse().unwrap();
    // printf %s 0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11 | sha256sum
    let later = first.later_job("0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11");
    assert_eq!(later.as_str(), "demo#x#0123456789abcdef01234567~0e05d4a0ddce1b93");
    assert_eq!(later.later_job("0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11"), later, "a series has no series");
    assert_eq!(later.to_string().parse::<JobKey>(), Ok(later));
}

proptest! {
    #[test]
    fn job_key_round_trips_and_starts_with_project(request in request()) {
        let key = JobKey::for_request(&request, MESSAGE_ID).unwrap();
        prop_assert_eq!(key.project(), request.project.as_str());
        prop_assert_eq!(key.as_str().parse::<JobKey>(), Ok(key));
    }

    #[test]
    fn only_equal_requests_share_a_job_key(a in request(), b in request()) {
        // One project and id, so that only the digest can differ.
        let b = Request { project: a.project.clone(), id: a.id.clone(), ..b };
        let keyed = |request: &Request| Request { cause: None, origin: None, watch: None, ..request.clone() };
        let same = keyed(&a) == keyed(&b);
        prop_assert_eq!(JobKey::for_request(&a, MESSAGE_ID).unwrap() == JobKey::for_request(&b, MESSAGE_ID).unwrap(), same);
    }

    #[test]
    fn cancel_target_is_key_of_matching_start(start in request()) {
        let start = Request { action: doorbell_messages::RequestAction::Start, ..start };
        let cancel = Request { action: doorbell_messages::RequestAction::Cancel, ..start.clone() };
        let started = JobKey::for_request(&start, MESSAGE_ID).unwrap();
        prop_assert_ne!(&JobKey::for_request(&cancel, MESSAGE_ID).unwrap(), &started);
        prop_assert_eq!(JobKey::cancel_target(&cancel, MESSAGE_ID).unwrap(), started);
    }
}
