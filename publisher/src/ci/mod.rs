//! What a CI says about the build that `trigger_job` runs in: one file a vendor, each of which only knows names.
mod azure;
mod bitbucket;
mod build;
mod buildkite;
mod circleci;
mod drone;
mod github;
mod gitlab;
mod jenkins;
mod repository;
mod travis;
mod vendor;
mod woodpecker;

use std::path::Path;

pub use build::Fork;
pub(crate) use build::{Build, BuildRef, HeadCommit};
pub(crate) use repository::last_part;
pub use vendor::Vendor;

use crate::environment::Environment;

/// Reads a file that a variable names.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// What the vendor says about this build.
pub(crate) fn read(vendor: Vendor, environment: Environment<'_>, file: ReadFile<'_>) -> Build {
    match vendor {
        Vendor::Github | Vendor::Gitea | Vendor::Forgejo => github::read(environment, file),
        Vendor::Gitlab => gitlab::read(environment),
        Vendor::Travis => travis::read(environment),
        Vendor::Circleci => circleci::read(environment),
        Vendor::Buildkite => buildkite::read(environment),
        Vendor::Bitbucket => bitbucket::read(environment),
        Vendor::Woodpecker => woodpecker::read(environment),
        Vendor::Drone => drone::read(environment),
        Vendor::Jenkins => jenkins::read(environment),
        Vendor::Azure => azure::read(environment),
    }
}
