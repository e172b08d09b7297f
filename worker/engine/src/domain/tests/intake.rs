//! The rules of intake: which requests are one job.

use std::time::Duration;

use doorbell_messages::JobKey;
use serde_json::{Value, json};

use super::{COMMIT, JobHarness, START, mins, policy, policy_found, request, secs};
use crate::domain::{
    CommandRan, DesiredState, FinalResult, IncomingRequest, Phase, Relation, Row, SeriesEntry, SeriesPlace,
    SourceMessage, Timestamp,
};

const FIRST: &str = "first";

/// A request with the words of these tests, in the message `id` of a time after `START`.
fn incoming(id: &str, after: Duration, more: Value) -> IncomingRequest {
    let request = request(super::merged(json!({"id": "a", "commit": COMMIT}), more));
    let series = JobKey::for_request(&request, id).unwrap();
    IncomingRequest { series, request, message: SourceMessage { id: id.to_owned(), sent_at: START + after } }
}

/// The first row of the series: published at `START`.
fn first_row(more: Value) -> Row {
    let first = incoming(FIRST, Duration::ZERO, more);
    first.job_row(first.series.clone(), START)
}

fn over(row: &Row, phase: Phase) -> Row {
    Row { phase, ..row.clone() }
}

fn finished(command_ran: CommandRan, at: Timestamp) -> Phase {
    let result = FinalResult {
        status: doorbell_messages::Status::Error,
        message: String::new(),
        at,
        command_ran: Some(command_ran),
    };
    Phase::Finished { result, build: None, not_older_than: Vec::new() }
}

fn is_near(first: &Row, incoming: &IncomingRequest) -> bool {
    matches!(incoming.place(first, None), SeriesPlace::Near(_))
}

#[test]
fn redelivered_message_is_known_by_its_own_row() {
    let first = first_row(json!({}));
    let again = incoming(FIRST, Duration::ZERO, json!({}));
    assert_eq!(again.place(&first, None), SeriesPlace::Known(first.key.clone()));
    // A day later, and after a cancel that came after it.
    let later = incoming("m2", mins(24 * 60), json!({}));
    let own = later.job_row(later.own_key(), START);
    let first = Row { series_canceled_at: Some(START + mins(48 * 60)), ..first };
    assert_eq!(later.place(&first, Some(&own)), SeriesPlace::Known(own.key));
}

#[test]
fn message_with_another_messages_key_is_a_collision() {
    let (first, later) = (first_row(json!({})), incoming("m2", mins(90), json!({})));
    let other = incoming("m3", mins(90), json!({})).job_row(later.own_key(), START);
    assert_eq!(later.place(&first, Some(&other)), SeriesPlace::Collision(other.key));
}

#[test]
fn message_published_before_a_cancel_is_canceled_on_arrival() {
    let first = Row { series_canceled_at: Some(START + mins(1)), ..first_row(json!({})) };
    for (after, is_canceled) in [(secs(30), true), (mins(1), true), (secs(61), false)] {
        let place = incoming("m2", after, json!({})).place(&first, None);
        assert_eq!(place == SeriesPlace::Canceled, is_canceled, "{after:?}");
    }
}

#[test]
fn repeat_window_is_an_hour_with_a_commit_and_2_min_without() {
    let (with, without) = (json!({}), json!({"commit": null}));
    for (fields, minutes, expected) in
        [(&with, 60, true), (&with, 61, false), (&without, 2, true), (&without, 3, false)]
    {
        let first = first_row(fields.clone());
        let repeat = incoming("m2", mins(minutes), fields.clone());
        assert_eq!(is_near(&first, &repeat), expected, "{minutes} min, {fields}");
        // Queues reorder: the message that was published first may come second.
        let late = Row { message: repeat.message, ..first };
        assert_eq!(is_near(&late, &incoming("m0", Duration::ZERO, fields.clone())), expected, "{minutes} min early");
    }
}

#[test]
fn request_with_once_has_no_repeat_window() {
    let fields = json!({"once": true});
    assert!(is_near(&first_row(fields.clone()), &incoming("m2", mins(60 * 24 * 20), fields)));
}

#[test]
fn message_is_compared_with_the_nearest_job() {
    let first = first_row(json!({}));
    let entry = |id: &str, minutes| SeriesEntry { message: id.to_owned(), sent_at: START + mins(minutes) };
    let first = Row { series: vec![entry("m2", 90), entry("m3", 180)], ..first };
    for (minutes, nearest) in [(0, FIRST), (44, FIRST), (46, "m2"), (134, "m2"), (136, "m3"), (240, "m3")] {
        let SeriesPlace::Near(found) = incoming("m9", mins(minutes), json!({})).place(&first, None) else {
            panic!("{minutes} min is in no window");
        };
        assert_eq!(found.message, nearest, "{minutes}");
    }
    assert_eq!(incoming("m9", mins(241), json!({})).place(&first, None), SeriesPlace::LaterJob);
}

#[test]
fn each_cancel_is_a_job_of_its_own() {
    let fields = json!({"action": "cancel"});
    let first = first_row(fields.clone());
    assert_eq!(incoming("m2", secs(1), fields).place(&first, None), SeriesPlace::LaterJob);
}

#[test]
fn repeat_of_a_refused_job_is_a_later_job() {
    let first = first_row(json!({}));
    let repeat = incoming("m2", mins(1), json!({}));
    let relation = |phase| repeat.relation_to(&over(&first, phase), false);
    assert_eq!(relation(finished(CommandRan::No, START)), Relation::LaterJob);
    let rejected = Phase::Rejected { kind: None, reason: String::new(), at: START };
    assert_eq!(relation(rejected), Relation::LaterJob);
    for in_doubt_or_run in [CommandRan::Maybe, CommandRan::Yes] {
        assert_eq!(relation(finished(in_doubt_or_run, START)), Relation::Same);
    }
}

#[test]
fn refusal_of_a_request_with_once_counts_for_72_hours() {
    let fields = json!({"once": true});
    let first = over(&first_row(fields.clone()), finished(CommandRan::No, START));
    for (hours, expected) in [(72, Relation::LaterJob), (73, Relation::Same)] {
        let repeat = incoming("m2", mins(hours * 60), fields.clone());
        assert_eq!(repeat.relation_to(&first, false), expected, "{hours} h");
    }
}

#[test]
fn request_published_after_a_cancel_is_a_later_job() {
    let canceled_at = Some(START + mins(1));
    let first = Row { desired: DesiredState::Cancel, canceled_at, ..first_row(json!({})) };
    assert_eq!(incoming("m2", secs(61), json!({})).relation_to(&first, true), Relation::LaterJob);
    assert!(matches!(incoming("m2", secs(59), json!({})).relation_to(&first, true), Relation::Repeat(_)));
}

#[test]
fn unfinished_job_remembers_its_first_repeat() {
    let first = first_row(json!({}));
    let Relation::Repeat(row) = incoming("m2", mins(4), json!({"cause": "again"})).relation_to(&first, false) else {
        panic!("not remembered");
    };
    let repeat = row.repeat.clone().unwrap();
    assert_eq!((repeat.message.as_str(), repeat.sent_at), ("m2", START + mins(4)));
    assert_eq!(repeat.cause.unwrap().to_string(), "again");
    let entry = row.trail.last().unwrap();
    assert_eq!((entry.at, entry.message.as_str()), (START + mins(4), "asked again; still this job"));
    assert_eq!(incoming("m3", mins(5), json!({})).relation_to(&row, false), Relation::Same, "one is enough");
}

#[test]
fn younger_repeat_replaces_an_older_one_if_cancels_are_allowed() {
    let Relation::Repeat(row) = incoming("m2", mins(4), json!({})).relation_to(&first_row(json!({})), true) else {
        panic!("not remembered");
    };
    assert_eq!(incoming("m3", mins(3), json!({})).relation_to(&row, true), Relation::Same, "it is older");
    let Relation::Repeat(row) = incoming("m3", mins(5), json!({})).relation_to(&row, true) else {
        panic!("not replaced");
    };
    assert_eq!(row.repeat.unwrap().message, "m3");
    assert_eq!(row.trail.len(), 1, "the trail shows the latest repeat only");
}

#[test]
fn series_lists_the_newest_16_later_jobs_in_order() {
    let mut first = first_row(json!({}));
    for minutes in [900, 100, 500] {
        first = first.with_later_job(&incoming(&format!("m{minutes}"), mins(minutes), json!({})).message);
    }
    let times: Vec<_> = first.series.iter().map(|entry| entry.sent_at.duration_since(START)).collect();
    assert_eq!(times, [mins(100), mins(500), mins(900)]);
    for minutes in 1000..1014 {
        first = first.with_later_job(&incoming(&format!("m{minutes}"), mins(minutes), json!({})).message);
    }
    assert_eq!((first.series.len(), first.series[0].message.as_str()), (16, "m500"));
}

#[test]
fn first_row_outlives_the_later_jobs_of_its_series() {
    let days = |count: u64| mins(count * 24 * 60);
    let mut job = JobHarness::received(json!({"commit": COMMIT, "id": "a"}));
    job.observe(policy_found(&policy(json!({"refs": ["tags/*"], "reportTo": null}))));
    assert_eq!(job.row.expires_at(), Some(START + days(30)));
    let listed = job.row.with_later_job(&incoming("m2", days(25), json!({})).message);
    assert_eq!(listed.expires_at(), Some(START + days(85)));
    let listed = job.row.with_later_job(&incoming("m2", Duration::ZERO, json!({})).message);
    assert_eq!(listed.expires_at(), Some(START + days(60)));
}
