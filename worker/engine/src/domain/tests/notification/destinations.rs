use super::failed;
use crate::domain::tests::JobHarness;
use crate::domain::{DeliveryOutcome, Effect, ReportEntry};

/// A finished job with two destinations, neither of which has a status.
fn with_two_destinations() -> JobHarness {
    let (mut job, _) = JobHarness::finished();
    let mut target = job.row.reports[0].target.clone();
    target.to.repo = "fork/ada/demo".parse().unwrap();
    job.row.reports = vec![ReportEntry::new(job.row.reports[0].target.clone()), ReportEntry::new(target)];
    job
}

fn reported_entry(effects: &[Effect]) -> Option<usize> {
    effects.iter().find_map(|effect| match effect {
        Effect::ReportStatus { entry, .. } => Some(*entry),
        _ => None,
    })
}

#[test]
fn each_destination_is_claimed_and_delivered_by_itself() {
    let mut job = with_two_destinations();
    let first = job.fire_due();
    assert_eq!(reported_entry(&first), Some(0));
    assert_eq!(job.row.reports[1].notification.due_at, Some(job.now), "due for the next decision");
    let second = job.fire_due();
    assert_eq!(reported_entry(&second), Some(1), "while the first one is in flight");
    job.deliver(&second, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, None, "the first one has no outcome yet");
    job.deliver(&first, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, Some(job.now));
}

#[test]
fn failing_destination_does_not_delay_another_one() {
    let mut job = with_two_destinations();
    let first = job.fire_due();
    let second = job.deliver(&first, failed(None));
    assert_eq!(reported_entry(&second), Some(1));
    job.deliver(&second, DeliveryOutcome::Undeliverable("it answers 404".to_owned()));
    assert_eq!(job.row.settled_at, None);
    let again = job.fire_when_due();
    assert_eq!(reported_entry(&again), Some(0));
    job.deliver(&again, DeliveryOutcome::Delivered);
    assert_eq!(job.row.settled_at, Some(job.now));
    assert_eq!(job.row.reports[1].notification.undeliverable.as_deref(), Some("it answers 404"));
}
