//! A worker at its limit of open files and sockets.
use doorbell_sandbox::sandbox::Sandbox;
use doorbell_sandbox::worker_process::WorkerProcess;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, start_sandbox, trigger};

/// The operating system's error in the worker's log.
const TOO_MANY_FILES: &str = "Too many open files";

async fn trigger_jobs(sandbox: &Sandbox, jobs: usize) -> Vec<String> {
    let mut keys = Vec::new();
    for number in 0..jobs {
        keys.push(trigger(sandbox, &["demo", "main", "--id", &number.to_string()]).await);
    }
    keys
}

async fn check_all_succeed(sandbox: &Sandbox, keys: &[String]) {
    for key in keys {
        assert_eq!(sandbox.wait_until_settled(key, JOB_TIMEOUT * 3).await.unwrap().status(), "success", "{key}");
        assert_eq!(sandbox.builds_of(key).len(), 1, "{key}");
    }
}

async fn worker_with_file_limit(sandbox: &Sandbox, files: impl Fn(&WorkerProcess) -> u64) -> WorkerProcess {
    let worker = sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "2s")]).await.unwrap();
    worker.limit_files(files(&worker)).unwrap();
    worker
}

#[tokio::test]
async fn worker_limited_to_64_open_files_finishes_its_jobs() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let worker = worker_with_file_limit(&sandbox, |_| 64).await;
    let keys = trigger_jobs(&sandbox, 20).await;
    check_all_succeed(&sandbox, &keys).await;
    assert!(worker.open_files().unwrap() <= 64);
}

#[tokio::test]
async fn worker_out_of_file_descriptors_recovers_without_loss() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let mut worker = worker_with_file_limit(&sandbox, |worker| worker.open_files().unwrap()).await;
    let keys = trigger_jobs(&sandbox, 6).await;
    worker.wait_for_log(TOO_MANY_FILES, JOB_TIMEOUT).await.unwrap();
    worker.limit_files(1024).unwrap();
    check_all_succeed(&sandbox, &keys).await;
}
