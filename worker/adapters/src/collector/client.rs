use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use crate::collector::headers::CollectorHeaders;
use crate::collector::retry::{CallFailure, Retry, with_retries};
use crate::collector::url::CollectorUrl;
use crate::error_chain;
use crate::forge::CaCertificates;

/// Until a TCP connection stands.
const MAX_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is read of an answer; the protocol's own answers have some bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Where metrics are exported to.
#[derive(Debug, Clone)]
pub struct CollectorSettings {
    /// The URL to which they are posted. It may be a private address: it comes from the worker's owner.
    pub url: CollectorUrl,
    /// Headers of each call.
    pub headers: CollectorHeaders,
    /// Certificates of private authorities that the collector may use beside the public ones.
    pub certificates: CaCertificates,
    /// The timeout of one call, its answer included.
    pub call_timeout: Duration,
}

/// A client of one OpenTelemetry collector.
#[derive(Debug, Clone)]
pub struct CollectorClient {
    client: Client,
    url: Url,
}

impl CollectorClient {
    /// # Errors
    /// No HTTPS client can be created.
    pub fn new(settings: CollectorSettings) -> Result<Self, reqwest::Error> {
        let builder = Client::builder()
            .connect_timeout(settings.call_timeout.min(MAX_CONNECT_TIMEOUT))
            .timeout(settings.call_timeout)
            // A redirect would send the headers to another place.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .default_headers(settings.headers.into_map())
            .user_agent(concat!("doorbell/", env!("CARGO_PKG_VERSION")));
        let client = settings.certificates.add_to(builder).build()?;
        Ok(Self { client, url: settings.url.into_url() })
    }

    /// Posts one `ExportMetricsServiceRequest` in JSON, with the protocol's retries, within `limit`.
    ///
    /// A crash after the post changes nothing: sums are cumulative, so the next export says the same and more.
    ///
    /// # Errors
    /// The reason why the collector does not have the metrics, without a word of its answer: that may repeat a header.
    pub async fn export(&self, body: &str, limit: Duration) -> Result<(), String> {
        with_retries(limit, || self.post(body.to_owned())).await
    }

    async fn post(&self, body: String) -> Result<(), CallFailure> {
        let json = HeaderValue::from_static("application/json");
        let sent = self.client.post(self.url.clone()).header(CONTENT_TYPE, json).body(body).send().await;
        match sent {
            Ok(response) if response.status().is_success() => accepted(response).await,
            Ok(response) => Err(refused(response.status(), retry_after(&response))),
            Err(error) => {
                let summary = if error.is_timeout() { "no response in time" } else { "it can't be reached" };
                let reason = error_chain(summary, &error.without_url());
                Err(CallFailure { reason, retry: Retry::Backoff })
            }
        }
    }
}

/// The collector may have rejected some data points: it must not be asked again for them.
async fn accepted(mut response: Response) -> Result<(), CallFailure> {
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER_BYTES {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        answer.extend_from_slice(&chunk);
    }
    match rejected_data_points(&answer) {
        0 => Ok(()),
        count => {
            Err(CallFailure { reason: format!("the collector rejected {count} data points"), retry: Retry::Never })
        }
    }
}

/// A number or, as the protocol writes 64 bits in JSON, a string; without such a field, none were rejected.
fn rejected_data_points(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let count = &answer["partialSuccess"]["rejectedDataPoints"];
    count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(0)
}

/// <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
fn refused(status: StatusCode, retry_after: Option<Duration>) -> CallFailure {
    let retry = match (status.as_u16(), retry_after) {
        (429 | 502..=504, Some(delay)) => Retry::After(delay),
        (429 | 502..=504, None) => Retry::Backoff,
        _ => Retry::Never,
    };
    CallFailure { reason: format!("the collector answered {}", status.as_u16()), retry }
}

/// In seconds, or as a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let date = || SystemTime::try_from(DateTime::from_str(text, Format::HttpDate).ok()?).ok();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(date()?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
