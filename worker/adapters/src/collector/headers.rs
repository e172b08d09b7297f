use std::str::FromStr;

use percent_encoding::percent_decode_str;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

/// Headers of each call to a collector, such as a token. No output shows their values.
#[derive(Debug, Clone, Default)]
pub struct CollectorHeaders(HeaderMap);

/// Headers that belong to the client.
const RESERVED: [HeaderName; 5] = [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING];

impl CollectorHeaders {
    pub(super) fn into_map(self) -> HeaderMap {
        self.0
    }
}

/// From `name=value,name=value`; values are percent-encoded. The error names headers, and no value.
///
/// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>
impl FromStr for CollectorHeaders {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        let pairs = text.split(',').enumerate().filter(|(_, pair)| !pair.trim().is_empty());
        for (index, pair) in pairs {
            let number = index + 1;
            let rule = || format!("header {number}: expected <name>=<percent-encoded value>");
            let (name, value) = pair.split_once('=').ok_or_else(rule)?;
            let name = HeaderName::from_str(name.trim()).map_err(|_| rule())?;
            if RESERVED.contains(&name) {
                return Err(format!("header {number}: {name} is set by the worker"));
            }
            let value: Vec<u8> = percent_decode_str(value.trim()).collect();
            let mut value = HeaderValue::from_bytes(&value)
                .map_err(|_| format!("header {number} ({name}): the value has control characters"))?;
            // Its Debug output is redacted, and HTTP/2 never indexes it.
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self(headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_percent_decoded() {
        let headers: CollectorHeaders = "Authorization=Bearer%20a%3Db, x-tenant = 7 ,".parse().unwrap();
        let value = |name: &str| headers.0[name].to_str().unwrap().to_owned();
        assert_eq!((value("authorization"), value("x-tenant")), ("Bearer a=b".to_owned(), "7".to_owned()));
        assert_eq!(headers.0.len(), 2);
    }

    #[test]
    fn header_values_are_in_no_debug_output_and_no_error() {
        let headers: CollectorHeaders = "authorization=s3cret-words".parse().unwrap();
        let debug = format!("{headers:?}");
        assert!(debug.contains("authorization") && !debug.contains("s3cret"), "{debug}");
        for text in ["s3cret-words", "a b=s3cret-words", "x-token=s3cret%0Awords", "content-type=s3cret-words"] {
            let rule = text.parse::<CollectorHeaders>().unwrap_err();
            assert!(rule.starts_with("header 1") && !rule.contains("s3cret"), "{rule}");
        }
    }
}
