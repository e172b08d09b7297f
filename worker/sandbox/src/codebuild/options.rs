use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::AwsServices;
use crate::credentials::KeyRing;
use crate::test_ca::TestCa;

/// The fixed options of [`super::CodeBuildServer::start`]; [`CodeBuildSettings`] can change later.
#[derive(Debug, Clone)]
pub struct CodeBuildOptions {
    /// The Region that ARNs name and that signatures must be scoped to.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// IAM, EventBridge, STS and, with a build's role, secrets and logs.
    pub services: Arc<dyn AwsServices>,
    /// The keys whose signatures are accepted. Builds' role keys are added to it.
    pub keys: KeyRing,
    /// Signs the server's certificate.
    pub ca: TestCa,
    /// The directory of builds and logs. It must exist.
    pub work_dir: PathBuf,
    /// Prepended to a build's `PATH`: the directories of `doorbell-runner`.
    pub path_dirs: Vec<PathBuf>,
    /// The variables of every build machine, e.g. `SSL_CERT_FILE`.
    pub environment: BTreeMap<String, String>,
    /// The files of an image, in which builds run as in a container: needs root, and `work_dir` must be in it. Without
    /// it builds run among this machine's files.
    pub image: Option<PathBuf>,
    /// How a build's commands get the role's credentials.
    pub build_credentials: BuildCredentials,
    /// The settings that may change while builds run.
    pub settings: CodeBuildSettings,
}

/// How the commands of a build get the credentials of its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildCredentials {
    /// From an endpoint of this server, named by `AWS_CONTAINER_CREDENTIALS_FULL_URI`, as on AWS.
    Endpoint,
    /// They get none.
    Withheld,
}

/// The limits and behavior of this CodeBuild; [`super::CodeBuildControls::change_settings`] changes them while it runs.
#[derive(Debug, Clone)]
pub struct CodeBuildSettings {
    /// How long an idempotency token is remembered. AWS: 5 minutes.
    pub token_lifetime: Duration,
    /// How long a new build is missing from ListBuildsForProject. Not documented by AWS.
    pub listing_lag: Duration,
    /// The account's limit of concurrent builds.
    pub account_limit: usize,
    /// What happens to builds beyond the limit.
    pub queue: QueuePolicy,
    /// The length of a minute in a build's timeouts, so that tests need not wait for five.
    pub minute_length: Duration,
    /// The time between TERM and KILL when a build is stopped.
    pub grace_period: Duration,
    /// Behavior that AWS's documentation leaves open.
    pub undocumented: UndocumentedBehavior,
}

impl Default for CodeBuildSettings {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_secs(300),
            listing_lag: Duration::ZERO,
            account_limit: 20,
            queue: QueuePolicy::FiveTimesLimit,
            minute_length: Duration::from_secs(60),
            grace_period: Duration::from_secs(5),
            undocumented: UndocumentedBehavior::default(),
        }
    }
}

/// The result of StartBuild when the account is at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePolicy {
    /// Up to five times the limit wait, as AWS documents for projects without a limit of their own.
    FiveTimesLimit,
    /// The call is rejected at once.
    NoQueue,
}

/// Behavior of StartBuild that AWS does not document: a caller must be correct with either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndocumentedBehavior {
    /// At a limit, even a repetition of a call that started a build is rejected.
    pub limit_before_token: bool,
    /// A token whose call was rejected at a limit returns that error until it expires.
    pub refusal_consumes_token: bool,
    /// The error for a token that is repeated with other parameters.
    pub mismatch_error: String,
}

impl Default for UndocumentedBehavior {
    fn default() -> Self {
        Self {
            limit_before_token: false,
            refusal_consumes_token: false,
            mismatch_error: "InvalidInputException".to_owned(),
        }
    }
}
