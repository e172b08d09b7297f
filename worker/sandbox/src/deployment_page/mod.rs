//! Types the deployment as README.md says it, up to the first green flag; the emulator takes AWS's place. Then
//! `bin/prove_account` asks this account its questions.
mod page;
mod proof;
mod steps;
mod terminal;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;

use crate::account::definition::{ACCOUNT_ID, REGION};
use crate::forge::TokenScope;
use crate::git_host::EXECUTABLE_FILE;
use crate::programs::Programs;
use crate::terraform_account::fixture::BareEnvironment;
use crate::terraform_account::terraform::TerraformState;
use crate::terraform_account::worker::start_worker;
use crate::worker_process::WorkerProcess;
use steps::{Edit, Execution, MODULE_PAGE, README, Step};
use terminal::Terminal;

/// The arguments of `doorbell-sandbox deployment-page`.
#[derive(Debug, Args)]
pub struct DeploymentPageArguments {
    /// The Python environment with the AWS emulator; `bin/lib/python.sh` prints its path
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// A copy of the checkout: README.md, bin and terraform. The blocks are typed there
    #[arg(long, value_name = "FOLDER")]
    checkout: PathBuf,
}

/// Variables of this process that the terminal has, too: programs, and the provider's mirror.
const INHERITED: [&str; 4] = ["PATH", "TF_CLI_CONFIG_FILE", "TF_IN_AUTOMATION", "CHECKPOINT_DISABLE"];

/// The sample repository of the example, and its branch.
const SAMPLE: &str = "https://github.com/octocat/Hello-World.git";
const SAMPLE_BRANCH: &str = "master";

/// Runs the test; true if all blocks did what the page says.
///
/// # Errors
/// The first block that failed.
pub async fn run(arguments: DeploymentPageArguments) -> anyhow::Result<bool> {
    let checkout = std::path::absolute(&arguments.checkout)?;
    let read = |name: &str| std::fs::read_to_string(checkout.join(name)).with_context(|| format!("cannot read {name}"));
    let readme = page::blocks(&read("README.md")?, "Install into AWS")?;
    let module_page = page::blocks(&read("terraform/README.md")?, "Deploy")?;

    let fixture = BareEnvironment::start(&arguments.python, Programs::find()?, None).await?;
    let repository = fixture.forge.create_repository("demo").await?;
    let commit = repository.commit(SAMPLE_BRANCH, &[("README", EXECUTABLE_FILE, "Hello World!\n")], "First").await?;
    let scratch = fixture.file("terminal");
    std::fs::create_dir(&scratch)?;
    let environment = terminal_environment(&fixture)?;
    let mut person = Person {
        terminal: Terminal::new(checkout, &scratch, environment)?,
        fixture: &fixture,
        network: None,
        worker: None,
    };

    for (step, block) in steps::pair(&MODULE_PAGE, &module_page)? {
        let printed = person.perform(step, block).await?;
        person.network = network_in(&String::from_utf8_lossy(&printed));
    }
    for (step, block) in steps::pair(&README, &readme)? {
        person.perform(step, block).await?;
    }
    let flags = fixture.forge.flags(commit.as_str());
    let statuses: Vec<_> = flags.iter().map(|flag| flag.status.as_str()).collect();
    ensure!(statuses == ["success"], "the commit's flags are {statuses:?}");
    println!("the first green flag: success, {}", flags[0].comment);
    proof::prove(&fixture, &person.terminal).await?;
    Ok(true)
}

/// An administrator's terminal: the account's own key, and where the emulator is.
fn terminal_environment(fixture: &BareEnvironment) -> anyhow::Result<BTreeMap<String, String>> {
    let mut environment = fixture.sdk_environment();
    let key = fixture.emulator.root_key();
    environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.access_key_id);
    environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), key.secret_access_key);
    // Terraform's provider and the AWS CLI read this one.
    environment.insert("AWS_CA_BUNDLE".to_owned(), environment["SSL_CERT_FILE"].clone());
    // Version 1 of the AWS CLI reads this variable only.
    environment.insert("AWS_DEFAULT_REGION".to_owned(), REGION.to_owned());
    let forge = fixture.forge.url().trim_start_matches("https://").to_owned();
    environment.insert("DOORBELL_ALLOW_PRIVATE_FORGES".to_owned(), forge);
    for name in INHERITED {
        if let Ok(value) = std::env::var(name) {
            environment.insert(name.to_owned(), value);
        }
    }
    let programs = std::path::absolute(fixture.programs.dir())?;
    let path = format!("{}:{}", programs.display(), environment.get("PATH").map_or("", String::as_str));
    environment.insert("PATH".to_owned(), path);
    Ok(environment)
}

/// A VPC and its subnets, in HCL, as the table of `aws ec2 describe-subnets` shows them.
fn network_in(table: &str) -> Option<String> {
    let words: Vec<_> = table.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
    let vpc = words.iter().find(|word| word.starts_with("vpc-"))?;
    let subnets: Vec<_> =
        words.iter().filter(|word| word.starts_with("subnet-")).map(|subnet| format!("\"{subnet}\"")).collect();
    Some(format!("{{ vpc_id = \"{vpc}\", subnet_ids = [{}] }}", subnets.join(", ")))
}

/// Who follows the page.
struct Person<'a> {
    terminal: Terminal,
    fixture: &'a BareEnvironment,
    network: Option<String>,
    worker: Option<WorkerProcess>,
}

impl Person<'_> {
    /// Does what the text before the block says, and types the block; returns its output.
    async fn perform(&mut self, step: &Step, block: &str) -> anyhow::Result<Vec<u8>> {
        for edit in step.by_hand {
            self.edit(*edit).await.with_context(|| format!("{edit:?} before `{}`", step.first_line))?;
            println!("  by hand: {edit:?}");
        }
        match step.execution {
            Execution::Typed => {
                let printed = self.terminal.run(&without_confirmation(block)).await?;
                println!("  typed: {}", block.replace('\n', "\n         "));
                Ok(printed)
            }
            Execution::Impossible(reason) => {
                println!("  left out: {}: {reason}", step.first_line);
                Ok(Vec::new())
            }
        }
    }

    async fn edit(&mut self, edit: Edit) -> anyhow::Result<()> {
        let forge = self.fixture.forge.url();
        match edit {
            Edit::NameRepository => self.replace("infra/main.tf", SAMPLE, &format!("{forge}/demo.git")),
            Edit::DisableAutoscaling => {
                let publishers = "\n  publishers = {";
                let tasks = format!("\n  tasks = {{ autoscaling = false }}{publishers}");
                self.replace("infra/main.tf", publishers, &tasks)
            }
            Edit::SetImagesAndNetwork => self.set_images_and_network(),
            Edit::StartWorker => {
                let state = self.terminal.run("terraform -chdir=infra show -json").await?;
                let state = TerraformState::parse(&state)?;
                self.worker = Some(start_worker(self.fixture, &state, "worker", &[]).await?);
                Ok(())
            }
            Edit::Wait(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            Edit::SetReportTarget => {
                self.replace("infra/main.tf", "# report_to", "report_to")?;
                self.replace("infra/main.tf", "https://pagure.example.org", forge)?;
                let token = self.fixture.forge.create_token(TokenScope::Any, &["commit_flag"]);
                Ok(std::fs::write(self.terminal.file("token"), token)?)
            }
        }
    }

    fn set_images_and_network(&self) -> anyhow::Result<()> {
        let image =
            |name: &str| format!("\"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/doorbell/{name}@sha256:{:064}\"", 1);
        let network = self.network.as_deref().context("describe-subnets printed no VPC")?;
        let (worker, build) = (image("worker"), image("build"));
        let path = self.terminal.file("infra/terraform.tfvars");
        let variables = std::fs::read_to_string(&path)?;
        let added = format!("images = {{ worker = {worker}, build = {build} }}\nnetwork = {network}\n");
        Ok(std::fs::write(path, variables + &added)?)
    }

    /// Replaces the text that stands in the file once.
    fn replace(&self, file: &str, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.terminal.file(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        ensure!(text.matches(from).count() == 1, "{file} does not contain \"{from}\" once");
        Ok(std::fs::write(path, text.replace(from, to))?)
    }
}

/// The block for a terminal that cannot confirm.
fn without_confirmation(block: &str) -> String {
    let lines = block.lines().map(|line| match line {
        "bin/deploy_infra infra" => format!("{line} --yes"),
        line => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{network_in, without_confirmation};

    #[test]
    fn network_is_the_vpc_and_its_subnets() {
        let table = "|  vpc-1a |  subnet-2b |  eu-central-1a |\n|  vpc-1a |  subnet-3c | eu-central-1b |\n";
        let expected = "{ vpc_id = \"vpc-1a\", subnet_ids = [\"subnet-2b\", \"subnet-3c\"] }";
        assert_eq!(network_in(table).as_deref(), Some(expected));
        assert_eq!(network_in("|  DescribeSubnets  |\n"), None);
    }

    #[test]
    fn only_the_script_that_asks_is_confirmed() {
        let block = "aws iam get-user\nbin/deploy_infra infra\ntrue";
        assert_eq!(without_confirmation(block), "aws iam get-user\nbin/deploy_infra infra --yes\ntrue");
    }
}
