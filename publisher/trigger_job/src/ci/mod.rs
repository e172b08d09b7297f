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
pub(crate) use build::{BuildRef, CiBuild, HeadCommit};
pub(crate) use repository::repository_name;
pub use vendor::Vendor;

use crate::env_vars::EnvVars;

/// Reads a file that a variable names.
pub(crate) type FileReader<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// What the vendor says about this build.
pub(crate) fn read(vendor: Vendor, environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
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
