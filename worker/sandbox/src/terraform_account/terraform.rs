//! Terraform or OpenTofu, run as the account's owner runs it.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use super::fixture::BareEnvironment;
use super::permissions::granted_actions;
use crate::account::definition::{ACCOUNT_ID, REGION};

#[derive(Debug)]
pub(crate) struct Terraform {
    program: PathBuf,
    configuration: PathBuf,
    environment: BTreeMap<String, String>,
    log: PathBuf,
}

/// Keeps the provider from calling endpoints that do not exist here.
const PROVIDER_OVERRIDE: &str =
    "provider \"aws\" {\n  skip_metadata_api_check = true\n  skip_region_validation  = true\n}\n";

/// The plan's file, in the configuration's directory.
const APPLIED_PLAN: &str = "applied.tfplan";

impl Terraform {
    /// Writes the variables that differ from an account at AWS: the forge, the images, and no autoscaling, which the
    /// emulator lacks.
    pub(crate) fn prepare(program: PathBuf, configuration: PathBuf, fixture: &BareEnvironment) -> anyhow::Result<Self> {
        let image =
            |name: &str| format!("{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com/doorbell/{name}@sha256:{:064}", 1);
        let variables = json!({
            "account_id": ACCOUNT_ID,
            "region": REGION,
            "images": { "worker": image("worker"), "build": image("build") },
            "autoscaling": false,
            "forge_url": fixture.forge.url(),
            "git_url": format!("{}/demo.git", fixture.forge.url()),
        });
        let write = |name: &str, text: String| {
            let path = configuration.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("emulator_override.tf", PROVIDER_OVERRIDE.to_owned())?;
        write("emulator.auto.tfvars.json", variables.to_string())?;
        let key = fixture.emulator.root_key();
        let mut environment = fixture.sdk_environment();
        environment.insert("AWS_ACCESS_KEY_ID".to_owned(), key.access_key_id);
        environment.insert("AWS_SECRET_ACCESS_KEY".to_owned(), key.secret_access_key);
        // The variable from which Terraform's provider reads its CA bundle.
        environment.insert("AWS_CA_BUNDLE".to_owned(), environment["SSL_CERT_FILE"].clone());
        // A retry cannot help here.
        environment.insert("AWS_MAX_ATTEMPTS".to_owned(), "3".to_owned());
        Ok(Self { program, configuration, environment, log: fixture.file("terraform.log") })
    }

    pub(crate) fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// Plans and applies; the plan stays in the directory for inspection.
    pub(crate) async fn apply(&self) -> anyhow::Result<()> {
        self.run(&["plan", "-input=false", "-no-color", "-out", APPLIED_PLAN]).await?;
        self.run(&["apply", "-input=false", "-no-color", "-parallelism=30", APPLIED_PLAN]).await?;
        Ok(())
    }

    /// What [`Terraform::apply`] planned. The state has what the emulator answers, which repeats less than AWS.
    pub(super) async fn plan(&self) -> anyhow::Result<TerraformState> {
        let plan = TerraformState::parse(&self.run(&["show", "-json", APPLIED_PLAN]).await?)?;
        Ok(TerraformState(json!({ "values": plan.0["planned_values"] })))
    }

    pub(crate) async fn destroy(&self) -> anyhow::Result<()> {
        self.run(&["destroy", "-input=false", "-no-color", "-parallelism=30", "-auto-approve"]).await?;
        let state = self.run(&["show", "-json"]).await?;
        let state: Value = serde_json::from_slice(&state)?;
        ensure!(state["values"]["root_module"].is_null(), "destroy left resources in the state: {state}");
        Ok(())
    }

    pub(crate) async fn state(&self) -> anyhow::Result<TerraformState> {
        TerraformState::parse(&self.run(&["show", "-json"]).await?)
    }

    /// Runs the program and returns its output, which is also in the log.
    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = Command::new(&self.program)
            .arg(format!("-chdir={}", self.configuration.display()))
            .args(arguments)
            .envs(&self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        let printed = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        std::io::Write::write_all(&mut log, &printed)?;
        let verb = arguments.first().copied().unwrap_or_default();
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{verb} failed: {}", error.trim());
        Ok(output.stdout)
    }
}

/// The state or a plan, as `show -json` prints it.
#[derive(Debug)]
pub(crate) struct TerraformState(Value);

impl TerraformState {
    /// Parses what `show -json` printed.
    ///
    /// # Errors
    /// It is not JSON.
    pub(crate) fn parse(json: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(serde_json::from_slice(json).context("terraform show -json printed no JSON")?))
    }

    /// An output of the module.
    pub(crate) fn output(&self, name: &str) -> &Value {
        &self.0["values"]["outputs"]["doorbell"]["value"][name]
    }

    pub(crate) fn resource_count(&self) -> usize {
        self.managed_resources().len()
    }

    /// The values of the resource of that name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn resource(&self, kind: &str, name: &str) -> anyhow::Result<&Value> {
        let is_match = |resource: &&Value| resource["type"] == kind && resource["values"]["name"] == name;
        let found = self.managed_resources().into_iter().find(is_match);
        found.map(|resource| &resource["values"]).with_context(|| format!("there is no {kind} {name}"))
    }

    /// The values of all resources of that kind.
    pub(crate) fn resources_of_type(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.managed_resources()
            .into_iter()
            .filter(move |resource| resource["type"] == kind)
            .map(|resource| &resource["values"])
    }

    /// The values of the only resource of that kind.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(crate) fn single_resource(&self, kind: &str) -> anyhow::Result<&Value> {
        let mut found = self.resources_of_type(kind);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            _ => bail!("there is not exactly one {kind}"),
        }
    }

    /// The actions that the worker's role allows.
    ///
    /// # Errors
    /// It has no policy.
    pub(crate) fn worker_actions(&self) -> anyhow::Result<BTreeSet<String>> {
        Ok(granted_actions(&self.worker_policy()?))
    }

    /// The policy of the worker's role.
    ///
    /// # Errors
    /// It has none.
    pub(crate) fn worker_policy(&self) -> anyhow::Result<Value> {
        let role = self.output("worker_role_name");
        let is_match =
            |resource: &&Value| resource["type"] == "aws_iam_role_policy" && resource["values"]["role"] == *role;
        let policy = self.managed_resources().into_iter().find(is_match).context("the worker's role has no policy")?;
        Ok(serde_json::from_str(policy["values"]["policy"].as_str().unwrap_or_default())?)
    }

    fn managed_resources(&self) -> Vec<&Value> {
        let mut found = Vec::new();
        let mut modules = vec![&self.0["values"]["root_module"]];
        while let Some(module) = modules.pop() {
            let list = |name: &str| module[name].as_array().into_iter().flatten();
            found.extend(list("resources").filter(|resource| resource["mode"] == "managed"));
            modules.extend(list("child_modules"));
        }
        found
    }
}
