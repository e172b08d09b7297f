use doorbell_registry::project_schema;
use serde_json::Value;

use crate::fixtures::fixtures;
use crate::schema_checks::{check_file, check_invalid, check_valid};

#[test]
fn project_schema_matches_committed_file() {
    check_file("project.v1.json", &project_schema());
}

#[test]
fn schema_accepts_valid_documents_and_overlay_parts() {
    check_valid(&project_schema(), "project", "valid", &["valid/null-is-not-said.json", "valid/empty-deploy-dir.json"]);
    let halves = ["overlay/a-wrong-default-that-is-replaced.default.json", "overlay/null-does-not-erase.project.json"];
    check_valid(&project_schema(), "project", "overlay", &halves);
}

#[test]
fn schema_rejects_invalid_documents_except_parser_only_cases() {
    check_invalid(&project_schema(), "project", "invalid");
}

/// A key of the types that is missing in the list of known keys would be parsed, and reported as ignored.
#[test]
fn full_document_fixture_contains_every_schema_key() {
    let full =
        fixtures("project", "valid").into_iter().find(|fixture| fixture.name == "valid/full.json").unwrap().json();
    let schema = project_schema();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let deprecated = |key: &String| schema["properties"][key]["deprecated"] == true;
    let known: Vec<String> = keys(&schema["properties"]).into_iter().filter(|key| !deprecated(key)).collect();
    assert_eq!(keys(&full), known);
    assert_eq!(keys(&full["reportTo"]), keys(&schema["$defs"]["ReportConfig"]["properties"]));
    assert_eq!(keys(&full["checkout"]), keys(&schema["$defs"]["CheckoutOptions"]["properties"]));
    assert_eq!(keys(&full["gitCredentials"]), keys(&schema["$defs"]["GitCredentials"]["properties"]));
}
