use doorbell_messages::request_schema;

use crate::fixtures::fixtures;
use crate::schema_checks::{check_file, check_invalid, check_valid, verdict};

#[test]
fn request_schema_matches_committed_file() {
    check_file("request.v1.json", &request_schema());
}

#[test]
fn schema_accepts_valid_requests() {
    check_valid(&request_schema(), "request", "valid", &[]);
}

#[test]
fn schema_rejects_invalid_requests_except_parser_only_cases() {
    check_invalid(&request_schema(), "request", "invalid");
}

#[test]
fn schema_rejects_future_requests() {
    let schema = jsonschema::validator_for(&request_schema()).unwrap();
    for fixture in fixtures("request", "future") {
        assert_eq!(verdict(&schema, &fixture.bytes), "refused", "{}", fixture.name);
    }
}
