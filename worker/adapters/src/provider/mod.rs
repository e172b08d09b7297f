//! The adapters to build providers. SDK types end here.

mod codebuild;

pub use codebuild::{CODEBUILD_PROFILE, CodeBuildProvider};
