use clap::CommandFactory;

use super::*;

#[test]
fn worker_command_line_definition_is_valid() {
    WorkerArguments::command().debug_assert();
}

fn parse_arguments(arguments: &[&str]) -> Result<WorkerSettings, String> {
    let arguments = WorkerArguments::try_parse_from([&["worker"], arguments].concat()).unwrap();
    WorkerSettings::parse(arguments.settings, &|_| None)
}

const REQUIRED_FLAGS: [&str; 10] = [
    "--trigger-queue-url",
    "https://sqs.example/1/t",
    "--event-queue-url",
    "https://sqs.example/1/e",
    "--dlq-url",
    "https://sqs.example/1/d",
    "--topic-arn",
    "arn:aws:sns:eu-north-1:123456789012:doorbell",
    "--table",
    "jobs",
];

#[test]
fn required_settings_suffice() {
    let settings = parse_arguments(&REQUIRED_FLAGS).unwrap();
    assert_eq!((settings.max_in_flight, settings.registry_prefix.as_str()), (100, "/doorbell"));
    assert_eq!((settings.max_request_age, settings.log_format), (Duration::from_secs(72 * 3600), LogFormat::Text));
    assert!(
        !settings.prometheus
            && settings.forge_network.private_hosts.is_empty()
            && settings.default_build_project.is_none()
    );
}

#[test]
fn all_invalid_settings_are_reported_together() {
    let wrong = ["--topic-arn", "nope", "--sweep-interval", "5d", "--max-in-flight", "0", "--log-format", "xml"];
    let more = [
        "--allow-private-forges",
        "a:1,b",
        "--default-build-project",
        "a.b",
        "--health-addr",
        "here",
        "--forge-ca-certificates",
        "/etc/ssl/ca.pem",
        "--log",
        "info=what=ever",
        "--prometheus",
        "yes",
    ];
    let message = parse_arguments(&[&wrong[..], &more[..]].concat()).unwrap_err();
    let lines: Vec<&str> = message.lines().skip(1).map(str::trim).collect();
    let flags = ["trigger-queue-url", "event-queue-url", "dlq-url", "topic-arn", "table", "default-build-project"];
    let flags = [
        &flags[..],
        &[
            "max-in-flight",
            "health-addr",
            "log-format",
            "prometheus",
            "sweep-interval",
            "allow-private-forges",
            "forge-ca-certificates",
            "log",
        ],
    ]
    .concat();
    assert_eq!(lines.len(), flags.len(), "{message}");
    for (line, flag) in lines.iter().zip(flags) {
        assert!(line.starts_with(&format!("--{flag} (DOORBELL_")), "{line}");
    }
}

#[test]
fn password_of_a_forge_proxy_is_not_repeated() {
    let flags = [&REQUIRED_FLAGS[..], &["--forge-proxy", "http://ada:s3cret-words@proxy:3128"]].concat();
    let message = parse_arguments(&flags).unwrap_err();
    assert!(message.contains("--forge-proxy (DOORBELL_FORGE_PROXY): invalid value: expected http://"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}
