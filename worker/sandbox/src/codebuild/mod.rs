//! An AWS CodeBuild simulator: its protocol, its rules and behavior, and builds that really run.
//!
//! `http` receives calls, `signature` and IAM authorise them, `state` (pure) decides, `run` executes a build on a
//! `machine`, and `bus` sends the events. Only builds without a source are run. What AWS's CodeBuild supports and this
//! one does not is rejected by name.
mod action;
mod build;
mod buildspec;
mod bus;
mod container;
mod container_credentials;
mod controls;
mod emulated_services;
mod environment;
mod error;
mod event;
mod http;
mod instant_builds;
mod listing;
mod log;
mod log_stream;
mod machine;
mod mask;
mod options;
mod phase;
mod processes;
mod project;
mod quotas;
mod run;
mod script;
mod services;
mod signature;
mod simulator;
mod start_build;
mod start_build_override;
mod state;
mod token;
mod variable;

pub use bus::{EventCounts, EventMode};
pub use controls::{BuildSnapshot, CodeBuildControls};
pub use emulated_services::EmulatedServices;
pub(crate) use error::CodeBuildError;
pub(crate) use instant_builds::{InstantBuildOptions, InstantBuilds};
pub use options::{BuildCredentials, CodeBuildOptions, CodeBuildSettings, QueuePolicy, UndocumentedBehavior};
pub use services::{AwsServices, BuildLogLine, BuildRole, PermissionCheck, SecretVersion, ServiceFuture};
pub use start_build_override::StartBuildOverride;

use std::sync::Arc;

use crate::server::{LoopbackServer, serve};

/// A running CodeBuild. Dropping it stops its server and all builds, with all their processes.
#[derive(Debug)]
pub struct CodeBuildServer {
    server: LoopbackServer,
    /// For tests.
    pub controls: CodeBuildControls,
}

impl CodeBuildServer {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port is free, or no certificate could be issued.
    pub async fn start(options: CodeBuildOptions) -> anyhow::Result<Self> {
        let ca = options.ca.clone();
        let (bus, dispatcher) = bus::EventBus::new(options.services.clone());
        let simulator = Arc::new(simulator::CodeBuildSimulator::new(options, bus));
        simulator.spawn(dispatcher);
        let server = serve(http::router(simulator.clone()), &ca).await?;
        simulator.set_url(&server.url);
        Ok(Self { server, controls: CodeBuildControls(simulator) })
    }

    /// The value of `AWS_ENDPOINT_URL_CODEBUILD`.
    pub fn url(&self) -> &str {
        &self.server.url
    }
}

impl Drop for CodeBuildServer {
    fn drop(&mut self) {
        self.controls.0.shut_down();
    }
}
