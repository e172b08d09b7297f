//! Keys, required keys and words of the two JSON schemas. The schemas say less than the pages: values and meanings are
//! written by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::page::{read_page, root};

/// The cells of a table's rows, without its head.
fn table_rows(table: &str) -> Vec<Vec<String>> {
    let row = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    table.lines().skip(2).map(row).collect()
}

/// The directories that hold schemas.
const SCHEMAS: [&str; 2] = ["worker/registry/schema", "publisher/messages/schema"];

fn schema(name: &str) -> Value {
    let text = SCHEMAS.iter().find_map(|directory| std::fs::read_to_string(root().join(directory).join(name)).ok());
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// A key of a schema: whether it is required, and the words that its value can be.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    is_required: bool,
    words: BTreeSet<String>,
}

/// Adds the keys of an object, those of an object in it as `outer.inner`.
fn add_keys(schema: &Value, object: &Value, prefix: &str, keys: &mut BTreeMap<String, Key>) {
    let required = object["required"].as_array().cloned().unwrap_or_default();
    for (name, value) in object["properties"].as_object().unwrap() {
        let value = definition(schema, value);
        if value["properties"].is_object() {
            add_keys(schema, value, &format!("{prefix}{name}."), keys);
            continue;
        }
        let words = value["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
        let words = words.map(str::to_owned).collect();
        keys.insert(
            format!("{prefix}{name}"),
            Key { is_required: required.contains(&Value::from(name.as_str())), words },
        );
    }
}

/// The definition that a property refers to, also if the property may be null.
fn definition<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let either = property["anyOf"].as_array().and_then(|some| some.iter().find(|one| one["$ref"].is_string()));
    match either.unwrap_or(property)["$ref"].as_str() {
        Some(path) => schema.pointer(path.trim_start_matches('#')).unwrap(),
        None => property,
    }
}

/// The words between backquotes.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[track_caller]
fn check(page: &str, file: &str) {
    let (schema, mut keys) = (schema(file), BTreeMap::new());
    add_keys(&schema, &schema, "", &mut keys);
    let [_, table, _] = read_page(page);
    for cells in table_rows(&table) {
        for name in quoted(&cells[0]) {
            let key = keys.remove(&name).unwrap_or_else(|| panic!("{page} has {name}, {file} does not"));
            let is_required = cells[2] == "required" || cells[2].starts_with("required in");
            // The schema requires less: `_default` may have the other keys.
            assert!(is_required || !key.is_required, "{name}");
            assert!(key.words.is_subset(&quoted(&cells[1])), "{name}: {:?} are not all in {}", key.words, cells[1]);
        }
    }
    assert!(keys.is_empty(), "{page} lacks {keys:?}");
}

#[test]
fn project_reference_lists_every_key_of_the_schema() {
    check("project.md", "project.v1.json");
}

#[test]
fn request_reference_lists_every_field_of_the_schema() {
    check("request.md", "request.v1.json");
}
