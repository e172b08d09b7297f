//! The sandbox's access keys with their principals, and the endpoint that serves a worker its credentials.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::extract::{Path, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::aws::{AwsClient, AwsError};
use crate::server::{self, LoopbackServer};

/// An access key and its principal.
#[derive(Clone)]
pub struct AccessKey {
    /// `AKIA…` of a user, `ASIA…` of a role.
    pub access_key_id: String,
    /// The key that signs requests.
    pub secret_access_key: String,
    /// Set on the keys of a role.
    pub session_token: Option<String>,
    /// The IAM user's or role's ARN (`arn:aws:iam::…:role/name`), as IAM's policy simulator expects it.
    pub principal_arn: String,
    /// The initiator that CodeBuild shows: the user's name, or `role/session`.
    pub initiator: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("principal_arn", &self.principal_arn)
            .finish_non_exhaustive()
    }
}

/// All issued keys, by access key id. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Arc<Mutex<BTreeMap<String, AccessKey>>>);

impl KeyRing {
    /// Adds a key, so that [`KeyRing::find`] finds it.
    pub fn add(&self, key: AccessKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.access_key_id.clone(), key);
    }

    /// The key of that id, if this sandbox has issued it.
    pub fn find(&self, access_key_id: &str) -> Option<AccessKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(access_key_id).cloned()
    }
}

/// The session name of every role key, as a task's id is on Fargate.
const SESSION_NAME: &str = "sandbox";
/// A cached key is replaced when it expires sooner than this, so that no caller gets one that is about to expire.
const RENEWAL_WINDOW: Duration = Duration::from_secs(5 * 60);

/// Assumes roles by STS and adds their keys to the key ring. Cheap to clone; clones share the cache.
#[derive(Debug, Clone)]
pub struct RoleCredentials {
    root: AwsClient,
    account: String,
    key_ring: KeyRing,
    cache: Arc<tokio::sync::Mutex<BTreeMap<String, (AccessKey, Timestamp)>>>,
}

impl RoleCredentials {
    /// `root` must be allowed to assume every role of the account, a 12-digit id.
    pub fn new(root: AwsClient, account: &str, key_ring: KeyRing) -> RoleCredentials {
        RoleCredentials { root, account: account.to_owned(), key_ring, cache: Arc::default() }
    }

    /// The credentials of the role of that name, cached until shortly before they expire.
    ///
    /// # Errors
    /// STS's error: AccessDenied, also for a role that does not exist, as on AWS.
    pub async fn key(&self, role: &str) -> Result<AccessKey, AwsError> {
        Ok(self.key_and_expiry(role).await?.0)
    }

    async fn key_and_expiry(&self, role: &str) -> Result<(AccessKey, Timestamp), AwsError> {
        let mut cache = self.cache.lock().await;
        if let Some((key, expiry)) = cache.get(role)
            && Timestamp::now() + RENEWAL_WINDOW < *expiry
        {
            return Ok((key.clone(), *expiry));
        }
        // The source ARN of a task, as ECS sets it.
        let task = format!("arn:aws:ecs:{}:{}:task/{role}/{SESSION_NAME}", self.root.region(), self.account);
        let fresh = self.assume(role, &task).await?;
        self.key_ring.add(fresh.0.clone());
        cache.insert(role.to_owned(), fresh.clone());
        Ok(fresh)
    }

    /// The credentials of the role of that name for a build of this project.
    ///
    /// # Errors
    /// STS's error: AccessDenied, also if the role does not trust that project's builds.
    pub async fn key_in_build(&self, role: &str, project: &str) -> Result<AccessKey, AwsError> {
        let project = format!("arn:aws:codebuild:{}:{}:project/{project}", self.root.region(), self.account);
        let (key, _) = self.assume(role, &project).await?;
        self.key_ring.add(key.clone());
        Ok(key)
    }

    /// Assumes a role as a service, on behalf of this source.
    async fn assume(&self, role: &str, source: &str) -> Result<(AccessKey, Timestamp), AwsError> {
        let principal_arn = format!("arn:aws:iam::{}:role/{role}", self.account);
        // The launcher takes the external id for the source, as services use none.
        let params = [("RoleArn", principal_arn.as_str()), ("RoleSessionName", SESSION_NAME), ("ExternalId", source)];
        let response = self.root.query("sts", "2011-06-15", "AssumeRole", &params).await?;
        let expiry = response.required("Expiration")?;
        let expiry =
            expiry.parse().map_err(|error| AwsError::invalid_response(200, format!("Expiration {expiry}: {error}")))?;
        let key = AccessKey {
            access_key_id: response.required("AccessKeyId")?,
            secret_access_key: response.required("SecretAccessKey")?,
            session_token: Some(response.required("SessionToken")?),
            principal_arn,
            initiator: format!("{role}/{SESSION_NAME}"),
        };
        Ok((key, expiry))
    }
}

/// Serves roles' credentials as Fargate does, so that an unchanged SDK finds them.
///
/// The caller needs a token of 256 random bits: other processes on this machine can reach the port, too.
#[derive(Debug)]
pub struct CredentialsServer {
    server: LoopbackServer,
    token: String,
}

#[derive(Clone)]
struct CredentialsState {
    roles: RoleCredentials,
    token: String,
}

impl CredentialsServer {
    /// Starts it on a free port of the loopback interface.
    pub async fn start(roles: RoleCredentials) -> anyhow::Result<CredentialsServer> {
        let token = random_hex(32)?;
        let state = CredentialsState { roles, token: token.clone() };
        let router = Router::new().route("/role/{name}", get(role_credentials)).with_state(state);
        // Plain HTTP, as on Fargate: SDKs allow it for loopback only.
        Ok(CredentialsServer { server: server::serve_plain(router).await?, token })
    }

    /// The environment variables by which any AWS SDK gets `role`'s credentials from here.
    pub fn environment(&self, role: &str) -> [(String, String); 2] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI".to_owned(), format!("{}/role/{role}", self.server.url)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned(), self.token.clone()),
        ]
    }
}

async fn role_credentials(
    State(state): State<CredentialsState>,
    Path(role): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, (StatusCode, String)> {
    if headers.get(AUTHORIZATION).is_none_or(|shown| shown.as_bytes() != state.token.as_bytes()) {
        return Err((
            StatusCode::UNAUTHORIZED,
            "the Authorization header does not hold this endpoint's token\n".to_owned(),
        ));
    }
    let (key, expiry) = state.roles.key_and_expiry(&role).await.map_err(|error| {
        let status = if error.is_denied() { StatusCode::FORBIDDEN } else { StatusCode::BAD_GATEWAY };
        (status, format!("no credentials for role {role}: {error}\n"))
    })?;
    Ok(Json(json!({
        "RoleArn": key.principal_arn,
        "AccessKeyId": key.access_key_id,
        "SecretAccessKey": key.secret_access_key,
        "Token": key.session_token,
        "Expiration": expiry.to_string(),
    })))
}

/// That many random bytes in hexadecimal, suitable for a key.
pub(crate) fn random_hex(bytes: usize) -> anyhow::Result<String> {
    let mut random = vec![0; bytes];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut random)
        .ok()
        .context("the operating system returned no random bytes")?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
