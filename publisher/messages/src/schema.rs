use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::done_event::DoneEventJson;
use crate::request::RequestJson;

/// The JSON Schema of a request.
///
/// The parser rejects more: sizes in bytes, deceptive characters, keys that occur twice.
pub fn request_schema() -> Value {
    schema_of::<RequestJson>()
}

/// The JSON Schema of a done event.
pub fn done_event_schema() -> Value {
    schema_of::<DoneEventJson>()
}

/// The JSON Schema of a type, without Rust's number formats.
pub fn schema_of<T: JsonSchema>() -> Value {
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
