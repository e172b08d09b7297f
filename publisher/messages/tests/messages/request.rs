use doorbell_messages::{GitRef, MAX_REQUEST_BYTES, Request, RequestAction, RequestCommitRule};
use proptest::prelude::*;

use crate::fixtures::{check_rejections, fixtures};
use crate::located;
use crate::strategies::request;

fn parse(text: &str) -> Result<Request, String> {
    Request::parse(text).map_err(located)
}

#[test]
fn valid_request_fixture_round_trips() {
    for fixture in fixtures("request", "valid") {
        let read = parse(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(parse(&read.to_json()), Ok(read), "{}", fixture.name);
    }
}

#[test]
fn invalid_request_is_rejected_with_path_and_expectation() {
    check_rejections("request", &["invalid", "future"], parse);
}

#[test]
fn future_request_is_rejected_by_version_number() {
    for fixture in fixtures("request", "future") {
        let error = Request::parse(fixture.text().unwrap()).unwrap_err();
        assert_eq!(error.path, "$.version", "{}: {error}", fixture.name);
    }
}

#[test]
fn iwomp_message_is_a_valid_request() {
    let request = parse(r#"{"project": "demo", "branch": "master"}"#).unwrap();
    assert_eq!(request.project.as_str(), "demo");
    assert_eq!(request.git_ref, GitRef::Branch("master".parse().unwrap()));
    assert_eq!(request.action, RequestAction::Start);
    assert_eq!((&request.id, &request.commit, &request.cause, &request.origin), (&None, &None, &None, &None));
    assert_eq!((&request.watch, request.once, request.allow_older, request.commit_rule), (&None, false, false, None));
    assert!(request.variables.is_empty());
    assert_eq!(request.to_json(), r#"{"project":"demo","branch":"master"}"#);
}

#[test]
fn full_request_fields_are_parsed() {
    let full = fixtures("request", "valid").into_iter().find(|fixture| fixture.name == "valid/full.json").unwrap();
    let request = parse(full.text().unwrap()).unwrap();
    assert_eq!(request.id.unwrap().as_str(), "travis-4711.1");
    assert_eq!(request.commit.unwrap().as_str(), "8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6");
    assert_eq!(request.cause.unwrap().as_str(), "push by ada, über Nacht");
    let origin = request.origin.unwrap();
    assert_eq!(origin.vendor.unwrap().as_str(), "travis");
    assert_eq!(origin.build_url.unwrap().as_str(), "https://ci.example.org/builds/4711");
    assert_eq!(request.watch.unwrap().as_str().len(), 64);
    assert!(request.once && request.allow_older);
    assert_eq!(request.commit_rule, Some(RequestCommitRule::Tip));
    let variables: Vec<(&str, &str)> = request.variables.iter().map(|(name, value)| (name.as_str(), value)).collect();
    assert_eq!(
        variables,
        [("NOTE", "two\nlines, \"quotes\" and $HOME"), ("STAGE", "production"), ("_debug", "")],
        "in the order of their names"
    );
}

#[test]
fn request_size_limit_is_exact() {
    let of_size = |bytes: usize| {
        let start = r#"{"project": "demo", "branch": "main"}"#;
        format!("{start}{}", " ".repeat(bytes - start.len()))
    };
    assert!(Request::parse(&of_size(MAX_REQUEST_BYTES)).is_ok());
    assert!(Request::parse(&of_size(MAX_REQUEST_BYTES + 1)).is_err());
}

#[test]
fn xml_noncharacters_are_published_as_escapes() {
    let request = parse(r#"{"project": "demo", "branch": "main", "variables": {"A": "\ufffe\uffff"}}"#).unwrap();
    let text = request.to_json();
    assert!(text.contains(r"\ufffe\uffff"), "{text}");
    assert_eq!(parse(&text), Ok(request));
}

/// Each text that a request has for people. No build depends on one, so an invisible character must not lose a request.
#[test]
fn free_text_of_a_request_has_no_invisible_characters() {
    let invisible =
        "\u{ad}\u{34f}\u{115f}\u{180e}\u{200b}\u{200c}\u{200d}\u{2060}\u{206f}\u{3164}\u{ffa0}\u{fffb}\u{e0041}";
    let text = format!("a{invisible}d{invisible}");
    let body = serde_json::json!({
        "project": "demo", "branch": "main", "cause": text, "origin": {"vendor": text, "buildUrl": text},
        "variables": {"A": text},
    });
    let request = Request::parse(&body.to_string()).unwrap();
    let origin = request.origin.as_ref().unwrap();
    for shown in [&request.cause, &origin.vendor, &origin.build_url] {
        assert_eq!(shown.as_ref().unwrap().as_str(), "ad");
    }
    assert_eq!(request.variables.iter().next().unwrap().1, text, "a build gets its variables as they were published");
    let persian = r#"{"project": "demo", "branch": "main", "cause": "می\u200cخواهم 👩\u200d🚀"}"#;
    assert_eq!(Request::parse(persian).unwrap().cause.unwrap().as_str(), "می\u{200c}خواهم 👩\u{200d}🚀");
}

proptest! {
    #[test]
    fn any_request_round_trips_as_message(request in request()) {
        prop_assert_eq!(parse(&request.to_json()), Ok(request));
    }

    #[test]
    fn any_request_round_trips_through_serde(request in request()) {
        let text = serde_json::to_string(&request).unwrap();
        prop_assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request);
    }

    #[test]
    fn any_text_parses_as_request_without_panic(text in any::<String>()) {
        let _ = Request::parse(&text);
    }

    #[test]
    fn hostile_field_text_yields_single_line_error(text in any::<String>(), field in "[a-z]{0,3}|project|branch|id|commit|cause|variables") {
        let body = serde_json::json!({ "project": "demo", "branch": "main", field: text }).to_string();
        if let Err(error) = Request::parse(&body) {
            prop_assert!(error.to_string().bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{error:?}");
        }
    }

    #[test]
    fn truncated_request_is_rejected(request in request(), at in any::<prop::sample::Index>()) {
        let text = request.to_json();
        let end = (0..at.index(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        prop_assert!(Request::parse(&text[..end]).is_err());
    }
}
