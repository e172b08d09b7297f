//! A build's way through its phases.
use std::sync::Arc;

use tokio::time::sleep;

use super::build::Build;
use super::buildspec::Buildspec;
use super::container::Container;
use super::environment;
use super::log::Log;
use super::log_stream::{LogStream, Shipping};
use super::machine::Machine;
use super::options::BuildCredentials;
use super::phase::{Context, Failure, PhaseKind, PhaseStatus};
use super::processes::Processes;
use super::services::BuildRole;
use super::site::Site;
use super::variable;

/// Runs a build that StartBuild has just entered, to its very end.
pub(super) async fn run(site: Arc<Site>, build: Build, processes: Arc<Processes>) {
    let mut run = Run { site, build, shipping: None };
    run.end(Ok(()));
    run.begin(PhaseKind::Queued);
    let queued = run.wait_in_queue().await;
    let role = queued.as_ref().ok().cloned();
    run.end(queued.map(drop));
    if let Some(role) = role {
        run.run_on_machine(role, processes).await;
    }
    run.site.complete(&run.build.id);
}

struct Run {
    site: Arc<Site>,
    build: Build,
    shipping: Option<Shipping>,
}

impl Run {
    fn begin(&self, phase: PhaseKind) {
        self.site.begin_phase(&self.build.id, phase);
    }

    fn end(&self, outcome: Result<(), Failure>) {
        self.site.end_phase(&self.build.id, outcome);
    }

    async fn wait_in_queue(&self) -> Result<Arc<dyn BuildRole>, Failure> {
        tokio::select! {
            () = self.site.place_for(&self.build.id) => {}
            interruption = self.interruption(self.build.queued_minutes) => return Err(interruption),
        }
        let session = format!("AWSCodeBuild-{}", self.build.uuid);
        self.site.assume(&self.build.service_role, &session, &self.build.project).await.map_err(|error| {
            let message = format!(
                "CodeBuild is not authorized to perform: sts:AssumeRole on {}: {error}",
                self.build.service_role
            );
            Failure::new(PhaseStatus::ClientError, Context::new("ACCESS_DENIED", message))
        })
    }

    /// Comes when the build is stopped, or has taken that many minutes.
    async fn interruption(&self, minutes: u32) -> Failure {
        let limit = self.site.settings().minute * minutes;
        tokio::select! {
            () = self.build.stop.cancelled() => {
                Failure::new(PhaseStatus::Stopped, Context::new("BUILD_STOPPED", "Build was stopped"))
            }
            () = sleep(limit) => Failure::new(PhaseStatus::TimedOut, Context::new("BUILD_TIMED_OUT", "Build has timed out. ")),
        }
    }

    async fn run_on_machine(&mut self, role: Arc<dyn BuildRole>, processes: Arc<Processes>) {
        self.begin(PhaseKind::Provisioning);
        let options = &self.site.options;
        let container = Container(options.image.clone());
        let mut machine = match Machine::provision(&options.work_dir, container, &self.build.uuid, processes).await {
            Ok(machine) => machine,
            Err(error) => return self.end(Err(fault(error))),
        };
        self.copy_log(&machine.log, role.clone()).await;
        self.end(Ok(()));
        let interrupted = tokio::select! {
            () = self.work(&mut machine, role) => None,
            interruption = self.interruption(self.build.timeout_minutes) => Some(interruption),
        };
        match interrupted {
            None => {
                self.begin(PhaseKind::Finalizing);
                self.leave(machine).await;
                self.end(Ok(()));
            }
            Some(failure) => {
                machine.processes.end(self.site.settings().grace).await;
                self.report(&machine.log, &Err(failure.clone())).await;
                self.leave(machine).await;
                self.end(Err(failure));
            }
        }
    }

    async fn copy_log(&mut self, log: &Log, role: Arc<dyn BuildRole>) {
        if let Some((group, stream)) = self.build.log_stream.clone() {
            let (stream, shipping) = LogStream::open(role, group, stream);
            log.stream_to(stream).await;
            self.shipping = Some(shipping);
        }
    }

    /// From DOWNLOAD_SOURCE to the last phase that a build without artifacts has something to do in.
    async fn work(&self, machine: &mut Machine, role: Arc<dyn BuildRole>) {
        self.begin(PhaseKind::DownloadSource);
        let (buildspec, outcome) = match self.prepare(machine, role).await {
            Ok(buildspec) => (Some(buildspec), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        self.finish(&machine.log, PhaseKind::DownloadSource, outcome).await;
        let Some(buildspec) = buildspec else { return };
        let mut succeeding = true;
        for phase in [PhaseKind::Install, PhaseKind::PreBuild, PhaseKind::Build, PhaseKind::PostBuild] {
            self.begin(phase);
            let outcome = machine.run(buildspec.commands(phase), succeeding).await;
            succeeding &= outcome.is_ok();
            self.finish(&machine.log, phase, outcome).await;
            // Only BUILD is followed by the next phase when it fails (CodeBuild's guide, "build phase transitions").
            if !succeeding && matches!(phase, PhaseKind::Install | PhaseKind::PreBuild) {
                return;
            }
        }
        self.begin(PhaseKind::UploadArtifacts);
        self.finish(&machine.log, PhaseKind::UploadArtifacts, Ok(())).await;
    }

    /// What has to be known before the first command.
    async fn prepare(&self, machine: &mut Machine, role: Arc<dyn BuildRole>) -> Result<Buildspec, Failure> {
        let buildspec = Buildspec::parse(&self.build.buildspec)
            .map_err(|context| Failure::new(PhaseStatus::ClientError, context))?;
        let variables = variable::overlaid(&buildspec.variables(), &self.build.environment.environment_variables);
        let resolved = variable::resolve(&variables, role.as_ref()).await;
        // FAILED, not CLIENT_ERROR, as the logs in public issues show it.
        let resolved = resolved.map_err(|context| Failure::new(PhaseStatus::Failed, context))?;
        machine.log.mask(resolved.secrets).await;
        machine.set(environment::of_machine(&self.site.options).map_err(fault)?);
        machine.set(resolved.values);
        machine.set(environment::of_build(&self.build, &self.site.place()));
        machine.set(machine.own_variables());
        if self.site.options.build_credentials == BuildCredentials::Endpoint {
            let lent = self.site.lent.lend(&self.site.place().url, &self.build.uuid, role);
            machine.set(lent.map_err(fault)?);
        }
        Ok(buildspec)
    }

    async fn finish(&self, log: &Log, phase: PhaseKind, outcome: Result<(), Failure>) {
        let status = outcome.as_ref().map_or_else(|failure| failure.status, |()| PhaseStatus::Succeeded);
        log.say(&format!("Phase complete: {} State: {}", phase.as_str(), status.as_str())).await;
        self.report(log, &outcome).await;
        self.end(outcome);
    }

    async fn report(&self, log: &Log, outcome: &Result<(), Failure>) {
        if let Err(Failure { context, .. }) = outcome {
            let line = format!("Phase context status code: {} Message: {}", context.status_code, context.message);
            log.say(&line).await;
        }
    }

    /// Like a container that is gone: background processes end too (before the log does, so that their last words are
    /// in it), and the role's keys are no longer handed out.
    async fn leave(&mut self, machine: Machine) {
        machine.processes.kill();
        self.site.lent.withdraw(&self.build.uuid);
        machine.dismantle().await;
        if let Some(shipping) = self.shipping.take() {
            shipping.done().await;
        }
    }
}

/// Not the caller's doing.
fn fault(error: impl std::fmt::Display) -> Failure {
    Failure::new(PhaseStatus::Fault, Context::new("INTERNAL_SERVICE_ERROR", error.to_string()))
}
