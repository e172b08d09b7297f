use std::time::Duration;

use super::*;

const CONFIG: LimiterConfig = LimiterConfig {
    initial_limit: 2,
    max_limit: 8,
    trip_after: 1,
    initial_cooldown: Duration::from_secs(1),
    max_cooldown: Duration::from_secs(8),
};

fn key(name: &str) -> (ProjectName, Timestamp, JobKey) {
    let project: ProjectName = name.parse().unwrap();
    let request = doorbell_messages::Request::parse(&format!(r#"{{"project":"{name}","branch":"main"}}"#)).unwrap();
    (project, Timestamp::from_millis(0), JobKey::for_request(&request, "00000000-0000-4000-8000-000000000000").unwrap())
}

fn enqueue(limiter: &ConcurrencyLimiter, destination: &str, name: &str) {
    let (project, since, key) = key(name);
    limiter.enqueue(destination, &project, since, &key);
}

fn next_ready(limiter: &Arc<ConcurrencyLimiter>) -> Option<(String, Permit)> {
    limiter
        .try_next_ready()
        .ok()
        .map(|ready| (ready.key.as_str().split('#').next().unwrap_or_default().to_owned(), ready.permit))
}

fn throttle(limiter: &Arc<ConcurrencyLimiter>, destination: &str) {
    limiter.try_acquire(destination).unwrap().record(CallResult::Throttled(None));
}

#[tokio::test(start_paused = true)]
async fn every_other_send_that_is_taken_widens_a_gate_and_one_that_is_refused_closes_it() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    let permits: Vec<Permit> = (0..2).map(|_| limiter.try_acquire("a").unwrap()).collect();
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
    permits.into_iter().for_each(|permit| permit.record(CallResult::Accepted));
    let permits: Vec<Permit> = (0..3).map(|_| limiter.try_acquire("a").unwrap()).collect();
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
    permits.into_iter().for_each(|permit| permit.record(CallResult::Throttled(None)));
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed);
    assert!(limiter.try_acquire("b").is_ok(), "another destination is another limit");
}

#[tokio::test(start_paused = true)]
async fn a_closed_gate_is_tried_by_one_job_less_and_less_often_until_it_opens() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    throttle(&limiter, "a");
    for pause in [1, 2, 4, 8, 8] {
        tokio::time::advance(Duration::from_millis(pause * 1000 - 1)).await;
        assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed);
        tokio::time::advance(Duration::from_millis(1)).await;
        let probe = limiter.try_acquire("a").unwrap();
        assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed, "one at a time");
        probe.record(CallResult::Throttled(None));
    }
    tokio::time::advance(Duration::from_secs(8)).await;
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted);
    let _out = [limiter.try_acquire("a").unwrap(), limiter.try_acquire("a").unwrap()];
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
}

/// How many are let permits of an open destination at once; all of them are taken.
fn run_all_permitted(limiter: &Arc<ConcurrencyLimiter>, destination: &str) -> usize {
    let permits: Vec<Permit> = std::iter::from_fn(|| limiter.try_acquire(destination).ok()).collect();
    let count = permits.len();
    permits.into_iter().for_each(|permit| permit.record(CallResult::Accepted));
    count
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_has_met_a_limit_widens_slowly_until_it_is_as_wide_as_a_new_one() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { initial_limit: 4, max_limit: 100, ..CONFIG });
    throttle(&limiter, "a");
    tokio::time::advance(CONFIG.initial_cooldown).await;
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted);
    let widths: Vec<usize> = (0..6).map(|_| run_all_permitted(&limiter, "a")).collect();
    assert_eq!(widths, [2, 3, 4, 6, 9, 13]);
}

#[tokio::test(start_paused = true)]
async fn a_free_place_lets_one_through_a_closed_gate() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    throttle(&limiter, "a");
    enqueue(&limiter, "a", "demo");
    enqueue(&limiter, "a", "other");
    assert!(next_ready(&limiter).is_none());
    limiter.release_slot("a");
    let (name, permit) = next_ready(&limiter).unwrap();
    assert_eq!(name, "demo");
    assert!(next_ready(&limiter).is_none());
    drop(permit);
    assert_eq!(next_ready(&limiter).unwrap().0, "other", "an unused permit is the next one's");
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_past_those_who_wait() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    drop(limiter.try_acquire("a").unwrap());
    enqueue(&limiter, "a", "demo");
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
}

#[tokio::test(start_paused = true)]
async fn projects_take_turns_however_many_jobs_each_has() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    throttle(&limiter, "a");
    let (project, since, first) = key("big");
    for number in 0..5u64 {
        let text = format!("big#{number}#{}", first.as_str().rsplit('#').next().unwrap());
        limiter.enqueue("a", &project, since + Duration::from_secs(number), &text.parse().unwrap());
    }
    enqueue(&limiter, "a", "small");
    let order: Vec<String> = (0..4)
        .map(|_| {
            limiter.release_slot("a");
            let (name, permit) = next_ready(&limiter).unwrap();
            permit.record(CallResult::Accepted);
            name
        })
        .collect();
    assert_eq!(order, ["big", "small", "big", "big"]);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_falls_free_serves_every_pool_until_one_shows_a_limit_of_its_own() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    throttle(&limiter, "a");
    throttle(&limiter, "b");
    enqueue(&limiter, "b", "demo");
    limiter.release_slot("a");
    let (_, permit) = next_ready(&limiter).unwrap();
    permit.record(CallResult::Throttled(None));
    enqueue(&limiter, "b", "demo");
    assert!(next_ready(&limiter).is_none(), "b's limit is its own: a's places do not help");
    enqueue(&limiter, "a", "other");
    assert_eq!(next_ready(&limiter).unwrap().0, "other", "the place is still free for a's");
}

#[tokio::test(start_paused = true)]
async fn only_the_first_of_some_refusals_in_a_row_matters_where_a_gate_bears_them() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { trip_after: 3, ..CONFIG });
    throttle(&limiter, "a");
    throttle(&limiter, "a");
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted);
    throttle(&limiter, "a");
    throttle(&limiter, "a");
    limiter.try_acquire("a").unwrap().record(CallResult::Throttled(Some(Duration::from_secs(5))));
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed, "it asked for five seconds");
}
