use super::*;

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpSettings>, Vec<String>> {
    let environment =
        |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, text)| (*text).to_owned());
    let mut problems = SettingErrors(Vec::new());
    parse(&environment, &mut problems).ok_or(problems.0)
}

fn error(variables: &[(&str, &str)]) -> String {
    read(variables).unwrap_err().join("\n")
}

#[test]
fn export_is_on_only_with_an_endpoint_or_exporter() {
    for off in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_SERVICE_NAME", "x"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
        &[ENDPOINT, ("OTEL_METRICS_EXPORTER", "none")],
        &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
    ] {
        assert!(read(off).unwrap().is_none(), "{off:?}");
    }
    for (on, url) in [
        (&[ENDPOINT][..], "http://collector:4318/v1/metrics"),
        (&[("OTEL_METRICS_EXPORTER", "otlp")], "http://localhost:4318/v1/metrics"),
        (&[ENDPOINT, ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://a/b")], "https://a/b"),
    ] {
        assert_eq!(read(on).unwrap().unwrap().collector.url.as_str(), url, "{on:?}");
    }
    assert!(error(&[ENDPOINT, ("OTEL_METRICS_EXPORTER", "console")]).contains("OTEL_METRICS_EXPORTER"));
}

#[test]
fn unsupported_protocol_is_rejected_with_what_to_set() {
    for protocol in ["grpc", "http/protobuf"] {
        let error = error(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)]);
        assert!(error.contains("set OTEL_EXPORTER_OTLP_PROTOCOL=http/json"), "{error}");
    }
    let of_metrics = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json");
    assert!(read(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), of_metrics]).is_ok(), "metrics' own wins");
    for (name, text) in [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "s3cret"),
    ] {
        let error = error(&[ENDPOINT, (name, text)]);
        assert!(error.contains(name) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn standard_variables_set_times_and_resource() {
    let settings = read(&[
        ENDPOINT,
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "4000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2000"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%20b,service.name=x"),
        ("OTEL_SERVICE_NAME", "bell"),
    ]);
    let settings = settings.unwrap().unwrap();
    let seconds = [settings.interval, settings.timeout, settings.collector.call_timeout].map(|time| time.as_secs());
    assert_eq!(seconds, [5, 4, 2]);
    let attribute = |key: &str| settings.resource[key].as_str();
    assert_eq!((attribute("service.name"), attribute("deployment.environment.name")), ("bell", "a b"));
    assert_eq!(attribute("service.version"), env!("CARGO_PKG_VERSION"));
    let settings = read(&[ENDPOINT]).unwrap().unwrap();
    let seconds = [settings.interval, settings.timeout, settings.collector.call_timeout].map(|time| time.as_secs());
    assert_eq!((seconds, settings.resource["service.name"].as_str()), ([60, 30, 10], "doorbell-worker"));
}

#[test]
fn all_invalid_variables_are_named_without_their_values() {
    let wrong = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://ada:s3cret@collector"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/s3cret.pem"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "s3cret"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "999"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "-1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "s3cret"),
    ];
    let problems = read(&wrong).unwrap_err();
    assert_eq!(problems.len(), wrong.len(), "{problems:?}");
    for ((name, _), problem) in wrong.iter().zip(&problems) {
        assert!(problem.contains(&format!("  {name}: invalid value: ")) && !problem.contains("s3cret"), "{problem}");
    }
}

#[test]
fn certificates_are_a_file_or_the_setting_itself() {
    let directory = std::env::temp_dir().join(format!("doorbell-otlp-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("ca.pem");
    std::fs::write(&file, "no certificate").unwrap();
    let path = file.to_str().unwrap();
    let error = error(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_CERTIFICATE", path)]);
    assert!(error.contains("expected certificates in PEM"), "the file was read: {error}");
    std::fs::remove_dir_all(&directory).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = read(&[ENDPOINT, ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", broken)]).unwrap_err().join("");
    assert!(error.contains("not a certificate"), "{error}");
}
