//! The rest of the account, as CodeBuild needs it. [`super::Emulated`] is the real one; tests have their own.
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::aws::AwsError;
use crate::credentials::AccessKey;

/// A call's outcome; the error's text is shown to the build's owner, as AWS shows it.
pub type ServiceFuture<'a, T> = BoxFuture<'a, Result<T, AwsError>>;

/// What CodeBuild asks of IAM, EventBridge and STS, as the service that it is.
pub trait AwsServices: std::fmt::Debug + Send + Sync {
    /// Whether IAM lets `who` make this call.
    fn is_allowed<'a>(&'a self, who: &'a AccessKey, call: &'a PermissionCheck) -> ServiceFuture<'a, bool>;

    /// Puts entries of PutEvents on the bus, at most ten.
    fn put_events(&self, entries: Vec<Value>) -> ServiceFuture<'_, ()>;

    /// Takes a build project's role for one build. `project` is the build project's ARN: roles may admit no other.
    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session: &'a str,
        project: &'a str,
    ) -> ServiceFuture<'a, Arc<dyn BuildRole>>;
}

/// What IAM is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PermissionCheck {
    /// `codebuild:StartBuild`
    pub action: String,
    /// The resource's ARN.
    pub resource: String,
    /// Condition keys that the call fills, with their values.
    pub context: Vec<(&'static str, Vec<String>)>,
}

/// What CodeBuild does in a build's name, with no more than the build's role may.
pub trait BuildRole: std::fmt::Debug + Send + Sync {
    /// The role's credentials for this build.
    fn key(&self) -> &AccessKey;

    /// When they end.
    fn expires(&self) -> Timestamp;

    /// A secret's text.
    fn secret<'a>(&'a self, wanted: &'a SecretVersion) -> ServiceFuture<'a, String>;

    /// A parameter's decrypted text.
    fn parameter<'a>(&'a self, name: &'a str) -> ServiceFuture<'a, String>;

    /// Appends to a log stream, which is made when it is missing.
    fn log<'a>(&'a self, group: &'a str, stream: &'a str, lines: Vec<BuildLogLine>) -> ServiceFuture<'a, ()>;
}

/// Which version of which secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// The secret's name or ARN.
    pub id: String,
    /// `AWSCURRENT` unless said otherwise.
    pub stage: Option<String>,
    /// A version's id.
    pub version: Option<String>,
}

/// One line of a build's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLogLine {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The line without its end.
    pub text: String,
}
