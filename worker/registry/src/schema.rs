use doorbell_messages::schema_of;
use serde_json::{Value, json};

use crate::ProjectDocument;

/// The JSON Schema of a registry document: a project's, or `_default`. Any key may stand in either, so none is
/// required here. Stricter than the parser in one thing: the parser takes `null` for a key that is not there.
pub fn project_schema() -> Value {
    let mut schema = schema_of::<ProjectDocument>();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        for key in crate::parse::INLINE_CREDENTIALS {
            let description =
                "A credential in the document itself, as iwomp-in-aws has it. Name a secret in gitCredentials instead.";
            properties
                .insert(key.to_owned(), json!({ "type": "string", "deprecated": true, "description": description }));
        }
    }
    schema
}
