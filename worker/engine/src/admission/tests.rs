use super::*;
use crate::job_tasks::TaskPool;
use crate::limiter::CallResult;
use crate::stubs::{ClockStub, NOW, config, row};

#[tokio::test]
async fn decision_without_a_trusted_time_is_deferred() {
    let observation = Observation::Due;
    assert!(AdmissionController::new(ClockStub(None), config()).decide(&row(1), &observation, &mut None).is_none());
    let admission = AdmissionController::new(ClockStub(Some(NOW)), config());
    let permitted = admission.decide(&row(1), &observation, &mut None).unwrap();
    assert_eq!(permitted.decision.effects, [Effect::ReadPolicy]);
    assert!(permitted.permits.start.is_none() && permitted.permits.forge.is_none());
}

#[tokio::test]
async fn permit_of_another_destination_is_not_used() {
    let limiter = ConcurrencyLimiter::new(BUILD_LIMITER);
    let mut permit = Some(limiter.try_acquire("a").unwrap());
    let other = take_permit(&limiter, &mut permit, "b").unwrap();
    assert!(permit.is_some());
    take_permit(&limiter, &mut permit, "a").unwrap().record(CallResult::Accepted(None));
    assert!(permit.is_none());
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn job_that_waits_for_long_frees_its_capacity() {
    let admission = AdmissionController::new(ClockStub(Some(NOW)), config());
    let (pool, row) = (TaskPool::new(1), row(1));
    let _in_flight: Vec<Permit> = std::iter::from_fn(|| admission.forge_limiter.try_acquire("forge").ok()).collect();
    admission.forge_limiter.enqueue("forge", &row.request.project, NOW, &row.key);
    let called_at = Instant::now();
    admission.free_capacity(&row.key, pool.acquire(1).await).await;
    assert_eq!((called_at.elapsed(), pool.free_capacity()), (KEPT_CAPACITY_TIME, 1));
}
