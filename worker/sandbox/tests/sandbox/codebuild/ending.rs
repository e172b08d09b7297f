//! Builds that are ended, and what is left of them: nothing.
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
const STUBBORN: [&str; 3] = [
    "sh -c 'trap \"\" TERM; echo \"pid=$$;\"; while :; do sleep 1; done' &",
    "setsid sh -c 'echo \"pid=$$;\"; exec sleep 100' &",
    "echo \"pid=$$;\"; sleep 100",
];

async fn with_stubborn_processes(settings: Settings) -> (Stage, String, Vec<String>) {
    let settings = Settings { grace: Duration::from_millis(200), ..settings };
    let stage = Stage::set_with(settings).await.with_commands(&STUBBORN).await;
    let id = stage.start(json!({})).await.unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        let found = pids(&stage.log_with(&id, "").await);
        if found.len() == STUBBORN.len() {
            assert!(found.iter().all(|pid| is_alive(pid)));
            return (stage, id, found);
        }
        assert!(Instant::now() < end, "only these processes: {found:?}");
        sleep(LOOK).await;
    }
}

#[tokio::test]
async fn a_build_that_is_stopped_leaves_no_process_behind() {
    let (stage, id, pids) = with_stubborn_processes(Settings::default()).await;
    stage.call("StopBuild", json!({"id": id})).await.unwrap();
    let build = stage.finished(&id).await;
    assert_eq!(build["buildStatus"], "STOPPED");
    assert_eq!(
        phases(&build)[6..],
        [("BUILD", "STOPPED"), ("COMPLETED", "-")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
    stage.call("StopBuild", json!({"id": id})).await.unwrap();
    assert_eq!(stage.build(&id).await["buildStatus"], "STOPPED");
}

#[tokio::test]
async fn a_build_that_takes_too_long_times_out() {
    let settings = Settings { minute: Duration::from_millis(400), ..Settings::default() };
    let stage = Stage::set_with(settings).await.with_commands(&["sleep 100"]).await;
    let id = stage.start(json!({"timeoutInMinutesOverride": 5})).await.unwrap();
    let build = stage.finished(&id).await;
    assert_eq!(build["buildStatus"], "TIMED_OUT");
    assert_eq!(build["timeoutInMinutes"], 5);
    assert_eq!(context_of(&build, "BUILD")["statusCode"], "BUILD_TIMED_OUT");
}

#[tokio::test]
async fn nothing_survives_the_server() {
    let (stage, _, pids) = with_stubborn_processes(Settings::default()).await;
    drop(stage);
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
}

#[tokio::test]
async fn background_processes_end_with_their_build() {
    let stage = Stage::set().await.with_commands(&["sleep 100 & echo \"pid=$!;\""]).await;
    let id = stage.start(json!({})).await.unwrap();
    assert_eq!(stage.finished(&id).await["buildStatus"], "SUCCEEDED");
    let pids = pids(&stage.log_with(&id, "pid=").await);
    assert!(!is_alive(&pids[0]));
}

#[tokio::test]
async fn a_build_that_is_stopped_has_time_to_end_by_itself() {
    let command = "trap 'echo \"last words\"; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    let stage = Stage::set().await.with_commands(&[command]).await;
    let id = stage.start(json!({})).await.unwrap();
    stage.log_with(&id, "\nready\n").await;
    stage.call("StopBuild", json!({"id": id})).await.unwrap();
    assert_eq!(stage.finished(&id).await["buildStatus"], "STOPPED");
    stage.log_with(&id, "\nlast words\n").await;
}
