//! The AWS services that CodeBuild calls.
//!
//! [`super::EmulatedServices`] are the sandbox's; tests have their own.
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::aws::AwsError;
use crate::credentials::AccessKey;

/// A call's outcome; the error's message is shown to the build's owner, as AWS shows it.
pub type ServiceFuture<'a, T> = BoxFuture<'a, Result<T, AwsError>>;

/// The calls that CodeBuild makes to IAM, EventBridge and STS as a service.
pub trait AwsServices: std::fmt::Debug + Send + Sync {
    /// Whether IAM allows the principal to make this call.
    fn is_allowed<'a>(&'a self, who: &'a AccessKey, call: &'a PermissionCheck) -> ServiceFuture<'a, bool>;

    /// Sends at most ten entries by PutEvents.
    fn put_events(&self, entries: Vec<Value>) -> ServiceFuture<'_, ()>;

    /// Assumes a build project's role for one build. `project` is the build project's ARN: roles may admit no other.
    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session: &'a str,
        project: &'a str,
    ) -> ServiceFuture<'a, Arc<dyn BuildRole>>;
}

/// A question to IAM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PermissionCheck {
    /// `codebuild:StartBuild`
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// Condition keys of the call, with their values.
    pub context: Vec<(String, Vec<String>)>,
}

/// The calls that CodeBuild makes with a build's role and no other permission.
pub trait BuildRole: std::fmt::Debug + Send + Sync {
    /// The role's credentials for this build.
    fn key(&self) -> &AccessKey;

    /// When the credentials expire.
    fn expires(&self) -> Timestamp;

    /// The value of a secret.
    fn secret<'a>(&'a self, wanted: &'a SecretVersion) -> ServiceFuture<'a, String>;

    /// A parameter's decrypted value.
    fn parameter<'a>(&'a self, name: &'a str) -> ServiceFuture<'a, String>;

    /// Appends to a log stream and creates it if it is missing.
    fn log<'a>(&'a self, group: &'a str, stream: &'a str, lines: Vec<BuildLogLine>) -> ServiceFuture<'a, ()>;
}

/// A version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// The secret's name or ARN.
    pub id: String,
    /// `AWSCURRENT` unless set otherwise.
    pub stage: Option<String>,
    /// A version's id.
    pub version: Option<String>,
}

/// One line of a build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLogLine {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The line without its line break.
    pub text: String,
}
