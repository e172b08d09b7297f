//! What the test does at each code block of the deployment: a changed order or number of blocks is an error.

use std::fmt;
use std::time::Duration;

use anyhow::bail;

/// A code block, known by its first line.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) first_line: &'static str,
    /// What the page's text asks for before this block.
    pub(super) by_hand: &'static [Edit],
    pub(super) execution: Execution,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Execution {
    /// Typed as it stands. A script that would ask for a confirmation also gets `--yes`, since there is no terminal.
    Typed,
    /// Cannot happen here, for this reason.
    Impossible(&'static str),
}

/// What a person changes between two blocks, and what stands in for AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// The sandbox's forge takes the place of github.com, which the machine may be unable to reach.
    NameRepository,
    /// The emulator has no autoscaling.
    DisableAutoscaling,
    /// `images`, as if they had been pushed, and `network`, as `describe-subnets` printed it.
    SetImagesAndNetwork,
    /// The emulator's ECS counts a task as running and runs nothing: a worker starts here with the task's environment
    /// and role.
    StartWorker,
    /// Uncomments `report_to`, names the sandbox's forge in it, and writes its token into a file.
    SetReportTarget,
    /// Workers read a changed document within this time.
    Wait(Duration),
}

/// The section "Install into AWS" of README.md.
pub(super) const README: [Step; 9] = [
    Step { first_line: "cp -r terraform/examples/minimal infra", by_hand: &[], execution: Execution::Typed },
    Step {
        first_line: "bin/deploy_infra infra",
        by_hand: &[Edit::NameRepository, Edit::DisableAutoscaling],
        execution: Execution::Typed,
    },
    Step {
        first_line: "bin/deploy_image infra",
        by_hand: &[],
        execution: Execution::Impossible("the emulator stores no images; the suite `images` builds them"),
    },
    Step { first_line: "bin/deploy_infra infra", by_hand: &[Edit::SetImagesAndNetwork], execution: Execution::Typed },
    Step {
        first_line: "cargo install --locked --path worker/cli",
        by_hand: &[],
        execution: Execution::Impossible("the suite `build` compiles the programs, which are on the PATH"),
    },
    Step {
        first_line: "eval \"$(terraform -chdir=infra output -raw environment)\"",
        by_hand: &[Edit::StartWorker],
        execution: Execution::Typed,
    },
    Step {
        first_line: "doorbell jobs watch \"$(trigger_job demo master)\"",
        by_hand: &[],
        execution: Execution::Typed,
    },
    Step {
        first_line: "aws secretsmanager create-secret --name doorbell/report/demo --secret-string file://token",
        by_hand: &[Edit::SetReportTarget],
        execution: Execution::Typed,
    },
    Step {
        first_line: "doorbell jobs watch \"$(trigger_job demo master)\"",
        by_hand: &[Edit::Wait(Duration::from_secs(30))],
        execution: Execution::Typed,
    },
];

/// The section "Deploy" of terraform/README.md, which explains the steps.
pub(super) const MODULE_PAGE: [Step; 1] = [Step {
    first_line: "aws ec2 describe-subnets --filters Name=default-for-az,Values=true \\",
    by_hand: &[],
    execution: Execution::Typed,
}];

/// The block of each step.
///
/// # Errors
/// A block was added, removed or moved, or begins otherwise.
pub(super) fn pair<'a>(steps: &'static [Step], blocks: &'a [String]) -> anyhow::Result<Vec<(&'static Step, &'a str)>> {
    let first_lines: Vec<_> = blocks.iter().map(|block| block.lines().next().unwrap_or_default()).collect();
    let expected: Vec<_> = steps.iter().map(|step| step.first_line).collect();
    if first_lines != expected {
        bail!("the page's code blocks are not those of this test:\n{}", Listing(&first_lines, &expected));
    }
    Ok(steps.iter().zip(blocks.iter().map(String::as_str)).collect())
}

struct Listing<'a>(&'a [&'a str], &'a [&'a str]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for at in 0..self.0.len().max(self.1.len()) {
            let line = |list: &[&str]| list.get(at).map_or("(none)".to_owned(), |line| format!("`{line}`"));
            writeln!(f, "  block {}: page {}, test {}", at + 1, line(self.0), line(self.1))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::blocks;
    use super::{MODULE_PAGE, README, Step, pair};

    const README_PAGE: &str = include_str!("../../../../README.md");
    const TERRAFORM_PAGE: &str = include_str!("../../../../terraform/README.md");

    #[test]
    fn pages_have_exactly_the_blocks_of_the_test() {
        pair(&README, &blocks(README_PAGE, "Install into AWS").unwrap()).unwrap();
        pair(&MODULE_PAGE, &blocks(TERRAFORM_PAGE, "Deploy").unwrap()).unwrap();
    }

    #[test]
    fn added_removed_and_moved_blocks_are_errors() {
        let typed = |steps: &[Step]| steps.iter().map(|step| step.first_line.to_owned()).collect::<Vec<_>>();
        let page = typed(&README);
        assert!(pair(&README, &page).is_ok());
        for at in 0..page.len() {
            let mut removed = page.clone();
            removed.remove(at);
            assert!(pair(&README, &removed).is_err(), "block {at} removed");
            let mut added = page.clone();
            added.insert(at, "rm -rf infra".to_owned());
            assert!(pair(&README, &added).is_err(), "block before {at} added");
            let mut moved = page.clone();
            moved.rotate_left(1);
            assert!(pair(&README, &moved).is_err(), "blocks moved");
        }
    }
}
