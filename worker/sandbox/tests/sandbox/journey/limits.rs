//! A worker that may not open as many files and sockets as it would like.
use doorbell_sandbox::sandbox::Sandbox;
use doorbell_sandbox::worker_process::WorkerProcess;

use super::{JOB, PASSING, demo, sandbox, trigger};

/// What the operating system says, in the worker's log.
const NO_MORE: &str = "Too many open files";

async fn ring(sandbox: &Sandbox, jobs: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for number in 0..jobs {
        keys.push(trigger(sandbox, &["demo", "main", "--id", &number.to_string()]).await);
    }
    keys
}

async fn all_succeed(sandbox: &Sandbox, keys: &[String]) {
    for key in keys {
        assert_eq!(sandbox.until_settled(key, JOB * 3).await.unwrap().status(), "success", "{key}");
        assert_eq!(sandbox.builds_of(key).len(), 1, "{key}");
    }
}

async fn worker_with(sandbox: &Sandbox, files: impl Fn(&WorkerProcess) -> u64) -> WorkerProcess {
    let worker = sandbox.worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "2s")]).await.unwrap();
    worker.limit_files(files(&worker)).unwrap();
    worker
}

#[tokio::test]
async fn a_worker_with_64_files_finishes_its_jobs() {
    let sandbox = sandbox().await;
    demo(&sandbox, PASSING).await;
    let worker = worker_with(&sandbox, |_| 64).await;
    let keys = ring(&sandbox, 20).await;
    all_succeed(&sandbox, &keys).await;
    assert!(worker.open_files().unwrap() <= 64);
}

#[tokio::test]
async fn a_worker_that_can_open_nothing_more_loses_nothing_and_goes_on_when_it_can() {
    let sandbox = sandbox().await;
    demo(&sandbox, PASSING).await;
    let mut worker = worker_with(&sandbox, |worker| worker.open_files().unwrap()).await;
    let keys = ring(&sandbox, 6).await;
    worker.until_logged(NO_MORE, JOB).await.unwrap();
    worker.limit_files(1024).unwrap();
    all_succeed(&sandbox, &keys).await;
}
