//! Every text that a forge shows, as people read it.

use serde_json::{Value, json};

use super::{CANCELED, COMMIT, JobHarness, SUCCESS, build_described, config, mins, policy, policy_found, secs};
use crate::domain::{BuildOutcome, BuildState, Effect, Observation, Phase, RejectionKind, StartOutcome, StatusReport};

fn report_text(effects: &[Effect]) -> String {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::ReportStatus { report, .. } => {
                Some(format!("{}: {}\n{}", report.status, report.comment, report.url))
            }
            _ => None,
        })
        .expect("a report is due")
}

fn rejection_text(mut fields: Value, keys: Value) -> String {
    fields["commit"] = json!(COMMIT);
    let mut job = JobHarness::received(fields);
    report_text(&job.observe(policy_found(&policy(keys))))
}

#[test]
fn queued_report_text_names_build_project_page() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.slot_available = false;
    job.observe(policy_found(&policy(json!({}))));
    insta::assert_snapshot!(report_text(&job.advance(secs(10)).fire_due()), @r"
    queued: waiting for a build
    https://console.example.org/projects/builds
    ");
}

#[test]
fn throttled_report_text_names_the_limit() {
    let mut job = JobHarness::starting(json!({}));
    job.observe_start(StartOutcome::Limited(
        "AccountLimitExceededException: cannot have more than 20 builds".to_owned(),
    ));
    job.slot_available = false;
    insta::assert_snapshot!(report_text(&job.advance(secs(10)).fire_due()), @r"
    queued: waiting for a build: AccountLimitExceededException: cannot have more than 20 builds
    https://console.example.org/projects/builds
    ");
}

#[test]
fn running_report_text_links_the_log() {
    insta::assert_snapshot!(report_text(&JobHarness::starting(json!({})).observe_started(1)), @r"
    running: branch main is being built
    https://logs.example.org/1
    ");
}

#[test]
fn final_report_text_of_a_build() {
    let end = |state: BuildState| {
        let mut job = JobHarness::running();
        let build = job.build(1, state);
        report_text(&job.observe(build_described(build)))
    };
    insta::assert_snapshot!(end(SUCCESS), @r"
    success: passed after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end(BuildState::Ended(BuildOutcome::from_exit_code(3))), @r"
    failure: the command exited with 3 after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end(BuildState::Ended(BuildOutcome::from_exit_code(242))), @r"
    error: the commit is not on the ref that was asked for after 42 s (runner code 242)
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end(BuildState::Ended(BuildOutcome::TimedOut)), @r"
    error: the provider ended the build at its time limit after 42 s
    https://logs.example.org/1
    ");
    insta::assert_snapshot!(end(CANCELED), @r"
    canceled: stopped after 42 s
    https://logs.example.org/1
    ");
}

#[test]
fn final_report_text_without_a_build() {
    let mut job = JobHarness::starting(json!({}));
    let effects = job.observe_start(StartOutcome::Invalid("Invalid environment variable".to_owned()));
    insta::assert_snapshot!(report_text(&effects), @r"
    error: the provider refused the build: Invalid environment variable
    https://console.example.org/projects
    ");
    let mut job = JobHarness::starting(json!({"onUnknownStart": "stop"}));
    let asked_at = job.advance(mins(16)).now;
    insta::assert_snapshot!(report_text(&job.observe(Observation::BuildsListed { asked_at, builds: vec![] })), @r"
    error: unknown whether it started: a person decides (onUnknownStart is stop)
    https://console.example.org/projects
    ");
}

#[test]
fn rejection_report_text_names_only_its_kind() {
    insta::assert_snapshot!(rejection_text(json!({"branch": "x"}), json!({"refs": ["main", "tags/v*"]})), @r"
    rejected: refused: the project does not build this ref
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(rejection_text(json!({"branch": null, "pullRequest": 7}), json!({})), @r"
    rejected: refused: the project does not build this pull request
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(rejection_text(json!({"variables": {"STAGE": "x"}}), json!({})), @r"
    rejected: refused: the project does not let requests set a variable like this
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(rejection_text(json!({"variables": {"PATH": "x"}}), json!({"variables": ["PATH"]})), @r"
    rejected: refused: the project does not let requests set a variable like this
    https://console.example.org/projects
    ");
    insta::assert_snapshot!(rejection_text(json!({}), json!({"buildProject": null})), @r"
    rejected: refused: the project's document names no build project for this request
    https://console.example.org/projects
    ");
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    insta::assert_snapshot!(report_text(&job.advance(mins(72 * 60 + 1)).observe(policy_found(&policy(json!({}))))), @r"
    rejected: refused: the request is too old
    https://console.example.org/projects
    ");
}

#[test]
fn rejection_report_names_no_list_and_no_foreign_text() {
    let hostile = "<img/src=x/onerror=alert(1)>";
    let of_ref = rejection_text(json!({"branch": hostile}), json!({"refs": ["secret-branch", "tags/v*"]}));
    let of_variable = rejection_text(json!({"variables": {"PROBE": "x"}}), json!({"variables": ["STAGE"]}));
    let of_value = rejection_text(
        json!({"variables": {"STAGE": hostile}}),
        json!({"variables": [{"name": "STAGE", "pattern": "prod"}]}),
    );
    for text in [of_ref, of_variable, of_value] {
        for word in [hostile, "onerror", "secret-branch", "tags", "PROBE", "STAGE", "prod\""] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}

#[test]
fn rejection_without_kind_is_reported_without_its_reason() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.observe(policy_found(&policy(json!({"refs": ["v1"]}))));
    let Phase::Rejected { kind, .. } = &mut job.row.phase else { panic!("{:?}", job.row.phase) };
    assert_eq!(kind.take(), Some(RejectionKind::RefNotAllowed));
    assert_eq!(StatusReport::for_row(&job.row, &config()).comment, "refused: the project does not allow this request");
}
