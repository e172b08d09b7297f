//! AWS CodeBuild on one machine: its protocol, its rules and habits, and builds that really run.
//!
//! `http` takes calls, `signature` and IAM decide who may, `books` (pure) what happens, `run` does it on a
//! `machine`, and `bus` tells the world. Only builds without a source are run, and whatever the real CodeBuild has
//! and this one has not is refused by its name.
mod action;
mod books;
mod build;
mod buildspec;
mod bus;
mod container;
mod controls;
mod emulated;
mod environment;
mod event;
mod http;
mod lent_roles;
mod listing;
mod log;
mod log_stream;
mod machine;
mod mask;
mod options;
mod phase;
mod processes;
mod project;
mod refusal;
mod run;
mod script;
mod services;
mod signature;
mod site;
mod start_build;
mod token;
mod variable;

pub use bus::{EventCounts, EventMode};
pub use controls::{BuildView, Controls};
pub use emulated::Emulated;
pub use options::{BuildCredentials, CodeBuildOptions, Queue, Settings, Undocumented};
pub use services::{BuildRole, Call, LogLine, Outcome, SecretVersion, Services};

use std::sync::Arc;

use crate::server::{Server, serve};

/// A running CodeBuild. When it is dropped its server stops and all builds end, with every process of theirs.
#[derive(Debug)]
pub struct CodeBuild {
    server: Server,
    /// For tests.
    pub controls: Controls,
}

impl CodeBuild {
    /// Starts it on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port, or no certificate.
    pub async fn start(options: CodeBuildOptions) -> anyhow::Result<Self> {
        let authority = options.authority.clone();
        let (bus, carrier) = bus::Bus::new(options.services.clone());
        let site = Arc::new(site::Site::new(options, bus));
        site.spawn(carrier);
        let server = serve(http::router(site.clone()), &authority).await?;
        site.listens_at(&server.url);
        Ok(Self { server, controls: Controls(site) })
    }

    /// What `AWS_ENDPOINT_URL_CODEBUILD` is set to.
    pub fn url(&self) -> &str {
        &self.server.url
    }
}

impl Drop for CodeBuild {
    fn drop(&mut self) {
        self.controls.0.shut_down();
    }
}
