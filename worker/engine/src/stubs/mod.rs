//! Small ports and neighbours for the tests of single parts.

mod calls;
mod ledger;
mod neighbours;
mod queue;
mod stepping;

use std::time::Duration;

use doorbell_messages::{BuildId, JobKey, Request, Status};
use doorbell_registry::{BuildProjectName, ForgeKind, OnUnknownStart, OrderRule};

use crate::domain::{
    BuildRecord, Effect, FinalResult, ForgeRepository, InstallationId, JobConfig, Launch, LaunchSpec, Phase,
    ProviderProfile, ReportEntry, ReportTarget, Row, SourceMessage, StatusAt, StatusReport, Timestamp,
};
use crate::ports::Clock;

pub(crate) use calls::{ProviderStub, ReporterStub, SecretsStub, TopicStub, described_build};
pub(crate) use ledger::{LedgerStub, WriteFault};
pub(crate) use neighbours::{DriverStub, EffectsStub};
pub(crate) use queue::{QueueStub, TOPIC, build_event, delivery, request_delivery};
pub(crate) use stepping::{Process, Schedule, advance, interrupt, run_to_end};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const REQUEST: &str = r#"{"project":"demo","branch":"main","commit":"0123456789abcdef0123456789abcdef01234567"}"#;

fn message_id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// A new row; each number is a job of its own.
pub(crate) fn row(number: u32) -> Row {
    let request = Request::parse(REQUEST).unwrap();
    let id = message_id(number);
    let key = JobKey::for_request(&request, &id).unwrap();
    Row::new(key, request, SourceMessage { id, sent_at: NOW }, NOW)
}

/// The launch of a job of an order.
pub(crate) fn ordered_launch(order: OrderRule) -> Box<Launch> {
    let target: BuildProjectName = "builds".parse().unwrap();
    Box::new(Launch {
        provider: PROFILE.name.to_owned(),
        target: target.clone(),
        spec: LaunchSpec { target, timeout_minutes: 60, environment: Vec::new(), pinned: false },
        timeout_minutes: 60,
        on_unknown_start: OnUnknownStart::Retry,
        order,
        not_older_than: Vec::new(),
        pinned: false,
        announces: false,
    })
}

/// A row whose build runs.
pub(crate) fn running_row(number: u32) -> Row {
    let (launch, build) = (ordered_launch(OrderRule::Parallel), build_record(number));
    Row { phase: Phase::Running { launch, build, running_since: NOW, missing_since: None }, ..row(number) }
}

/// The same row whose report *running* is claimed.
pub(crate) fn reporting_row(number: u32) -> Row {
    let to = ForgeRepository {
        kind: ForgeKind::Pagure,
        url: "https://forge.example".parse().unwrap(),
        repo: "demo".parse().unwrap(),
        token_secret: "forge/demo".parse().unwrap(),
        username: "Doorbell".to_owned(),
    };
    let row = running_row(number);
    let commit = row.request.commit.clone().unwrap();
    let mut entry = ReportEntry::new(ReportTarget { to, commit, external_id: format!("job-{number}") });
    entry.notification.in_flight = Some(StatusAt { status: Status::Running, at: NOW });
    Row { reports: vec![entry], ..row }
}

/// The claim of the row's first report.
pub(crate) fn claimed_report(row: &Row) -> (usize, StatusAt) {
    (0, row.reports[0].notification.in_flight.unwrap())
}

/// The effect that sends it.
pub(crate) fn report_effect(row: &Row) -> Effect {
    let (entry, claim) = claimed_report(row);
    let report = StatusReport::for_row(row, &config());
    Effect::ReportStatus { entry, target: row.reports[entry].target.clone(), report, claim }
}

/// The same row when its build has ended.
pub(crate) fn finished_row(number: u32) -> Row {
    let result = FinalResult { status: Status::Success, message: "done".to_owned(), at: NOW, command_ran: None };
    let build = Some(build_record(number));
    Row { phase: Phase::Finished { result, build, not_older_than: Vec::new() }, ..row(number) }
}

fn build_record(number: u32) -> BuildRecord {
    let id = BuildId::new(format!("builds:{number}"));
    BuildRecord { provider: PROFILE.name.to_owned(), id, is_queued: false, log_url: None, log: None }
}

/// The facts of the provider stub.
pub(crate) const PROFILE: ProviderProfile = ProviderProfile {
    name: "builder",
    token_reuse_window: Duration::from_secs(4 * 60),
    absence_confirmed_after: Duration::from_secs(16 * 60),
    lookback: Duration::from_secs(5 * 60),
    max_queue_time: Duration::from_secs(8 * 60 * 60),
    queued_phases: &["WAITING"],
    max_describe_batch: 100,
};

pub(crate) fn config() -> JobConfig {
    JobConfig {
        installation: InstallationId::from_ledger_arn("arn:aws:dynamodb:eu-west-1:123456789012:table/doorbell"),
        provider: PROFILE,
        max_request_age: Duration::from_secs(3600),
        queue_timeout: Duration::from_secs(3600),
        build_poll_interval: Duration::from_secs(60),
        publishes_done_events: false,
        console_url: "https://console.example.org/projects".to_owned(),
    }
}

/// A clock that stands still, or one that does not know the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockStub(pub(crate) Option<Timestamp>);

impl Clock for ClockStub {
    fn now(&self) -> Option<Timestamp> {
        self.0
    }
}
