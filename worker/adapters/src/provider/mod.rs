//! The adapters to build providers. SDK types end here.

mod codebuild;
mod start_error;

pub use codebuild::{CODEBUILD_PROFILE, CodeBuildProvider};
