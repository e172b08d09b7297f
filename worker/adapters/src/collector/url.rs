use std::str::FromStr;

use reqwest::Url;

/// The path of metrics below a collector's endpoint; a constant of the protocol.
const METRICS_PATH: &str = "v1/metrics";

/// The URL to which metrics are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorUrl(Url);

impl CollectorUrl {
    /// The URL of metrics below this endpoint, which is one for all signals.
    #[must_use]
    pub fn for_metrics(mut self) -> Self {
        let path = format!("{}/{METRICS_PATH}", self.0.path().trim_end_matches('/'));
        self.0.set_path(&path);
        self
    }

    /// Its text, without a secret: it has no user, password or query.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn into_url(self) -> Url {
        self.0
    }
}

/// The error does not repeat the text, which may hold a password.
impl FromStr for CollectorUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = "expected http:// or https://<host>:<port>, without user, password or query; a token belongs into \
                    OTEL_EXPORTER_OTLP_HEADERS";
        let url = Url::parse(text).map_err(|_| rule.to_owned())?;
        let is_http = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        let has_user = !url.username().is_empty() || url.password().is_some();
        let has_more = url.query().is_some() || url.fragment().is_some();
        if is_http && !has_user && !has_more { Ok(Self(url)) } else { Err(rule.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_of_all_signals_gets_the_path_of_metrics() {
        for (endpoint, expected) in [
            ("http://localhost:4318", "http://localhost:4318/v1/metrics"),
            ("https://otel.example/", "https://otel.example/v1/metrics"),
            ("https://otel.example/tenant/a/", "https://otel.example/tenant/a/v1/metrics"),
        ] {
            assert_eq!(endpoint.parse::<CollectorUrl>().unwrap().for_metrics().as_str(), expected);
        }
    }

    #[test]
    fn endpoint_with_a_credential_is_rejected_unquoted() {
        for text in ["https://ada:s3cret@otel.example", "https://otel.example?key=s3cret", "grpc://s3cret", "s3cret"] {
            let rule = text.parse::<CollectorUrl>().unwrap_err();
            assert!(rule.contains("OTEL_EXPORTER_OTLP_HEADERS") && !rule.contains("s3cret"), "{rule}");
        }
    }
}
