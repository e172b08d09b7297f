//! OpenTelemetry's own variables, by the names and rules of its specification; an invalid one is an error here, too.
//!
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use doorbell_adapters::collector::{CollectorHeaders, CollectorSettings, CollectorUrl};
use doorbell_adapters::forge::CaCertificates;
use percent_encoding::percent_decode_str;

use super::errors::SettingErrors;
use crate::metrics::OtlpSettings;

/// Reads a variable of the process.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const DEFAULT_SERVICE_NAME: &str = "doorbell-worker";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_EXPORT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Variables of which the worker supports one value, or none, by the end of their names.
const SUPPORTED_VALUES: [(&str, Option<&str>); 6] = [
    ("PROTOCOL", Some("http/json")),
    ("COMPRESSION", Some("none")),
    ("TEMPORALITY_PREFERENCE", Some("cumulative")),
    ("DEFAULT_HISTOGRAM_AGGREGATION", Some("explicit_bucket_histogram")),
    ("CLIENT_KEY", None),
    ("CLIENT_CERTIFICATE", None),
];

/// The settings of the export by OTLP: `Some(None)` if it is off, `None` after an error.
pub(super) fn parse(environment: Environment<'_>, problems: &mut SettingErrors) -> Option<Option<OtlpSettings>> {
    let mut variables = Variables { environment, problems };
    if !variables.is_enabled()? {
        return Some(None);
    }
    let supported = variables.check_supported();
    let url = variables.url();
    let headers = variables.headers();
    let certificates = variables.certificates();
    let call_timeout = variables.call_timeout();
    let interval = variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", DEFAULT_INTERVAL, 1000..=3_600_000);
    let timeout = variables.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", DEFAULT_EXPORT_TIMEOUT, 100..=600_000);
    let resource = variables.resource();
    supported?;
    let collector =
        CollectorSettings { url: url?, headers: headers?, certificates: certificates?, call_timeout: call_timeout? };
    Some(Some(OtlpSettings { collector, interval: interval?, timeout: timeout?, resource: resource? }))
}

struct Variables<'a> {
    environment: Environment<'a>,
    problems: &'a mut SettingErrors,
}

impl Variables<'_> {
    /// An empty variable is as one that is not set.
    fn get(&self, name: &str) -> Option<String> {
        (self.environment)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The variable of metrics, or else that of all signals, with its name.
    fn of_metrics(&self, end: &str) -> Option<(String, String)> {
        ["OTEL_EXPORTER_OTLP_METRICS_", "OTEL_EXPORTER_OTLP_"].into_iter().find_map(|beginning| {
            let name = format!("{beginning}{end}");
            self.get(&name).map(|text| (name, text))
        })
    }

    /// Set an endpoint, or `OTEL_METRICS_EXPORTER=otlp`, and the export is on.
    fn is_enabled(&mut self) -> Option<bool> {
        let is_disabled = self.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        match self.get("OTEL_METRICS_EXPORTER").as_deref() {
            None => Some(!is_disabled && self.of_metrics("ENDPOINT").is_some()),
            Some("otlp") => Some(!is_disabled),
            Some("none") => Some(false),
            Some(other) => {
                self.problems.invalid("OTEL_METRICS_EXPORTER", Some(other), "expected otlp or none");
                None
            }
        }
    }

    fn check_supported(&mut self) -> Option<()> {
        let mut supported = Some(());
        for (end, value) in SUPPORTED_VALUES {
            let Some((name, text)) = self.of_metrics(end).filter(|(_, text)| Some(text.as_str()) != value) else {
                continue;
            };
            supported = None;
            match value {
                Some(value) => {
                    let rule = format!("the worker supports {value} only; set {name}={value}, or do not set it");
                    self.problems.invalid(&name, Some(&text), &rule);
                }
                // Its value may be a key.
                None => self.problems.invalid(&name, None, "the worker has no client certificates; do not set it"),
            }
        }
        supported
    }

    fn url(&mut self) -> Option<CollectorUrl> {
        let name = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
        if let Some(text) = self.get(name) {
            return self.parsed(name, &text, str::parse);
        }
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let text = self.get(name).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        self.parsed(name, &text, str::parse).map(CollectorUrl::for_metrics)
    }

    fn headers(&mut self) -> Option<CollectorHeaders> {
        match self.of_metrics("HEADERS") {
            Some((name, text)) => self.parsed(&name, &text, str::parse),
            None => Some(CollectorHeaders::default()),
        }
    }

    /// The path of a file or, since a container may have none, the certificates themselves.
    fn certificates(&mut self) -> Option<CaCertificates> {
        let Some((name, text)) = self.of_metrics("CERTIFICATE") else { return Some(CaCertificates::default()) };
        self.parsed(&name, &text, |text| {
            if text.starts_with("-----BEGIN ") {
                return text.parse();
            }
            std::fs::read_to_string(text).map_err(|error| format!("the file cannot be read: {error}"))?.parse()
        })
    }

    fn call_timeout(&mut self) -> Option<Duration> {
        let name = self.of_metrics("TIMEOUT").map_or_else(String::new, |(name, _)| name);
        self.milliseconds(&name, DEFAULT_CALL_TIMEOUT, 100..=600_000)
    }

    fn milliseconds(&mut self, name: &str, default: Duration, range: RangeInclusive<u64>) -> Option<Duration> {
        let Some(text) = self.get(name) else { return Some(default) };
        let rule = || format!("expected milliseconds from {} to {}", range.start(), range.end());
        let milliseconds = |text: &str| text.parse().ok().filter(|number| range.contains(number)).ok_or_else(rule);
        self.parsed(name, &text, milliseconds).map(Duration::from_millis)
    }

    fn resource(&mut self) -> Option<BTreeMap<String, String>> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let text = self.get(name).unwrap_or_default();
        let mut attributes = self.parsed(name, &text, resource_attributes)?;
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            attributes.insert("service.name".to_owned(), service);
        }
        for (key, value) in [("service.name", DEFAULT_SERVICE_NAME), ("service.version", env!("CARGO_PKG_VERSION"))] {
            attributes.entry(key.to_owned()).or_insert_with(|| value.to_owned());
        }
        Some(attributes)
    }

    /// The error does not repeat the value: a credential may have got into it.
    fn parsed<T>(&mut self, name: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        parse(text).map_err(|rule| self.problems.invalid(name, None, &rule)).ok()
    }
}

/// From `key=value,key=value`; values are percent-encoded.
fn resource_attributes(text: &str) -> Result<BTreeMap<String, String>, String> {
    let rule = "expected <key>=<percent-encoded value>,...";
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let attributes = pairs.map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((key.trim().to_owned(), value.into_owned())).filter(|(key, _)| !key.is_empty())
    });
    attributes.collect::<Option<_>>().ok_or_else(|| rule.to_owned())
}

#[cfg(test)]
mod tests;
