use doorbell_messages::{GitRef, MAX_REQUEST_BYTES, Request, RequestAction};
use proptest::prelude::*;

use crate::fixtures::{check_rejections, fixtures, located};
use crate::strategies::request;

fn parse(text: &str) -> Result<Request, String> {
    Request::parse(text).map_err(located)
}

#[test]
fn every_valid_request_is_read_and_what_is_written_means_the_same() {
    for fixture in fixtures("request", "valid") {
        let read = parse(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(parse(&read.to_json()), Ok(read), "{}", fixture.name);
    }
}

#[test]
fn every_malformed_request_is_refused_with_its_place_and_what_was_expected() {
    check_rejections("request", &["invalid", "future"], parse);
}

#[test]
fn a_request_of_a_later_contract_is_refused_by_its_version_and_not_by_its_first_strange_field() {
    for fixture in fixtures("request", "future") {
        let error = Request::parse(fixture.text().unwrap()).unwrap_err();
        assert_eq!(error.path, "$.version", "{}: {error}", fixture.name);
    }
}

#[test]
fn what_iwomp_in_aws_publishes_is_a_request() {
    let request = parse(r#"{"project": "demo", "branch": "master"}"#).unwrap();
    assert_eq!(request.project.as_str(), "demo");
    assert_eq!(request.git_ref, GitRef::Branch("master".parse().unwrap()));
    assert_eq!(request.action, RequestAction::Start);
    assert_eq!((&request.id, &request.commit, &request.cause, &request.origin), (&None, &None, &None, &None));
    assert!(request.variables.is_empty());
    assert_eq!(request.to_json(), r#"{"project":"demo","branch":"master"}"#);
}

#[test]
fn every_field_of_a_full_request_is_read() {
    let full = fixtures("request", "valid").into_iter().find(|fixture| fixture.name == "valid/full.json").unwrap();
    let request = parse(full.text().unwrap()).unwrap();
    assert_eq!(request.id.unwrap().as_str(), "travis-4711.1");
    assert_eq!(request.commit.unwrap().as_str(), "8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6");
    assert_eq!(request.cause.unwrap().as_str(), "push by ada, über Nacht");
    let origin = request.origin.unwrap();
    assert_eq!(origin.vendor.unwrap().as_str(), "travis");
    assert_eq!(origin.build_url.unwrap().as_str(), "https://ci.example.org/builds/4711");
    let variables: Vec<(&str, &str)> = request.variables.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(
        variables,
        [("NOTE", "two\nlines, \"quotes\" and $HOME"), ("STAGE", "production"), ("_debug", "")],
        "in the order of their names"
    );
}

#[test]
fn the_size_limit_is_exact() {
    let of_size = |bytes: usize| {
        let start = r#"{"project": "demo", "branch": "main"}"#;
        format!("{start}{}", " ".repeat(bytes - start.len()))
    };
    assert!(Request::parse(&of_size(MAX_REQUEST_BYTES)).is_ok());
    assert!(Request::parse(&of_size(MAX_REQUEST_BYTES + 1)).is_err());
}

#[test]
fn what_queues_refuse_is_published_as_an_escape() {
    let request = parse(r#"{"project": "demo", "branch": "main", "variables": {"A": "\ufffe\uffff"}}"#).unwrap();
    let text = request.to_json();
    assert!(text.contains(r"\ufffe\uffff"), "{text}");
    assert_eq!(parse(&text), Ok(request));
}

proptest! {
    #[test]
    fn a_request_that_is_written_is_read_back_as_itself(request in request()) {
        prop_assert_eq!(parse(&request.to_json()), Ok(request));
    }

    #[test]
    fn a_request_survives_serde_too_as_rows_keep_it(request in request()) {
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }

    #[test]
    fn no_text_panics_the_parser(text in any::<String>()) {
        let _ = Request::parse(&text);
    }

    #[test]
    fn no_text_in_any_field_panics_the_parser_or_forges_a_line(text in any::<String>(), field in "[a-z]{0,3}|project|branch|id|commit|cause|variables") {
        let body = serde_json::json!({ "project": "demo", "branch": "main", field: text }).to_string();
        if let Err(error) = Request::parse(&body) {
            prop_assert!(error.to_string().bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{error:?}");
        }
    }

    #[test]
    fn half_a_request_is_refused(request in request(), at in any::<prop::sample::Index>()) {
        let text = request.to_json();
        let end = (0..at.index(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        prop_assert!(Request::parse(&text[..end]).is_err());
    }
}
