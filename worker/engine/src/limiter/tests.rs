use std::time::Duration;

use super::*;

const CONFIG: LimiterConfig = LimiterConfig {
    initial_limit: 2,
    max_limit: 8,
    trip_after: 1,
    initial_cooldown: Duration::from_secs(1),
    max_cooldown: Duration::from_secs(8),
    kept_windows: 4,
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
async fn limit_grows_on_accepted_calls_and_trips_when_throttled() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    let permits: Vec<Permit> = (0..2).map(|_| limiter.try_acquire("a").unwrap()).collect();
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
    permits.into_iter().for_each(|permit| permit.record(CallResult::Accepted(None)));
    let permits: Vec<Permit> = (0..4).map(|_| limiter.try_acquire("a").unwrap()).collect();
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
    permits.into_iter().for_each(|permit| permit.record(CallResult::Throttled(None)));
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed);
    assert!(limiter.try_acquire("b").is_ok(), "another destination is another limit");
}

#[tokio::test(start_paused = true)]
async fn tripped_limit_is_probed_with_growing_cooldown() {
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
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted(None));
    let _out = [limiter.try_acquire("a").unwrap(), limiter.try_acquire("a").unwrap()];
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
}

/// The numbers of permits that are granted at once, one window after the other, where all calls take this long.
fn windows(limiter: &Arc<ConcurrencyLimiter>, count: usize, time: Option<Duration>) -> Vec<usize> {
    let window = || {
        let permits: Vec<Permit> = std::iter::from_fn(|| limiter.try_acquire("a").ok()).collect();
        let size = permits.len();
        permits.into_iter().for_each(|permit| permit.record(CallResult::Accepted(time)));
        size
    };
    (0..count).map(|_| window()).collect()
}

#[tokio::test(start_paused = true)]
async fn limit_doubles_with_each_window_until_a_call_is_throttled() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { initial_limit: 8, max_limit: 100, trip_after: 2, ..CONFIG });
    assert_eq!(windows(&limiter, 4, None), [8, 16, 32, 64]);
    throttle(&limiter, "a");
    assert_eq!(windows(&limiter, 3, None), [50, 75, 100], "from half of the most");
}

#[tokio::test(start_paused = true)]
async fn limit_does_not_grow_while_answers_take_twice_as_long() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { initial_limit: 8, max_limit: 100, ..CONFIG });
    let millis = |millis| Some(Duration::from_millis(millis));
    assert_eq!(windows(&limiter, 2, millis(100)), [8, 16]);
    assert_eq!(windows(&limiter, 3, millis(250)), [32, 63, 63], "the first window shows it");
    assert_eq!(windows(&limiter, 3, millis(110)), [63, 64, 100]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_come_too_fast_pause_and_do_not_close_the_limit() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { initial_limit: 8, max_limit: 100, ..CONFIG });
    for (number, millis) in [200, 400, 800].into_iter().enumerate() {
        let permits: Vec<Permit> = std::iter::from_fn(|| limiter.try_acquire("a").ok()).collect();
        assert_eq!(permits.len(), 8 >> number);
        permits.into_iter().for_each(|permit| permit.record(CallResult::TooFast));
        assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued, "not closed");
        let (project, since, key) = key("waits");
        limiter.enqueue("a", &project, since, &key);
        let began = Instant::now();
        drop(limiter.next_ready().await);
        assert_eq!(began.elapsed(), Duration::from_millis(millis));
    }
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted(None));
    limiter.try_acquire("a").unwrap().record(CallResult::TooFast);
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(limiter.try_acquire("a").is_ok(), "an accepted call ends the doubling");
}

#[tokio::test(start_paused = true)]
async fn jobs_at_an_open_limit_keep_capacity_until_it_trips() {
    let (limiter, pool) = (ConcurrencyLimiter::new(CONFIG), crate::job_tasks::TaskPool::new(10));
    let in_flight: Vec<Permit> = (0..2).map(|_| limiter.try_acquire("a").unwrap()).collect();
    let mut kept = 0;
    for number in 0..9 {
        let name = format!("waiting-{number}");
        enqueue(&limiter, "a", &name);
        kept += usize::from(limiter.keep_capacity(&key(&name).2, pool.acquire(1).await.unwrap()).is_none());
    }
    assert_eq!(kept, 8, "four times as many as calls pass at once");
    let other = limiter.keep_capacity(&key("other").2, pool.acquire(1).await.unwrap());
    assert!(other.is_some(), "it does not wait");
    drop(other);
    assert_eq!(pool.free_capacity(), 2);
    let mut in_flight = in_flight.into_iter();
    in_flight.next().unwrap().record(CallResult::Accepted(None));
    let ready = limiter.try_next_ready().unwrap();
    assert!(ready.capacity.is_some(), "it goes on with its capacity");
    in_flight.next().unwrap().record(CallResult::Throttled(None));
    drop(ready);
    assert_eq!(pool.free_capacity(), 10);
}

/// How many permits a destination grants at once; all of those calls are accepted.
fn run_all_permitted(limiter: &Arc<ConcurrencyLimiter>, destination: &str) -> usize {
    let permits: Vec<Permit> = std::iter::from_fn(|| limiter.try_acquire(destination).ok()).collect();
    let count = permits.len();
    permits.into_iter().for_each(|permit| permit.record(CallResult::Accepted(None)));
    count
}

#[tokio::test(start_paused = true)]
async fn throttled_limit_grows_slowly_up_to_its_initial_value() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { initial_limit: 4, max_limit: 100, ..CONFIG });
    throttle(&limiter, "a");
    tokio::time::advance(CONFIG.initial_cooldown).await;
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted(None));
    let limits: Vec<usize> = (0..6).map(|_| run_all_permitted(&limiter, "a")).collect();
    assert_eq!(limits, [2, 3, 4, 6, 9, 13]);
}

#[tokio::test(start_paused = true)]
async fn freed_slot_lets_one_job_pass_a_tripped_limit() {
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
async fn new_job_cannot_overtake_waiting_jobs() {
    let limiter = ConcurrencyLimiter::new(CONFIG);
    drop(limiter.try_acquire("a").unwrap());
    enqueue(&limiter, "a", "demo");
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Queued);
}

#[tokio::test(start_paused = true)]
async fn slots_are_shared_round_robin_between_projects() {
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
            permit.record(CallResult::Accepted(None));
            name
        })
        .collect();
    assert_eq!(order, ["big", "small", "big", "big"]);
}

#[tokio::test(start_paused = true)]
async fn freed_slot_serves_all_groups_until_one_has_its_own_limit() {
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
async fn limit_trips_after_consecutive_throttled_calls() {
    let limiter = ConcurrencyLimiter::new(LimiterConfig { trip_after: 3, ..CONFIG });
    throttle(&limiter, "a");
    throttle(&limiter, "a");
    limiter.try_acquire("a").unwrap().record(CallResult::Accepted(None));
    throttle(&limiter, "a");
    throttle(&limiter, "a");
    limiter.try_acquire("a").unwrap().record(CallResult::Throttled(Some(Duration::from_secs(5))));
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(limiter.try_acquire("a").unwrap_err(), Admission::Closed, "it asked for five seconds");
}
