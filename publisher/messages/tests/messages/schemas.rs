use std::collections::BTreeMap;

use doorbell_messages::{project_schema, request_schema};
use serde_json::Value;

use crate::fixtures::{expect_table, fixtures, package};

fn check_file(name: &str, schema: &Value) {
    let path = package().join("schema").join(name);
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "schema/{name} is not what the types say. If the change is meant: UPDATE_SCHEMAS=1 cargo test --workspace \
         --locked schema, and read the diff"
    );
}

#[test]
fn the_schema_of_a_request_is_the_one_in_the_repository() {
    check_file("request.v1.json", &request_schema());
}

#[test]
fn the_schema_of_a_project_is_the_one_in_the_repository() {
    check_file("project.v1.json", &project_schema());
}

/// What the schema, which knows less than the parser, makes of a fixture.
fn verdict(schema: &jsonschema::Validator, bytes: &[u8]) -> &'static str {
    match serde_json::from_slice::<Value>(bytes) {
        Err(_) => "not JSON",
        Ok(value) if schema.is_valid(&value) => "only the parser can tell",
        Ok(_) => "refused",
    }
}

fn check_valid(schema: &Value, kind: &str, folder: &str, except: &[&str]) {
    let schema = jsonschema::validator_for(schema).unwrap();
    for fixture in fixtures(kind, folder) {
        let errors: Vec<String> = schema.iter_errors(&fixture.json()).map(|error| error.to_string()).collect();
        let excepted = except.contains(&fixture.name.as_str());
        assert_eq!(errors.is_empty(), !excepted, "{}: {errors:?}", fixture.name);
    }
}

fn check_invalid(schema: &Value, kind: &str, folder: &str) {
    let schema = jsonschema::validator_for(schema).unwrap();
    let verdicts: BTreeMap<String, String> = fixtures(kind, folder)
        .into_iter()
        .map(|fixture| (fixture.name, verdict(&schema, &fixture.bytes).to_owned()))
        .collect();
    expect_table(&package().join("fixtures").join(kind).join("schema.json"), &verdicts);
}

#[test]
fn the_schema_takes_every_valid_request() {
    check_valid(&request_schema(), "request", "valid", &[]);
}

#[test]
fn the_schema_refuses_every_malformed_request_but_those_that_only_the_parser_can_tell() {
    check_invalid(&request_schema(), "request", "invalid");
}

#[test]
fn the_schema_refuses_every_request_of_a_later_contract() {
    let schema = jsonschema::validator_for(&request_schema()).unwrap();
    for fixture in fixtures("request", "future") {
        assert_eq!(verdict(&schema, &fixture.bytes), "refused", "{}", fixture.name);
    }
}

#[test]
fn the_schema_takes_every_valid_document_and_each_half_of_an_overlay() {
    check_valid(&project_schema(), "project", "valid", &["valid/null-is-not-said.json", "valid/empty-deploy-dir.json"]);
    let halves = ["overlay/a-wrong-default-that-is-replaced.default.json", "overlay/null-does-not-erase.project.json"];
    check_valid(&project_schema(), "project", "overlay", &halves);
}

#[test]
fn the_schema_refuses_every_wrong_document_but_those_that_only_the_parser_can_tell() {
    check_invalid(&project_schema(), "project", "invalid");
}

/// A key that is in the types and not in the list of known keys would be read, and warned of as ignored.
#[test]
fn the_full_document_holds_every_key_of_the_schema() {
    let full =
        fixtures("project", "valid").into_iter().find(|fixture| fixture.name == "valid/full.json").unwrap().json();
    let schema = project_schema();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let deprecated = |key: &String| schema["properties"][key]["deprecated"] == true;
    let known: Vec<String> = keys(&schema["properties"]).into_iter().filter(|key| !deprecated(key)).collect();
    assert_eq!(keys(&full), known);
    assert_eq!(keys(&full["report"]), keys(&schema["$defs"]["ReportConfig"]["properties"]));
    assert_eq!(keys(&full["gitCredentials"]), keys(&schema["$defs"]["GitCredentials"]["properties"]));
}
