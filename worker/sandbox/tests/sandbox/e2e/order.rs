//! Jobs of one ref in an order, with two workers in two processes.
//!
//! The judge is a journal that the commands themselves write. The ledger and the list of builds are not asked.
use std::path::{Path, PathBuf};
use std::time::Duration;

use doorbell_messages::CommitId;
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use doorbell_sandbox::job::Job;
use doorbell_sandbox::proxy::Proxy;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{JOB_TIMEOUT, start_sandbox, trigger};

const ORDERS: [&str; 2] = ["serial", "newest"];

/// How long a command runs: two that run at once are seen.
const COMMAND: &str = "sleep 1";

/// The emulator's SNS stamps messages with whole seconds. Two of one second have no order of publishing.
const TIMESTAMP_RESOLUTION: Duration = Duration::from_secs(1);

/// How many writes of a kind a worker makes before the one after which it is killed.
const WRITES_BEFORE: [u64; 6] = [0, 1, 2, 3, 5, 8];

/// The time after which a worker that writes too little is killed all the same.
const KILL_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the second worker of a round works.
const UNDISTURBED_TIME: Duration = Duration::from_millis(700);

/// After the last kill, what the killed workers had received comes back after 20 s.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(180);

/// A project with an order, and three commits on its branch, each newer than the one before.
struct OrderedProject {
    name: String,
    order: &'static str,
    commits: Vec<CommitId>,
    journal: PathBuf,
}

impl OrderedProject {
    /// Registers a project; the command of its first commit is given, that of the others is [`COMMAND`].
    async fn register(sandbox: &Sandbox, name: &str, order: &'static str, first_command: &str) -> Self {
        let journal = sandbox.account.dir().join(format!("journal-{name}"));
        let repository = sandbox.forge.create_repository(name).await.unwrap();
        let mut commits = Vec::new();
        for (number, command) in [(1, first_command), (2, COMMAND), (3, COMMAND)] {
            let path = journal.display();
            let script =
                format!("#!/bin/sh\necho 'start {number}' >>'{path}'\n{command}\necho 'end {number}' >>'{path}'\n");
            let files = [("ci.sh", EXECUTABLE_FILE, script.as_str())];
            commits.push(repository.commit("main", &files, &format!("commit {number}")).await.unwrap());
        }
        let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
        document["order"] = json!(order);
        // A report in flight would keep a row unsettled for two minutes.
        document.as_object_mut().unwrap().remove("reportTo");
        sandbox.register_project(name, &document).await.unwrap();
        Self { name: name.to_owned(), order, commits, journal }
    }

    /// Publishes a request for a commit, by its number; returns the job's key.
    async fn publish(&self, sandbox: &Sandbox, number: usize) -> String {
        trigger(sandbox, &[&self.name, "main", "--commit", self.commits[number - 1].as_str()]).await
    }

    fn commands(&self) -> Vec<u32> {
        commands(&self.journal)
    }

    /// Checks the journal: no commit twice, and what the order promises for three commits in any order of publishing.
    fn check(&self) {
        let commands = self.commands();
        let mut numbers = commands.clone();
        numbers.sort_unstable();
        if self.order == "serial" {
            assert_eq!(numbers, [1, 2, 3], "{}: {commands:?}", self.name);
            return;
        }
        numbers.dedup();
        assert_eq!(commands, numbers, "{}: an older commit after a newer one", self.name);
        assert_eq!(commands.last(), Some(&3), "{}: the newest commit was not built", self.name);
    }
}

/// The numbers of the commits whose commands ran, in their order.
///
/// # Panics
/// Two commands ran at once, or one did not end.
fn commands(journal: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let interval = |pair: &[&str]| {
        let number = pair[0].strip_prefix("start ").and_then(|number| number.parse().ok());
        let number: u32 = number.unwrap_or_else(|| panic!("two commands at once: {lines:?}"));
        assert_eq!(pair.get(1), Some(&format!("end {number}").as_str()), "two commands at once: {lines:?}");
        number
    };
    lines.chunks(2).map(interval).collect()
}

async fn wait_for_start(project: &OrderedProject, number: usize) {
    let deadline = Instant::now() + JOB_TIMEOUT;
    let line = format!("start {number}\n");
    while !std::fs::read_to_string(&project.journal).unwrap_or_default().contains(&line) {
        assert!(Instant::now() < deadline, "{}: the command of commit {number} does not start", project.name);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn newer_commit_published_first_wins_while_another_runs() {
    let sandbox = start_sandbox().await;
    let go = sandbox.account.dir().join("go");
    let wait = format!("while ! [ -e '{}' ]; do sleep 0.05; done", go.display());
    let _workers = (sandbox.start_worker(&[]).await.unwrap(), sandbox.start_worker(&[]).await.unwrap());
    let mut projects = Vec::new();
    for order in ORDERS {
        let project = OrderedProject::register(&sandbox, order, order, &wait).await;
        let first = project.publish(&sandbox, 1).await;
        wait_for_start(&project, 1).await;
        let newest = project.publish(&sandbox, 3).await;
        sleep(TIMESTAMP_RESOLUTION).await;
        let keys = [first, newest, project.publish(&sandbox, 2).await];
        for key in &keys[1..] {
            let is_in_turn = |job: &Job| !job.json()["phase"]["turn"].is_null() || job.is_settled();
            sandbox.wait_for_job(key, JOB_TIMEOUT, is_in_turn).await.unwrap();
        }
        projects.push((project, keys));
    }
    std::fs::write(go, "").unwrap();
    for (project, keys) in &projects {
        let mut statuses = Vec::new();
        for key in keys {
            statuses.push(sandbox.wait_until_settled(key, JOB_TIMEOUT).await.unwrap().status().to_owned());
        }
        let is_serial = project.order == "serial";
        assert_eq!(statuses, ["success", "success", if is_serial { "success" } else { "canceled" }]);
        assert_eq!(project.commands(), if is_serial { &[1, 3, 2][..] } else { &[1, 3] }, "{}", project.name);
        project.check();
    }
}

/// A kind of write to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    OrderItem,
    Row,
}

impl Write {
    /// A text that only these calls of UpdateItem contain.
    fn text(self) -> &'static str {
        match self {
            Self::OrderItem => "#order#",
            Self::Row => "\"#row\"",
        }
    }
}

/// Lets a worker make so many writes of a kind, and kills it after the next one, before it has the reply.
///
/// `false`: it wrote less, and was killed all the same.
async fn kill_after_write(sandbox: &Sandbox, proxy: &Proxy, write: Write, writes_before: u64) -> bool {
    proxy.hold_response("DynamoDB_20120810.UpdateItem", write.text(), writes_before);
    let worker = sandbox.launch_worker(&[("AWS_ENDPOINT_URL", proxy.url())]).unwrap();
    let held = timeout(KILL_TIMEOUT, proxy.wait_until_held()).await;
    worker.kill().await.unwrap();
    held.is_ok()
}

#[tokio::test]
async fn killed_workers_keep_the_order_of_every_ref() {
    let sandbox = start_sandbox().await;
    let proxy = Proxy::start(sandbox.account.emulator().endpoint(), sandbox.account.ca(), 1).await.unwrap();
    let mut projects = Vec::new();
    for order in ORDERS {
        for numbers in [[1, 2, 3], [3, 2, 1], [1, 3, 2]] {
            let name = format!("{order}-{}{}{}", numbers[0], numbers[1], numbers[2]);
            projects.push((OrderedProject::register(&sandbox, &name, order, COMMAND).await, numbers));
        }
    }
    let (mut keys, mut kills) = (Vec::new(), Vec::new());
    let rounds = WRITES_BEFORE.into_iter().flat_map(|count| [(Write::OrderItem, count), (Write::Row, count)]);
    for (round, (write, count)) in rounds.enumerate() {
        // One more job of each project in the first rounds: it comes while others run or wait.
        for (project, numbers) in &projects {
            if let Some(number) = numbers.get(round) {
                keys.push(project.publish(&sandbox, *number).await);
            }
        }
        if kill_after_write(&sandbox, &proxy, write, count).await {
            kills.push((write, count));
        }
        let worker = sandbox.start_worker(&[]).await.unwrap();
        sleep(UNDISTURBED_TIME).await;
        worker.kill().await.unwrap();
        timeout(JOB_TIMEOUT, proxy.wait_until_idle()).await.unwrap();
        sandbox.make_phases_due().await.unwrap();
    }
    let poll = [("DOORBELL_BUILD_POLL_INTERVAL", "1s")];
    let _workers = (sandbox.start_worker(&poll).await.unwrap(), sandbox.start_worker(&poll).await.unwrap());
    for key in &keys {
        sandbox.wait_until_settled(key, SETTLE_TIMEOUT).await.unwrap();
        assert!(sandbox.builds_of(key).len() <= 1, "{key} has two builds");
    }
    projects.iter().for_each(|(project, _)| project.check());
    println!("killed after these writes: {kills:?}");
    let count = |write: Write| kills.iter().filter(|(kind, _)| *kind == write).count();
    assert!(count(Write::OrderItem) >= 2 && count(Write::Row) >= 3, "{kills:?}");
}
