//! The account as Terraform makes it: applied to an empty emulator, used by the real binaries with the credentials that
//! it gave them, and destroyed again.
mod ground;
mod journey;
mod leftovers;
mod likeness;
mod rights;
mod terraform;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;
use clap::Args;

use crate::programs::Programs;
use ground::Ground;
use terraform::Terraform;

/// What `doorbell-sandbox applied` is told.
#[derive(Debug, Args)]
pub struct AppliedArguments {
    /// The Python environment with the AWS emulator, as `bin/lib/python.sh` prints it
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// terraform or tofu
    #[arg(long, default_value = "terraform", value_name = "PROGRAM")]
    terraform: PathBuf,
    /// A copy of terraform/examples/complete in which `init` has been run; files are written into it
    #[arg(long, value_name = "FOLDER")]
    configuration: PathBuf,
    /// The files of the builds' image, to run builds in; root only. Without it they run among this machine's files
    #[arg(long, value_name = "FOLDER")]
    image: Option<PathBuf>,
}

/// Runs it; true if everything went as it should.
///
/// # Errors
/// Whatever did not.
pub async fn run(arguments: AppliedArguments) -> anyhow::Result<bool> {
    let ground = Ground::start(&arguments.python, Programs::find()?, arguments.image).await?;
    let place =
        if ground.builds_in_image() { "the image's files" } else { "the runner on this machine, without an image" };
    println!("builds run in: {place}");
    let terraform = Terraform::prepare(arguments.terraform, arguments.configuration, &ground)?;

    let began = Instant::now();
    terraform.apply().await?;
    let account = terraform.account().await?;
    println!("applied: {} resources in {:.0} s", account.resources(), began.elapsed().as_secs_f64());

    let alike = likeness::check(&account)?;
    println!("the sandbox's own account is the same, where both define a thing: {alike} values");

    let began = Instant::now();
    let secrets = journey::travel(&ground, &account).await?;
    println!("the journey: {:.0} s", began.elapsed().as_secs_f64());
    let used = rights::compare(&ground, &account)?;
    println!("the worker used all of the {used} actions that it was granted, and no other");
    let places = ground.search(&secrets, &[terraform.configuration()])?;
    println!("no secret of {} in state, plan or logs ({places} files)", secrets.len());

    let began = Instant::now();
    terraform.destroy().await?;
    let left = leftovers::find(&ground.root).await?;
    ensure!(left.is_empty(), "destroy has left: {}", left.join(", "));
    println!("destroyed, and nothing is left: {:.0} s", began.elapsed().as_secs_f64());
    Ok(true)
}
