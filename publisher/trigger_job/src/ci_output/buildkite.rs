use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::table;
use doorbell_publisher::{Publication, PublishReceipt};

/// The agent makes one request to Buildkite; it must not hold up the step for longer.
const ANNOTATE_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A box on the build's page, by the agent's own program, which every step has on its PATH.
pub(super) fn annotate(publication: &Publication, receipt: &PublishReceipt) -> Result<(), String> {
    // The context names the box: a step that is tried again writes into the same one.
    let context = format!("doorbell-{}", publication.request().project);
    let mut agent = Command::new("buildkite-agent")
        .args(["annotate", "--style", "info", "--context", &context])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("buildkite-agent can't be started for an annotation: {error}"))?;
    if let Some(mut stdin) = agent.stdin.take() {
        // An agent that has ended already says so by its exit code.
        let _ = stdin.write_all(table(publication, receipt).as_bytes());
    }
    wait_for_agent(&mut agent)
}

fn wait_for_agent(agent: &mut Child) -> Result<(), String> {
    let started = Instant::now();
    loop {
        match agent.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("buildkite-agent annotate ended with {status}")),
            Ok(None) if started.elapsed() < ANNOTATE_TIMEOUT => std::thread::sleep(POLL_INTERVAL),
            Ok(None) => {
                // Its end is not waited for: the step's own is.
                let _ = agent.kill();
                return Err(format!("buildkite-agent annotate took longer than {ANNOTATE_TIMEOUT:?}"));
            }
            Err(error) => return Err(format!("buildkite-agent annotate can't be waited for: {error}")),
        }
    }
}
