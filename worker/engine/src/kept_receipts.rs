//! Receipts of non-final reports, which ride on the next write of their row.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorbell_messages::{JobKey, Status};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::admission::build_group_of;
use crate::domain::{DeliveryOutcome, Effect, Observation, Receipt, Row, STALE_REPORT_WINDOW, StatusAt, Timestamp};
use crate::track_record::TrackRecord;

/// Jobs whose latest report is known at once: below 1 MB. Of more, the oldest without a kept receipt is forgotten.
const MAX_JOBS: usize = 2_000;

/// The time from the claim of a report after which its receipt does not matter any more. Clocks differ.
const RECEIPT_RELEVANCE: Duration = STALE_REPORT_WINDOW.saturating_add(Duration::from_secs(20));

/// The non-final reports that this worker sent, and the receipts that it has not written.
///
/// A kept receipt saves a write. A crash loses it: then the final report is sent twice, as after any report whose outcome
/// is unknown. So would the final report of another worker be that ends the job soon after. A receipt is kept only where
/// that is unlikely.
#[derive(Debug, Default)]
pub(crate) struct KeptReceipts {
    state: Mutex<ReceiptsState>,
    /// A receipt is kept.
    is_kept: Notify,
}

#[derive(Debug, Default)]
struct ReceiptsState {
    reports: HashMap<JobKey, SentReport>,
    /// Whether this worker sent the report of a job that it ended. Each message goes to any worker of a fleet; a worker
    /// that reported nearly all of the jobs that it ends has none beside it, or none that matter.
    own_ends: TrackRecord,
    /// Whether builds run until their report *running* has arrived or never will, by build project.
    long_builds: HashMap<String, TrackRecord>,
}

/// The latest non-final report of a job.
#[derive(Debug)]
struct SentReport {
    entry: usize,
    claim: StatusAt,
    claimed_at: Instant,
    state: ReportState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportState {
    /// The receipt, if one comes, may be kept.
    Claimed,
    /// The row waits for the outcome, which is written at once.
    Awaited,
    /// It was delivered, and only this worker knows.
    Kept(Timestamp),
    /// The row does not have the claim any more.
    Settled,
}

impl KeptReceipts {
    /// Notes the non-final report that a write claims. Called before the write: another task of this worker may end the
    /// job before the reply to it.
    pub(crate) fn note_claim(&self, row: &Row, effects: &[Effect]) {
        let claim = effects.iter().find_map(|effect| match effect {
            Effect::ReportStatus { entry, claim, .. } if !claim.status.is_final() => Some((*entry, *claim)),
            _ => None,
        });
        if let Some((entry, claim)) = claim {
            self.note_sent(row, entry, claim);
        }
    }

    fn note_sent(&self, row: &Row, entry: usize, claim: StatusAt) {
        let report = SentReport { entry, claim, claimed_at: Instant::now(), state: ReportState::Claimed };
        self.state().add(&row.key, report);
    }

    /// Keeps the receipt of a report, unless it must be written at once. True if it is kept.
    pub(crate) fn keep(&self, row: &Row, attempt: &Observation, now: Timestamp) -> bool {
        let Observation::ReportAttempted { entry, claim, outcome: DeliveryOutcome::Delivered } = attempt else {
            return false;
        };
        // Another destination's report is claimed with the write of this one's receipt.
        if row.reports.iter().any(|report| report.notification.due_at.is_some()) {
            return false;
        }
        let mut state = self.state();
        let is_unneeded =
            state.own_ends.is_nearly_always() || (claim.status == Status::Running && state.outlasts_reports(row));
        let report = state.reports.get_mut(&row.key);
        let report = report.filter(|report| (report.entry, report.claim) == (*entry, *claim));
        match report.filter(|report| report.state == ReportState::Claimed && is_unneeded) {
            Some(report) => {
                report.state = ReportState::Kept(now);
                self.is_kept.notify_one();
                true
            }
            None => false,
        }
    }

    /// The receipt that the next write of this row takes along.
    pub(crate) fn get(&self, key: &JobKey) -> Option<Receipt> {
        self.state().reports.get(key).and_then(SentReport::receipt)
    }

    /// Notes a row as this worker wrote it: which report it waits for, and who reported a job that has ended.
    pub(crate) fn note_written(&self, before: &Row, after: &Row) {
        let mut state = self.state();
        let report = state.reports.get_mut(&after.key);
        let is_known = report.is_some();
        if let Some(report) = report {
            match (report.state, report.is_claimed_in(after)) {
                (ReportState::Kept(_), false) => report.state = ReportState::Settled,
                (ReportState::Claimed, true) if after.status() != report.claim.status => {
                    report.state = ReportState::Awaited;
                }
                _ => {}
            }
        }
        if let Some(ended_at) = after.ended_at().filter(|_| !before.is_over()) {
            state.note_end(before, is_known, ended_at);
        }
        if after.settled_at.is_some() {
            state.reports.remove(&after.key);
        }
    }

    /// The receipt that a row waits for: it was kept while another task of this worker wrote the row.
    pub(crate) fn take_awaited(&self, row: &Row) -> Option<Observation> {
        let mut state = self.state();
        let report = state.reports.get_mut(&row.key)?;
        let is_awaited = report.is_claimed_in(row) && row.status() != report.claim.status;
        if is_awaited { report.take_receipt() } else { None }
    }

    /// Waits until a report whose receipt is kept was claimed so long ago.
    pub(crate) async fn wait_for_age(&self, age: Duration) {
        loop {
            match self.oldest_kept() {
                Some(claimed_at) if claimed_at.elapsed() >= age => return,
                Some(claimed_at) => tokio::time::sleep_until(claimed_at + age).await,
                None => self.is_kept.notified().await,
            }
        }
    }

    fn oldest_kept(&self) -> Option<Instant> {
        let state = self.state();
        let kept = state.reports.values().filter(|report| report.receipt().is_some());
        kept.map(|report| report.claimed_at).min()
    }

    /// The receipts of reports that were claimed at least so long ago. They are no longer kept.
    pub(crate) fn take_older_than(&self, age: Duration) -> Vec<(JobKey, Observation)> {
        let mut state = self.state();
        let old = state.reports.iter_mut().filter(|(_, report)| report.claimed_at.elapsed() >= age);
        old.filter_map(|(key, report)| Some((key.clone(), report.take_receipt()?))).collect()
    }

    /// Notes a job that another worker ended while this one kept its receipt.
    pub(crate) fn note_foreign_end(&self) {
        self.state().own_ends.add(false);
    }

    fn state(&self) -> MutexGuard<'_, ReceiptsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReceiptsState {
    fn outlasts_reports(&self, row: &Row) -> bool {
        let build_project = build_group_of(row);
        let record = build_project.and_then(|build_project| self.long_builds.get(&build_project));
        record.is_some_and(TrackRecord::is_nearly_always)
    }

    /// Notes the end of a job, from the row before it. A job without a report says nothing.
    fn note_end(&mut self, before: &Row, was_reported_here: bool, ended_at: Timestamp) {
        let notifications = before.reports.iter().map(|report| &report.notification);
        let reports: Vec<StatusAt> =
            notifications.flat_map(|notification| [notification.in_flight, notification.delivered]).flatten().collect();
        if !reports.is_empty() {
            self.own_ends.add(was_reported_here);
        }
        let running_since = reports.iter().filter(|report| report.status == Status::Running).map(|report| report.at);
        if let (Some(build_project), Some(since)) = (build_group_of(before), running_since.min()) {
            let outlasts_reports = ended_at.duration_since(since) >= RECEIPT_RELEVANCE;
            self.long_builds.entry(build_project).or_default().add(outlasts_reports);
        }
    }

    fn add(&mut self, key: &JobKey, report: SentReport) {
        if self.reports.len() >= MAX_JOBS && !self.reports.contains_key(key) {
            let others = self.reports.iter().filter(|(_, report)| report.receipt().is_none());
            match others.min_by_key(|(_, report)| report.claimed_at).map(|(key, _)| key.clone()) {
                Some(oldest) => self.reports.remove(&oldest),
                None => return,
            };
        }
        self.reports.insert(key.clone(), report);
    }
}

impl SentReport {
    fn receipt(&self) -> Option<Receipt> {
        match self.state {
            ReportState::Kept(delivered_at) => Some(Receipt { entry: self.entry, claim: self.claim, delivered_at }),
            ReportState::Claimed | ReportState::Awaited | ReportState::Settled => None,
        }
    }

    fn take_receipt(&mut self) -> Option<Observation> {
        let Receipt { entry, claim, .. } = self.receipt()?;
        self.state = ReportState::Settled;
        Some(Observation::ReportAttempted { entry, claim, outcome: DeliveryOutcome::Delivered })
    }

    fn is_claimed_in(&self, row: &Row) -> bool {
        row.reports.get(self.entry).is_some_and(|report| report.notification.in_flight == Some(self.claim))
    }
}

#[cfg(test)]
mod tests;
