use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::ProjectDocument;
use crate::request::RequestJson;

/// The JSON Schema of a request. It says what a schema can say: the parser knows more (sizes in bytes, characters
/// that deceive, keys that come twice).
pub fn request_schema() -> Value {
    schema_of::<RequestJson>()
}

/// The JSON Schema of a registry document: a project's, or `_default`. Any key may stand in either, so none is
/// required here. Stricter than the parser in one thing: the parser takes `null` for a key that is not there.
pub fn project_schema() -> Value {
    let mut schema = schema_of::<ProjectDocument>();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        for key in crate::registry::INLINE_CREDENTIALS {
            let description =
                "A credential in the document itself, as iwomp-in-aws has it. Name a secret in gitCredentials instead.";
            properties
                .insert(key.to_owned(), json!({ "type": "string", "deprecated": true, "description": description }));
        }
    }
    schema
}

fn schema_of<T: JsonSchema>() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value();
    normalize(&mut schema);
    schema
}

/// Rust's number formats mean nothing to a validator, nor the line breaks of our comments to a reader.
fn normalize(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("format");
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = description.replace('\n', " ").replace("  ", "\n\n");
            }
            map.values_mut().for_each(normalize);
        }
        Value::Array(list) => list.iter_mut().for_each(normalize),
        _ => {}
    }
}
