//! The run of a build through its phases.
use std::sync::Arc;

use tokio::time::sleep;

use super::build::SimulatedBuild;
use super::buildspec::Buildspec;
use super::container::Container;
use super::environment;
use super::log::BuildLog;
use super::log_stream::{BuildLogStream, LogUpload};
use super::machine::BuildMachine;
use super::options::BuildCredentials;
use super::phase::{PhaseContext, PhaseFailure, PhaseKind, PhaseStatus};
use super::processes::BuildProcesses;
use super::services::BuildRole;
use super::simulator::CodeBuildSimulator;
use super::variable;

/// Runs a new build to its completion.
pub(super) async fn run(simulator: Arc<CodeBuildSimulator>, build: SimulatedBuild, processes: Arc<BuildProcesses>) {
    let mut run = BuildRun { simulator, build, log_upload: None };
    run.end(Ok(()));
    run.begin(PhaseKind::Queued);
    let queued = run.wait_in_queue().await;
    let role = queued.as_ref().ok().cloned();
    run.end(queued.map(drop));
    if let Some(role) = role {
        run.run_on_machine(role, processes).await;
    }
    run.simulator.complete(&run.build.id);
}

struct BuildRun {
    simulator: Arc<CodeBuildSimulator>,
    build: SimulatedBuild,
    log_upload: Option<LogUpload>,
}

impl BuildRun {
    fn begin(&self, phase: PhaseKind) {
        self.simulator.begin_phase(&self.build.id, phase);
    }

    fn end(&self, outcome: Result<(), PhaseFailure>) {
        self.simulator.end_phase(&self.build.id, outcome);
    }

    async fn wait_in_queue(&self) -> Result<Arc<dyn BuildRole>, PhaseFailure> {
        tokio::select! {
            () = self.simulator.wait_for_slot(&self.build.id) => {}
            interruption = self.wait_for_interruption(self.build.queued_minutes) => return Err(interruption),
        }
        let session = format!("AWSCodeBuild-{}", self.build.uuid);
        self.simulator.assume_role(&self.build.service_role, &session, &self.build.project).await.map_err(|error| {
            let message = format!(
                "CodeBuild is not authorized to perform: sts:AssumeRole on {}: {error}",
                self.build.service_role
            );
            PhaseFailure::new(PhaseStatus::ClientError, PhaseContext::new("ACCESS_DENIED", message))
        })
    }

    /// Waits until the build is stopped, or until its timeout in minutes expires.
    async fn wait_for_interruption(&self, minutes: u32) -> PhaseFailure {
        let limit = self.simulator.settings().minute_length * minutes;
        tokio::select! {
            () = self.build.stop.cancelled() => {
                PhaseFailure::new(PhaseStatus::Stopped, PhaseContext::new("BUILD_STOPPED", "Build was stopped"))
            }
            () = sleep(limit) => PhaseFailure::new(PhaseStatus::TimedOut, PhaseContext::new("BUILD_TIMED_OUT", "Build has timed out. ")),
        }
    }

    async fn run_on_machine(&mut self, role: Arc<dyn BuildRole>, processes: Arc<BuildProcesses>) {
        self.begin(PhaseKind::Provisioning);
        let options = &self.simulator.options;
        let container = Container(options.image.clone());
        let mut machine = match BuildMachine::provision(&options.work_dir, container, &self.build.uuid, processes).await
        {
            Ok(machine) => machine,
            Err(error) => return self.end(Err(internal_fault(error))),
        };
        self.attach_log_stream(&machine.log, role.clone()).await;
        self.end(Ok(()));
        let interrupted = tokio::select! {
            () = self.run_phases(&mut machine, role) => None,
            interruption = self.wait_for_interruption(self.build.timeout_minutes) => Some(interruption),
        };
        match interrupted {
            None => {
                self.begin(PhaseKind::Finalizing);
                self.tear_down(machine).await;
                self.end(Ok(()));
            }
            Some(failure) => {
                machine.processes.terminate(self.simulator.settings().grace_period).await;
                self.log_failure(&machine.log, &Err(failure.clone())).await;
                self.tear_down(machine).await;
                self.end(Err(failure));
            }
        }
    }

    async fn attach_log_stream(&mut self, log: &BuildLog, role: Arc<dyn BuildRole>) {
        if let Some((group, stream)) = self.build.log_stream.clone() {
            let (stream, log_upload) = BuildLogStream::open(role, group, stream);
            log.stream_to(stream).await;
            self.log_upload = Some(log_upload);
        }
    }

    /// From DOWNLOAD_SOURCE to the last phase that has work in a build without artifacts.
    async fn run_phases(&self, machine: &mut BuildMachine, role: Arc<dyn BuildRole>) {
        self.begin(PhaseKind::DownloadSource);
        let (buildspec, outcome) = match self.prepare(machine, role).await {
            Ok(buildspec) => (Some(buildspec), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        self.finish_phase(&machine.log, PhaseKind::DownloadSource, outcome).await;
        let Some(buildspec) = buildspec else { return };
        let mut succeeding = true;
        for phase in [PhaseKind::Install, PhaseKind::PreBuild, PhaseKind::Build, PhaseKind::PostBuild] {
            self.begin(phase);
            let outcome = machine.run_phase(buildspec.commands(phase), succeeding).await;
            succeeding &= outcome.is_ok();
            self.finish_phase(&machine.log, phase, outcome).await;
            // Only BUILD is followed by the next phase when it fails (CodeBuild's guide, "build phase transitions").
            if !succeeding && matches!(phase, PhaseKind::Install | PhaseKind::PreBuild) {
                return;
            }
        }
        self.begin(PhaseKind::UploadArtifacts);
        self.finish_phase(&machine.log, PhaseKind::UploadArtifacts, Ok(())).await;
    }

    /// Prepares what the first command needs.
    async fn prepare(&self, machine: &mut BuildMachine, role: Arc<dyn BuildRole>) -> Result<Buildspec, PhaseFailure> {
        let buildspec = Buildspec::parse(&self.build.buildspec)
            .map_err(|context| PhaseFailure::new(PhaseStatus::ClientError, context))?;
        let variables = variable::overlay(&buildspec.variables(), &self.build.environment.environment_variables);
        let resolved = variable::resolve(&variables, role.as_ref()).await;
        // FAILED, not CLIENT_ERROR, as the logs in public issues show it.
        let resolved = resolved.map_err(|context| PhaseFailure::new(PhaseStatus::Failed, context))?;
        machine.log.mask(resolved.secrets).await;
        machine.set_variables(environment::machine_variables(&self.simulator.options).map_err(internal_fault)?);
        machine.set_variables(resolved.values);
        machine.set_variables(environment::build_variables(&self.build, &self.simulator.location()));
        machine.set_variables(machine.directory_variables());
        if self.simulator.options.build_credentials == BuildCredentials::Endpoint {
            let credentials = self.simulator.credentials.grant(&self.simulator.location().url, &self.build.uuid, role);
            machine.set_variables(credentials.map_err(internal_fault)?);
        }
        Ok(buildspec)
    }

    async fn finish_phase(&self, log: &BuildLog, phase: PhaseKind, outcome: Result<(), PhaseFailure>) {
        let status = outcome.as_ref().map_or_else(|failure| failure.status, |()| PhaseStatus::Succeeded);
        log.write_line(&format!("Phase complete: {} State: {}", phase.as_str(), status.as_str())).await;
        self.log_failure(log, &outcome).await;
        self.end(outcome);
    }

    async fn log_failure(&self, log: &BuildLog, outcome: &Result<(), PhaseFailure>) {
        if let Err(PhaseFailure { context, .. }) = outcome {
            let line = format!("Phase context status code: {} Message: {}", context.status_code, context.message);
            log.write_line(&line).await;
        }
    }

    /// Removes the machine, as a container's end does.
    ///
    /// Background processes end before the log does, so their last lines are in it. The role's credentials are revoked.
    async fn tear_down(&mut self, machine: BuildMachine) {
        machine.processes.kill();
        self.simulator.credentials.revoke(&self.build.uuid);
        machine.destroy().await;
        if let Some(log_upload) = self.log_upload.take() {
            log_upload.finish().await;
        }
    }
}

/// The failure of a phase by an internal error, not by the caller.
fn internal_fault(error: impl std::fmt::Display) -> PhaseFailure {
    PhaseFailure::new(PhaseStatus::Fault, PhaseContext::new("INTERNAL_SERVICE_ERROR", error.to_string()))
}
