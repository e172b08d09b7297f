//! Checks of a JSON Schema against its file and against the fixtures.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fixtures::{expect_table, fixtures, package};

pub(crate) fn check_file(name: &str, schema: &Value) {
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

/// What the schema, which knows less than the parser, makes of a fixture.
pub(crate) fn verdict(schema: &jsonschema::Validator, bytes: &[u8]) -> &'static str {
    match serde_json::from_slice::<Value>(bytes) {
        Err(_) => "not JSON",
        Ok(value) if schema.is_valid(&value) => "only the parser can tell",
        Ok(_) => "refused",
    }
}

pub(crate) fn check_valid(schema: &Value, kind: &str, folder: &str, except: &[&str]) {
    let schema = jsonschema::validator_for(schema).unwrap();
    for fixture in fixtures(kind, folder) {
        let errors: Vec<String> = schema.iter_errors(&fixture.json()).map(|error| error.to_string()).collect();
        let excepted = except.contains(&fixture.name.as_str());
        assert_eq!(errors.is_empty(), !excepted, "{}: {errors:?}", fixture.name);
    }
}

pub(crate) fn check_invalid(schema: &Value, kind: &str, folder: &str) {
    let schema = jsonschema::validator_for(schema).unwrap();
    let verdicts: BTreeMap<String, String> = fixtures(kind, folder)
        .into_iter()
        .map(|fixture| (fixture.name, verdict(&schema, &fixture.bytes).to_owned()))
        .collect();
    expect_table(&package().join("fixtures").join(kind).join("schema.json"), &verdicts);
}
