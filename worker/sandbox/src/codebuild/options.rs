use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::AwsServices;
use crate::credentials::KeyRing;
use crate::test_ca::TestCa;

/// What [`super::CodeBuild::start`] needs to know. It can't change later; [`CodeBuildSettings`] can.
#[derive(Debug, Clone)]
pub struct CodeBuildOptions {
    /// The Region that ARNs name and that signatures must be scoped to.
    pub region: String,
    /// The account's twelve digits.
    pub account: String,
    /// IAM, EventBridge, STS and, behind a build's role, secrets and logs.
    pub services: Arc<dyn AwsServices>,
    /// Whose signatures are known. Roles of builds are added to it.
    pub keys: KeyRing,
    /// Signs the server's certificate.
    pub ca: TestCa,
    /// Where builds run and logs are kept. It must exist.
    pub work_dir: PathBuf,
    /// Prepended to a build's `PATH`: where `doorbell-runner` is.
    pub path_dirs: Vec<PathBuf>,
    /// What every build machine has, e.g. `SSL_CERT_FILE`.
    pub environment: BTreeMap<String, String>,
    /// The files of an image, in which builds run as in a container: it takes root, and `work_dir` must be in it.
    /// Else they run among this machine's.
    pub image: Option<PathBuf>,
    /// How a build's commands get the role.
    pub build_credentials: BuildCredentials,
    /// What may be changed while builds run.
    pub settings: CodeBuildSettings,
}

/// How the commands of a build get the credentials of its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildCredentials {
    /// From an endpoint of this server, found by `AWS_CONTAINER_CREDENTIALS_FULL_URI`, as on AWS.
    Endpoint,
    /// Not at all.
    Withheld,
}

/// The limits and habits of this CodeBuild; [`super::Controls::update_build`] changes them while it runs.
#[derive(Debug, Clone)]
pub struct CodeBuildSettings {
    /// How long an idempotency token protects. AWS: 5 minutes.
    pub token_lifetime: Duration,
    /// How long a new build is missing from ListBuildsForProject. Not documented by AWS.
    pub listing_lag: Duration,
    /// How many builds of the account run at once.
    pub account_limit: usize,
    /// What happens with more than that.
    pub queue: QueuePolicy,
    /// How long a minute of a build's timeouts is, so that tests need not wait for five.
    pub minute_length: Duration,
    /// How long a build that is stopped has between TERM and KILL.
    pub grace_period: Duration,
    /// What AWS's documentation leaves open.
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

/// What a StartBuild gets when the account runs all the builds that it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuePolicy {
    /// Up to five times the limit wait, as AWS documents for projects without a limit of their own.
    FiveTimesLimit,
    /// A refusal at once.
    NoQueue,
}

/// Behaviour of StartBuild that AWS does not document: a caller must be right whichever way it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndocumentedBehavior {
    /// At a limit, even a repetition of a call that started a build is refused.
    pub limit_before_token: bool,
    /// A token whose call was refused at a limit answers with that refusal until it expires.
    pub refusal_consumes_token: bool,
    /// The error of a token that comes back with other parameters.
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
