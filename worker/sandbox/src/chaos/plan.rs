//! Which jobs there are, and what each is to become: all of it from the seed.
use doorbell_messages::CommitId;
use serde_json::json;

use crate::dice::Dice;
use crate::forge::{EXECUTABLE, Repository};
use crate::sandbox::Sandbox;

/// The one project of a run.
pub(super) const PROJECT: &str = "storm";

/// A variable that requests may set: what the build does instead of the runner.
const PLAY: &str = "PLAY";

/// Builds of the buildspec's own cost little; every tenth is the runner with a checkout, as in production.
const RUNNER_PERCENT: u8 = 10;

/// What a job is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Its command succeeds.
    Passes,
    /// Its command fails.
    Fails,
    /// Its branch is not among those that the project may build.
    Refused,
}

/// One job: its own branch and commit, so that whatever is on that commit is about it.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    /// The publisher's id.
    pub(super) id: String,
    pub(super) branch: String,
    pub(super) commit: CommitId,
    pub(super) kind: Kind,
    /// Whether the request names the commit; else the worker asks the forge.
    names_commit: bool,
    /// `PLAY`'s value; without it the runner runs.
    play: Option<String>,
    /// How often it is published.
    pub(super) copies: u8,
}

/// A stand-in for most builds: the worker is under test, not the checkout.
pub(super) const BUILDSPEC: &str = "\
version: 0.2
phases:
  build:
    commands:
      - 'if [ -n \"$PLAY\" ]; then sleep ${PLAY%:*}; exit ${PLAY#*:}; else doorbell-runner; fi'
";

impl Planned {
    /// What `trigger_job` is given.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = [PROJECT, &self.branch, "--id", &self.id].map(str::to_owned).into();
        if self.names_commit {
            arguments.extend(["--commit".to_owned(), self.commit.to_string()]);
        }
        if let Some(play) = &self.play {
            arguments.extend(["--var".to_owned(), format!("{PLAY}={play}")]);
        }
        arguments
    }
}

/// Makes the repository, the project and the jobs. `forge` is the address under which the workers reach the forge.
pub(super) async fn make(sandbox: &Sandbox, forge: &str, seed: u64, jobs: u64) -> anyhow::Result<Vec<Planned>> {
    let repository = sandbox.forge.create_repository(PROJECT).await?;
    let drawn: Vec<_> = (0..jobs).map(|number| draw(seed, number)).collect();
    let mut commits = commits(&repository, &drawn).await?.into_iter();
    let mut document = sandbox.document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/job-*"]);
    document["variables"] = json!([PLAY]);
    document["reportTo"]["url"] = json!(forge);
    sandbox.register(PROJECT, &document).await?;
    let with_commit = |planned: Draw| {
        let commit = commits.next()?;
        Some(Planned {
            id: planned.branch.clone(),
            branch: planned.branch,
            commit,
            kind: planned.kind,
            names_commit: planned.names_commit,
            play: planned.play,
            copies: planned.copies,
        })
    };
    Ok(drawn.into_iter().map_while(with_commit).collect())
}

struct Draw {
    branch: String,
    kind: Kind,
    names_commit: bool,
    play: Option<String>,
    copies: u8,
}

fn draw(seed: u64, number: u64) -> Draw {
    let mut dice = Dice::of(seed, "job", number);
    let kind = dice.weighted(&[(65, Kind::Passes), (28, Kind::Fails), (7, Kind::Refused)]).unwrap_or(Kind::Passes);
    let branch = match kind {
        Kind::Passes | Kind::Fails => format!("job-{number}"),
        Kind::Refused => format!("wild-{number}"),
    };
    let code = if kind == Kind::Fails { 3 } else { 0 };
    let play = (!dice.percent(RUNNER_PERCENT)).then(|| format!("0.{}:{code}", dice.below(10)));
    // A refusal is told only where the request names the commit.
    let names_commit = kind == Kind::Refused || !dice.percent(10);
    Draw { branch, kind, names_commit, play, copies: if dice.percent(10) { 2 } else { 1 } }
}

/// One commit a job, in the order of the jobs.
async fn commits(repository: &Repository, drawn: &[Draw]) -> anyhow::Result<Vec<CommitId>> {
    let branches: Vec<(String, &str)> = drawn
        .iter()
        .map(|draw| (draw.branch.clone(), if draw.kind == Kind::Fails { "#!/bin/sh\nexit 3\n" } else { "#!/bin/sh\n" }))
        .collect();
    let files: Vec<_> = branches.iter().map(|(_, script)| [("ci.sh", EXECUTABLE, *script)]).collect();
    let branches: Vec<_> =
        branches.iter().zip(&files).map(|((branch, _), files)| (branch.as_str(), files.as_slice())).collect();
    repository.branches(&branches).await
}
