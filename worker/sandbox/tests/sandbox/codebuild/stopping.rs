//! Stopped builds leave no process behind.
use super::*;

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

/// The process ids that a build has printed as `pid=<id>;`.
fn pids(log: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.starts_with("pid="));
    lines.map(|line| line.trim_start_matches("pid=").trim_end_matches(';').to_owned()).collect()
}

/// A process that ignores TERM, and one that has left the session.
const STUBBORN_COMMANDS: [&str; 3] = [
    "sh -c 'trap \"\" TERM; echo \"pid=$$;\"; while :; do sleep 1; done' &",
    "setsid sh -c 'echo \"pid=$$;\"; exec sleep 100' &",
    "echo \"pid=$$;\"; sleep 100",
];

async fn start_stubborn_build(settings: CodeBuildSettings) -> (CodeBuildFixture, String, Vec<String>) {
    let settings = CodeBuildSettings { grace_period: Duration::from_millis(200), ..settings };
    let fixture = CodeBuildFixture::with_settings(settings).await.with_commands(&STUBBORN_COMMANDS).await;
    let id = fixture.start(json!({})).await.unwrap();
    let end = Instant::now() + STEP_TIMEOUT;
    loop {
        let found = pids(&fixture.wait_for_log(&id, "").await);
        if found.len() == STUBBORN_COMMANDS.len() {
            assert!(found.iter().all(|pid| is_alive(pid)));
            return (fixture, id, found);
        }
        assert!(Instant::now() < end, "only these processes: {found:?}");
        sleep(POLL_INTERVAL).await;
    }
}

#[tokio::test]
async fn stopped_build_leaves_no_process() {
    let (fixture, id, pids) = start_stubborn_build(CodeBuildSettings::default()).await;
    fixture.call("StopBuild", json!({"id": id})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    assert_eq!(build["buildStatus"], "STOPPED");
    assert_eq!(
        phases(&build)[6..],
        [("BUILD", "STOPPED"), ("COMPLETED", "-")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
    fixture.call("StopBuild", json!({"id": id})).await.unwrap();
    assert_eq!(fixture.build(&id).await["buildStatus"], "STOPPED");
}

#[tokio::test]
async fn build_over_its_timeout_times_out() {
    let settings = CodeBuildSettings { minute_length: Duration::from_millis(400), ..CodeBuildSettings::default() };
    let fixture = CodeBuildFixture::with_settings(settings).await.with_commands(&["sleep 100"]).await;
    let id = fixture.start(json!({"timeoutInMinutesOverride": 5})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    assert_eq!(build["buildStatus"], "TIMED_OUT");
    assert_eq!(build["timeoutInMinutes"], 5);
    assert_eq!(context_of(&build, "BUILD")["statusCode"], "BUILD_TIMED_OUT");
}

#[tokio::test]
async fn dropped_codebuild_server_leaves_no_process() {
    let (fixture, _, pids) = start_stubborn_build(CodeBuildSettings::default()).await;
    drop(fixture);
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
}

#[tokio::test]
async fn background_processes_end_with_their_build() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["sleep 100 & echo \"pid=$!;\""]).await;
    let id = fixture.start(json!({})).await.unwrap();
    assert_eq!(fixture.wait_until_finished(&id).await["buildStatus"], "SUCCEEDED");
    let pids = pids(&fixture.wait_for_log(&id, "pid=").await);
    assert!(!is_alive(&pids[0]));
}

#[tokio::test]
async fn stopped_build_gets_a_grace_period() {
    let command = "trap 'echo \"last words\"; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let fixture = CodeBuildFixture::new().await.with_commands(&[command]).await;
    let id = fixture.start(json!({})).await.unwrap();
    fixture.wait_for_log(&id, "\nready\n").await;
    fixture.call("StopBuild", json!({"id": id})).await.unwrap();
    assert_eq!(fixture.wait_until_finished(&id).await["buildStatus"], "STOPPED");
    fixture.wait_for_log(&id, "\nlast words\n").await;
}
