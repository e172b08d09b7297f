//! The rest of the account, as CodeBuild needs it. [`super::Emulated`] is the real one; tests have their own.
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;

use crate::aws::AwsError;
use crate::credentials::Key;

/// A call's outcome; the error's text is shown to the build's owner, as AWS shows it.
pub type Outcome<'a, T> = BoxFuture<'a, Result<T, AwsError>>;

/// What CodeBuild asks of IAM, EventBridge and STS, as the service that it is.
pub trait Services: std::fmt::Debug + Send + Sync {
    /// Whether IAM lets `who` make this call.
    fn may<'a>(&'a self, who: &'a Key, call: &'a Call) -> Outcome<'a, bool>;

    /// Puts entries of PutEvents on the bus, at most ten.
    fn put_events(&self, entries: Vec<Value>) -> Outcome<'_, ()>;

    /// Takes a build project's role for one build. `project` is the build project's ARN: roles may admit no other.
    fn assume<'a>(&'a self, role_arn: &'a str, session: &'a str, project: &'a str) -> Outcome<'a, Arc<dyn BuildRole>>;
}

/// What IAM is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
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
    fn key(&self) -> &Key;

    /// When they end.
    fn expires(&self) -> Timestamp;

    /// A secret's text.
    fn secret<'a>(&'a self, wanted: &'a SecretVersion) -> Outcome<'a, String>;

    /// A parameter's decrypted text.
    fn parameter<'a>(&'a self, name: &'a str) -> Outcome<'a, String>;

    /// Appends to a log stream, which is made when it is missing.
    fn log<'a>(&'a self, group: &'a str, stream: &'a str, lines: Vec<LogLine>) -> Outcome<'a, ()>;
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
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at: i64,
    /// The line without its end.
    pub text: String,
}
