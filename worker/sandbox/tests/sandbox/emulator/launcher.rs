//! How the emulator's process starts and ends.
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use doorbell_sandbox::authority::Authority;
use doorbell_sandbox::aws::{AwsClient, AwsError};
use doorbell_sandbox::emulator::Emulator;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::call::{Call, check_allowed};
use super::{ARRIVAL, python};

/// The launcher's start, and its end, on a busy machine.
const START: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_missing_python_environment_is_named_with_the_script_that_makes_it() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("python");
    let error = Emulator::start(&missing, dir.path(), &Authority::new().unwrap(), false).await.unwrap_err();
    assert!(error.to_string().contains("run bin/lib/python.sh"), "{error}");
}

#[tokio::test]
async fn the_emulator_ends_with_its_handle() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new().unwrap();
    let emulator = Emulator::start(&python(), dir.path(), &authority, false).await.unwrap();
    let client = AwsClient::new(emulator.endpoint(), "eu-central-1", emulator.root_key(), &authority).unwrap();
    let identity = [Call::Query("sts", "GetCallerIdentity", vec![])];
    check_allowed(&client, &identity).await;
    drop(emulator);
    let deadline = Instant::now() + Duration::from_secs(ARRIVAL.into());
    while identity[0].send(&client).await.is_ok() {
        assert!(Instant::now() < deadline, "it still answers");
    }
    assert_eq!(identity[0].send(&client).await.unwrap_err().code, AwsError::NO_ANSWER);
}

#[tokio::test]
async fn the_launcher_refuses_an_emulator_that_it_was_not_written_for() {
    let launcher = include_str!("../../../emulator/launcher.py");
    check_refused(launcher, r#"VERSION = "1.5.33""#, r#"VERSION = "1.5.34""#, "the version of ministack").await;
    let (stock, changed) = ("stock = eventbridge._put_events\n", "stock = eventbridge._put_events_renamed\n");
    check_refused(launcher, stock, changed, "_put_events_renamed").await;
    let patch = "iam_actions.extract_iam_action = extract_iam_action";
    check_refused(launcher, patch, "pass", "the patched action of a batch call").await;
}

/// With `there` replaced in the launcher, it stops before it serves and says `why`.
async fn check_refused(launcher: &str, there: &str, instead: &str, why: &str) {
    assert!(launcher.contains(there), "the launcher no longer has {there}");
    let dir = tempfile::tempdir().unwrap();
    let mut launcher = spawn(dir.path(), &launcher.replace(there, instead));
    // Held, since the launcher ends quietly when its input does.
    let _input = launcher.stdin.take();
    let output = timeout(START, launcher.wait_with_output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(said.contains(why), "{said}");
}

#[tokio::test]
async fn the_launcher_ends_with_its_input_so_that_a_killed_test_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Authority::new().unwrap().issue().unwrap();
    std::fs::write(dir.path().join("server.crt"), &certificate.cert_pem).unwrap();
    std::fs::write(dir.path().join("server.key"), &certificate.key_pem).unwrap();
    let mut launcher = spawn(dir.path(), include_str!("../../../emulator/launcher.py"));
    let mut answers = BufReader::new(launcher.stdout.take().unwrap()).lines();
    let answer = timeout(START, answers.next_line()).await.unwrap().unwrap().unwrap();
    assert!(answer.contains("\"port\""), "{answer}");
    assert!(launcher.try_wait().unwrap().is_none(), "it ended while its input was open");
    drop(launcher.stdin.take());
    let status = timeout(START, launcher.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

/// A launcher with that text in `dir`.
fn spawn(dir: &Path, launcher: &str) -> Child {
    std::fs::write(dir.join("launcher.py"), launcher).unwrap();
    Command::new(python())
        .args(["-I", "-B", "launcher.py", "."])
        .current_dir(dir)
        .env_clear()
        .envs([("AWS_ACCESS_KEY_ID", "AKIAROOT"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("run bin/lib/python.sh")
}
