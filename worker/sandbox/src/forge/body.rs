use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt;
use serde_json::Value;

use super::response::PagureError;

/// Pagure's MAX_CONTENT_LENGTH.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// A request's body.
#[derive(Debug, Clone)]
pub(super) enum RequestBody {
    Complete(Bytes),
    TooLarge,
}

impl RequestBody {
    /// Reads to the end, beyond the limit without keeping it: a client that still writes would report the closed
    /// connection instead of the response.
    ///
    /// # Errors
    /// The client disconnected before the end.
    pub(super) async fn read(body: Body) -> Result<Self, axum::Error> {
        let mut stream = body.into_data_stream();
        let mut kept = Vec::new();
        let mut total = 0_usize;
        while let Some(chunk) = stream.next().await.transpose()? {
            total = total.saturating_add(chunk.len());
            if total <= MAX_BODY_BYTES {
                kept.extend_from_slice(&chunk);
            }
        }
        Ok(if total <= MAX_BODY_BYTES { Self::Complete(kept.into()) } else { Self::TooLarge })
    }
}

/// A form's fields, from any of the three encodings that Pagure accepts.
#[derive(Debug, Default)]
pub(super) struct FormFields(BTreeMap<String, String>);

impl FormFields {
    pub(super) async fn parse(content_type: &str, body: RequestBody) -> Result<Self, PagureError> {
        let RequestBody::Complete(bytes) = body else { return Err(PagureError::TooLarge) };
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Ok(keep_first(url::form_urlencoded::parse(&bytes).into_owned())),
            "multipart/form-data" => Ok(multipart(content_type, bytes).await.unwrap_or_default()),
            "application/json" => json(&bytes),
            _ => Ok(Self::default()),
        }
    }

    /// The string as sent; an empty one counts as sent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The string, unless it is blank.
    pub(super) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|text| !text.trim().is_empty())
    }
}

fn keep_first(pairs: impl Iterator<Item = (String, String)>) -> FormFields {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        fields.entry(name).or_insert(value);
    }
    FormFields(fields)
}

/// Parses a multipart body; `None` if it is malformed: the framework then passes an empty form to Pagure.
async fn multipart(content_type: &str, bytes: Bytes) -> Option<FormFields> {
    let mut request = Request::builder().header(CONTENT_TYPE, content_type).body(Body::from(bytes)).ok()?;
    DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.ok()? {
        let name = part.name()?.to_owned();
        pairs.push((name, part.text().await.ok()?));
    }
    Some(keep_first(pairs.into_iter()))
}

/// Parses a JSON body. Pagure calls string methods on the values, so a number or a list there is a 500.
fn json(bytes: &[u8]) -> Result<FormFields, PagureError> {
    let Ok(Value::Object(object)) = serde_json::from_slice(bytes) else { return Ok(FormFields::default()) };
    let mut fields = BTreeMap::new();
    for (name, value) in object {
        match value {
            Value::String(text) => drop(fields.insert(name, text)),
            Value::Null => {}
            _ => return Err(PagureError::Crash),
        }
    }
    Ok(FormFields(fields))
}
