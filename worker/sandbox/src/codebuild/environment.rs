//! The variables that CodeBuild itself sets.
use std::collections::BTreeMap;

use super::build::{AwsLocation, SimulatedBuild};
use super::options::CodeBuildOptions;

/// The variables of every build machine; a project may override them.
///
/// # Errors
/// A directory for `PATH` has a colon in its name.
pub(super) fn machine_variables(options: &CodeBuildOptions) -> anyhow::Result<BTreeMap<String, String>> {
    let path = match options.image {
        // A build in an image sees the image's programs only.
        Some(_) => IMAGE_PATH.into(),
        None => {
            let host = std::env::var_os("PATH").unwrap_or_default();
            std::env::join_paths(options.path_dirs.iter().cloned().chain(std::env::split_paths(&host)))?
        }
    };
    let mut variables = options.environment.clone();
    variables.insert("PATH".to_owned(), path.to_string_lossy().into_owned());
    Ok(variables)
}

/// The `PATH` of container engines when the image names none.
const IMAGE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables that describe the build; nothing overrides them.
pub(super) fn build_variables(build: &SimulatedBuild, location: &AwsLocation) -> BTreeMap<String, String> {
    let texts = [
        ("AWS_DEFAULT_REGION", location.region.clone()),
        ("AWS_REGION", location.region.clone()),
        ("CODEBUILD_BUILD_ARN", build.arn.clone()),
        ("CODEBUILD_BUILD_ID", build.id.clone()),
        ("CODEBUILD_BUILD_IMAGE", build.environment.image.clone()),
        ("CODEBUILD_BUILD_NUMBER", build.number.to_string()),
        ("CODEBUILD_CI", "true".to_owned()),
        ("CODEBUILD_INITIATOR", build.initiator.clone()),
        ("CODEBUILD_START_TIME", build.started.as_millisecond().to_string()),
    ];
    texts.map(|(name, value)| (name.to_owned(), value)).into()
}
