//! The tables of the documents, made of their JSON schemas, whose texts are the types' own documentation.

use serde_json::Value;

use crate::page::{check_table, root};

/// The directories that hold schemas.
const SCHEMAS: [&str; 2] = ["worker/registry/schema", "publisher/messages/schema"];

fn schema(name: &str) -> Value {
    let text = SCHEMAS.iter().find_map(|directory| std::fs::read_to_string(root().join(directory).join(name)).ok());
    serde_json::from_str(&text.unwrap()).unwrap()
}

/// The table of a schema's keys: those of an object in it as `outer.inner`, required ones first.
fn table(schema: &Value, head: &str) -> String {
    let mut rows = rows(schema, schema, "");
    rows.sort_by_key(|row| row.default != REQUIRED);
    let lines =
        rows.iter().map(|row| format!("| `{}` | {} | {} | {} |\n", row.key, row.value, row.default, row.meaning));
    format!("| {head} | value | default | meaning |\n|---|---|---|---|\n") + &lines.collect::<String>()
}

const REQUIRED: &str = "required";

struct KeyRow {
    key: String,
    value: String,
    default: String,
    meaning: String,
}

fn rows(schema: &Value, object: &Value, prefix: &str) -> Vec<KeyRow> {
    let is_required =
        |name: &str| object["required"].as_array().is_some_and(|names| names.contains(&Value::from(name)));
    let properties = object["properties"].as_object().unwrap().iter();
    let rows = properties.flat_map(|(name, property)| {
        let (key, definition) = (format!("{prefix}{name}"), definition(schema, property));
        if definition["properties"].is_object() {
            return rows(schema, definition, &format!("{key}."));
        }
        let default = match (is_required(name), prefix.trim_end_matches('.')) {
            (true, "") => REQUIRED.to_owned(),
            (true, outer) => format!("required in `{outer}`"),
            (false, _) => default_of(property),
        };
        vec![KeyRow { key, value: value_of(schema, definition), default, meaning: text(property) }]
    });
    rows.collect()
}

/// The definition that a property refers to, also if the property may be null.
fn definition<'a>(schema: &'a Value, property: &'a Value) -> &'a Value {
    let either = property["anyOf"].as_array().and_then(|some| some.iter().find(|one| one["$ref"].is_string()));
    match either.unwrap_or(property)["$ref"].as_str() {
        Some(path) => schema.pointer(path.trim_start_matches('#')).unwrap(),
        None => property,
    }
}

fn default_of(property: &Value) -> String {
    match &property["default"] {
        Value::Null if property["type"] == "boolean" => "`false`".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::String(word) => format!("`{word}`"),
        value => format!("`{value}`"),
    }
}

/// What a value may be: each word with its meaning, the definition's text, or the JSON type.
fn value_of(schema: &Value, definition: &Value) -> String {
    let words = definition["oneOf"].as_array().into_iter().flatten();
    let words: Vec<String> = words.filter_map(word).collect();
    if !words.is_empty() {
        return words.join("; ");
    }
    match (definition["const"].as_u64(), definition["type"].as_str()) {
        (Some(number), _) => format!("`{number}`"),
        (None, Some("boolean")) => "`true` or `false`".to_owned(),
        (None, Some("array")) => {
            format!("A list. {}", value_of(schema, self::definition(schema, &definition["items"])))
        }
        // A property without a definition of its own: its text is its meaning.
        (None, Some("string")) if definition["pattern"].is_null() && definition["maxLength"].is_null() => {
            "a string".to_owned()
        }
        _ => text(definition),
    }
}

fn word(one: &Value) -> Option<String> {
    let meaning = text(one);
    Some(format!("`{}`: {}", one["const"].as_str()?, meaning.trim_end_matches('.')))
}

/// A description as one line for a table's cell.
fn text(described: &Value) -> String {
    described["description"].as_str().unwrap_or_default().replace("\n\n", " ").replace('|', "\\|")
}

#[test]
fn project_reference_lists_every_key_of_the_schema() {
    check_table("project.md", &table(&schema("project.v1.json"), "key"));
}

#[test]
fn request_reference_lists_every_field_of_the_schema() {
    check_table("request.md", &table(&schema("request.v1.json"), "field"));
}
