//! Reads the variables of a CI's build. Each vendor has a file with the names.
mod azure;
mod bitbucket;
mod build;
mod build_ref;
mod buildkite;
mod circleci;
mod drone;
mod github;
mod github_event;
mod gitlab;
mod jenkins;
mod jenkins_ref;
mod ref_variables;
mod repository;
mod travis;
mod vendor;
mod woodpecker;

use std::path::Path;

pub use build::Fork;
pub(crate) use build::{CiBuild, CiRef, HeadCommit};
pub(crate) use build_ref::BuildRef;
pub(crate) use repository::repository_name;
pub use vendor::Vendor;

use crate::env_vars::EnvVars;

/// Reads a file that a variable names.
pub(crate) type FileReader<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// The build that the vendor's variables describe.
pub(crate) fn read(vendor: Vendor, environment: EnvVars<'_>, file: FileReader<'_>) -> CiBuild {
    let build = match vendor {
        Vendor::Github | Vendor::Gitea | Vendor::Forgejo => github::read(vendor, environment, file),
        Vendor::Gitlab => gitlab::read(environment),
        Vendor::Travis => travis::read(environment),
        Vendor::Circleci => circleci::read(environment),
        Vendor::Buildkite => buildkite::read(environment),
        Vendor::Bitbucket => bitbucket::read(environment),
        Vendor::Woodpecker => woodpecker::read(environment),
        Vendor::Drone => drone::read(environment),
        Vendor::Jenkins => jenkins::read(environment),
        Vendor::Azure => azure::read(environment),
    };
    match (&build.git_ref, &build.fork) {
        (CiRef::Other(_), Fork::No) => {
            CiBuild { fork: Fork::Unknown("its ref is no branch, tag or pull request"), ..build }
        }
        _ => build,
    }
}
