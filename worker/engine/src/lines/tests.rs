use std::time::Duration;

use super::*;

const LIMITS: Limits = Limits {
    first_width: 2,
    most_width: 8,
    refusals: 1,
    first_pause: Duration::from_secs(1),
    most_pause: Duration::from_secs(8),
};

fn key(name: &str) -> (ProjectName, Timestamp, JobKey) {
    let project: ProjectName = name.parse().unwrap();
    let request = doorbell_messages::Request::parse(&format!(r#"{{"project":"{name}","branch":"main"}}"#)).unwrap();
    (project, Timestamp::from_millis(0), JobKey::for_request(&request, "00000000-0000-4000-8000-000000000000").unwrap())
}

fn wait(lines: &Lines, gate: &str, name: &str) {
    let (project, since, key) = key(name);
    lines.wait(gate, &project, since, &key);
}

fn called(lines: &Arc<Lines>) -> Option<(String, Permit)> {
    lines.take_next().ok().map(|turn| (turn.key.as_str().split('#').next().unwrap_or_default().to_owned(), turn.permit))
}

fn refuse(lines: &Arc<Lines>, gate: &str) {
    lines.enter(gate).unwrap().settle(Outcome::Refused(None));
}

#[tokio::test(start_paused = true)]
async fn every_other_send_that_is_taken_widens_a_gate_and_one_that_is_refused_closes_it() {
    let lines = Lines::new(LIMITS);
    let out: Vec<Permit> = (0..2).map(|_| lines.enter("a").unwrap()).collect();
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Busy);
    out.into_iter().for_each(|permit| permit.settle(Outcome::Taken));
    let out: Vec<Permit> = (0..3).map(|_| lines.enter("a").unwrap()).collect();
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Busy);
    out.into_iter().for_each(|permit| permit.settle(Outcome::Refused(None)));
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Closed);
    assert!(lines.enter("b").is_ok(), "another gate is another limit");
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_is_tried_by_one_job_less_and_less_often_until_it_opens() {
    let lines = Lines::new(LIMITS);
    refuse(&lines, "a");
    for pause in [1, 2, 4, 8, 8] {
        tokio::time::advance(Duration::from_millis(pause * 1000 - 1)).await;
        assert_eq!(lines.enter("a").unwrap_err(), Passage::Closed);
        tokio::time::advance(Duration::from_millis(1)).await;
        let trial = lines.enter("a").unwrap();
        assert_eq!(lines.enter("a").unwrap_err(), Passage::Closed, "one at a time");
        trial.settle(Outcome::Refused(None));
    }
    tokio::time::advance(Duration::from_secs(8)).await;
    lines.enter("a").unwrap().settle(Outcome::Taken);
    let _out = [lines.enter("a").unwrap(), lines.enter("a").unwrap()];
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Busy);
}

/// How many are let out of an open gate at once; all of them are taken.
fn let_out(lines: &Arc<Lines>, gate: &str) -> usize {
    let out: Vec<Permit> = std::iter::from_fn(|| lines.enter(gate).ok()).collect();
    let count = out.len();
    out.into_iter().for_each(|permit| permit.settle(Outcome::Taken));
    count
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_has_met_a_limit_widens_slowly_until_it_is_as_wide_as_a_new_one() {
    let lines = Lines::new(Limits { first_width: 4, most_width: 100, ..LIMITS });
    refuse(&lines, "a");
    tokio::time::advance(LIMITS.first_pause).await;
    lines.enter("a").unwrap().settle(Outcome::Taken);
    let widths: Vec<usize> = (0..6).map(|_| let_out(&lines, "a")).collect();
    assert_eq!(widths, [2, 3, 4, 6, 9, 13]);
}

#[tokio::test(start_paused = true)]
async fn a_free_place_lets_one_through_a_closed_gate() {
    let lines = Lines::new(LIMITS);
    refuse(&lines, "a");
    wait(&lines, "a", "demo");
    wait(&lines, "a", "other");
    assert!(called(&lines).is_none());
    lines.freed("a");
    let (name, permit) = called(&lines).unwrap();
    assert_eq!(name, "demo");
    assert!(called(&lines).is_none());
    drop(permit);
    assert_eq!(called(&lines).unwrap().0, "other", "an unused permit is the next one's");
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_past_those_who_wait() {
    let lines = Lines::new(LIMITS);
    drop(lines.enter("a").unwrap());
    wait(&lines, "a", "demo");
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Busy);
}

#[tokio::test(start_paused = true)]
async fn projects_take_turns_however_many_jobs_each_has() {
    let lines = Lines::new(LIMITS);
    refuse(&lines, "a");
    let (project, since, first) = key("big");
    for number in 0..5u64 {
        let text = format!("big#{number}#{}", first.as_str().rsplit('#').next().unwrap());
        lines.wait("a", &project, since + Duration::from_secs(number), &text.parse().unwrap());
    }
    wait(&lines, "a", "small");
    let order: Vec<String> = (0..4)
        .map(|_| {
            lines.freed("a");
            let (name, permit) = called(&lines).unwrap();
            permit.settle(Outcome::Taken);
            name
        })
        .collect();
    assert_eq!(order, ["big", "small", "big", "big"]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_falls_free_serves_every_pool_until_one_shows_a_limit_of_its_own() {
    let lines = Lines::new(LIMITS);
    refuse(&lines, "a");
    refuse(&lines, "b");
    wait(&lines, "b", "demo");
    lines.freed("a");
    let (_, permit) = called(&lines).unwrap();
    permit.settle(Outcome::Refused(None));
    wait(&lines, "b", "demo");
    assert!(called(&lines).is_none(), "b's limit is its own: a's places do not help");
    wait(&lines, "a", "other");
    assert_eq!(called(&lines).unwrap().0, "other", "the place is still free for a's");
}

#[tokio::test(start_paused = true)]
async fn only_the_first_of_some_refusals_in_a_row_matters_where_a_gate_bears_them() {
    let lines = Lines::new(Limits { refusals: 3, ..LIMITS });
    refuse(&lines, "a");
    refuse(&lines, "a");
    lines.enter("a").unwrap().settle(Outcome::Taken);
    refuse(&lines, "a");
    refuse(&lines, "a");
    lines.enter("a").unwrap().settle(Outcome::Refused(Some(Duration::from_secs(5))));
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(lines.enter("a").unwrap_err(), Passage::Closed, "it asked for five seconds");
}
