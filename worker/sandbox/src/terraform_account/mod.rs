//! Tests the account that Terraform creates.
//!
//! It is applied to an empty emulator, used by the real binaries with the credentials that it gave them, and destroyed
//! again.
mod alarms;
mod documents;
pub(crate) mod fixture;
mod orphans;
mod parity;
mod permissions;
mod scenarios;
pub(crate) mod terraform;
pub(crate) mod worker;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;

use crate::programs::Programs;
use fixture::BareEnvironment;
use scenarios::TerraformScenarios;
use terraform::Terraform;

/// The arguments of `doorbell-sandbox terraform-account`.
#[derive(Debug, Args)]
pub struct TerraformAccountArguments {
    /// The Python environment with the AWS emulator; `bin/lib/python.sh` prints its path
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// The program: terraform or tofu
    #[arg(long, default_value = "terraform", value_name = "PROGRAM")]
    terraform: PathBuf,
    /// A copy of terraform/examples/complete in which `init` has been run; files are written into it
    #[arg(long, value_name = "FOLDER")]
    configuration: PathBuf,
    /// The files of the builds' image, to run builds in; needs root. Without it builds run among this machine's files
    #[arg(long, value_name = "FOLDER")]
    image: Option<PathBuf>,
    /// Writes the IAM actions of apply and destroy to this file, one a line
    #[arg(long, value_name = "FILE")]
    deployer_actions: Option<PathBuf>,
}

/// Runs the test; true if all checks passed.
///
/// # Errors
/// The first check that failed.
pub async fn run(arguments: TerraformAccountArguments) -> anyhow::Result<bool> {
    let deployer_file = arguments.deployer_actions;
    let fixture = BareEnvironment::start(&arguments.python, Programs::find()?, arguments.image).await?;
    let build_location =
        if fixture.builds_in_image() { "the image's files" } else { "the runner on this machine, without an image" };
    println!("builds run in: {build_location}");
    let terraform = Terraform::prepare(arguments.terraform, arguments.configuration, &fixture)?;

    let began = Instant::now();
    terraform.apply().await?;
    let mut deployer_actions = permissions::deployer_actions(&fixture)?;
    let terraform_state = terraform.state().await?;
    println!("applied: {} resources in {:.0} s", terraform_state.resource_count(), began.elapsed().as_secs_f64());

    let compared = parity::check(&terraform_state)?;
    println!("the sandbox's own account agrees with Terraform's in {compared} values");

    let began = Instant::now();
    let scenarios = TerraformScenarios::prepare(&fixture, &terraform_state).await?;
    scenarios.run().await?;
    println!("scenarios: {:.0} s", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let count = alarms::check(&scenarios, &terraform.plan().await?).await?;
    println!("alarms: {count}, each with its cause: {:.0} s", began.elapsed().as_secs_f64());
    let used = permissions::compare(&fixture, &terraform_state)?;
    println!("the worker used {used} actions: all that it was granted but the one for SecureStrings, and no others");
    let secrets = scenarios.secrets();
    let file_count = fixture.ensure_no_secrets(&secrets, &[terraform.configuration()])?;
    println!("none of {} secrets is in state, plan or logs ({file_count} files)", secrets.len());

    // The scenarios also used the deployer's key.
    let before = permissions::deployer_actions(&fixture)?;
    let began = Instant::now();
    terraform.destroy().await?;
    deployer_actions.extend(permissions::deployer_actions(&fixture)?.difference(&before).cloned());
    let orphans = orphans::find(&fixture.root).await?;
    ensure!(orphans.is_empty(), "destroy left resources: {}", orphans.join(", "));
    println!("destroyed, no resource left: {:.0} s", began.elapsed().as_secs_f64());
    if let Some(path) = &deployer_file {
        let lines: String = deployer_actions.iter().map(|action| format!("{action}\n")).collect();
        std::fs::write(path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}
