//! Start and end of the emulator's process.
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use doorbell_sandbox::aws::{AwsClient, AwsError};
use doorbell_sandbox::emulator::Emulator;
use doorbell_sandbox::test_ca::TestCa;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::call::{TestCall, check_allowed};
use super::{ARRIVAL_TIMEOUT_SECONDS, python};

/// The timeout of the launcher's start and of its end on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn missing_python_environment_error_names_setup_script() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("python");
    let error = Emulator::start(&missing, dir.path(), &TestCa::new().unwrap(), false).await.unwrap_err();
    assert!(error.to_string().contains("run bin/lib/python.sh"), "{error}");
}

#[tokio::test]
async fn dropped_emulator_handle_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let ca = TestCa::new().unwrap();
    let emulator = Emulator::start(&python(), dir.path(), &ca, false).await.unwrap();
    let client = AwsClient::new(emulator.endpoint(), "eu-central-1", emulator.root_key(), &ca).unwrap();
    let identity = [TestCall::Query("sts", "GetCallerIdentity", vec![])];
    check_allowed(&client, &identity).await;
    drop(emulator);
    let deadline = Instant::now() + Duration::from_secs(ARRIVAL_TIMEOUT_SECONDS.into());
    while identity[0].send(&client).await.is_ok() {
        assert!(Instant::now() < deadline, "the emulator still responds");
    }
    assert_eq!(identity[0].send(&client).await.unwrap_err().code, AwsError::NO_RESPONSE);
}

#[tokio::test]
async fn launcher_with_incompatible_emulator_refuses_to_start() {
    let launcher = include_str!("../../../emulator/launcher.py");
    check_refused(launcher, r#"VERSION = "1.5.33""#, r#"VERSION = "1.5.34""#, "the version of ministack").await;
    let (stock, changed) = ("stock = eventbridge._put_events\n", "stock = eventbridge._put_events_renamed\n");
    check_refused(launcher, stock, changed, "_put_events_renamed").await;
    let patch = "iam_actions.extract_iam_action = extract_iam_action";
    check_refused(launcher, patch, "pass", "the patched action of a batch call").await;
}

/// Checks that the launcher with `old` replaced stops before it serves, and prints `reason`.
async fn check_refused(launcher: &str, old: &str, new: &str, reason: &str) {
    assert!(launcher.contains(old), "the launcher does not contain {old}");
    let dir = tempfile::tempdir().unwrap();
    let mut launcher = spawn(dir.path(), &launcher.replace(old, new));
    // Kept open, since the launcher exits without a message when its input ends.
    let _input = launcher.stdin.take();
    let output = timeout(START_TIMEOUT, launcher.wait_with_output()).await.unwrap().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(stderr.contains(reason), "{stderr}");
}

#[tokio::test]
async fn launcher_exits_when_stdin_closes() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = TestCa::new().unwrap().issue().unwrap();
    std::fs::write(dir.path().join("server.crt"), &certificate.cert_pem).unwrap();
    std::fs::write(dir.path().join("server.key"), &certificate.key_pem).unwrap();
    let mut launcher = spawn(dir.path(), include_str!("../../../emulator/launcher.py"));
    let mut lines = BufReader::new(launcher.stdout.take().unwrap()).lines();
    let response = timeout(START_TIMEOUT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(response.contains("\"port\""), "{response}");
    assert!(launcher.try_wait().unwrap().is_none(), "it ended while its input was open");
    drop(launcher.stdin.take());
    let status = timeout(START_TIMEOUT, launcher.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

/// Starts a launcher with that source in `dir`.
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
