use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use secrecy::ExposeSecret;

use crate::failure::{TriggerFailure, TriggerFailureKind, one_line};
use crate::id_token::IdToken;
use crate::role::RoleArn;
use crate::sns_error;

/// The credentials to publish with.
#[derive(Debug, Clone)]
pub struct CredentialSource(CredentialSourceKind);

#[derive(Debug, Clone)]
enum CredentialSourceKind {
    /// Whatever the SDK's chain finds.
    DefaultChain,
    /// A role, by a CI's word for who this is.
    AssumeRole(RoleArn, IdToken),
}

/// In CloudTrail, beside the token's subject, which says which CI and which repository.
const SESSION_NAME: &str = "trigger_job";

impl CredentialSource {
    /// The credentials of the environment, a profile, a container or an instance.
    pub fn default_chain() -> Self {
        Self(CredentialSourceKind::DefaultChain)
    }

    pub(crate) fn assume_role(role: RoleArn, token: IdToken) -> Self {
        Self(CredentialSourceKind::AssumeRole(role, token))
    }

    /// A set that lasts long enough to publish once.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Denied`]: there are none, or the role is not ours to assume.
    pub(crate) async fn resolve(&self, sdk_config: &SdkConfig) -> Result<Credentials, TriggerFailure> {
        match &self.0 {
            CredentialSourceKind::DefaultChain => {
                sns_error::with_credentials_timeout(load_default_chain(sdk_config)).await
            }
            CredentialSourceKind::AssumeRole(role, token) => {
                let token = token.clone().fetch().await?;
                sns_error::with_credentials_timeout(assume(sdk_config, role, token.expose_secret())).await
            }
        }
    }
}

async fn load_default_chain(sdk_config: &SdkConfig) -> Result<Credentials, TriggerFailure> {
    use aws_credential_types::provider::ProvideCredentials;
    let provider =
        sdk_config.credentials_provider().ok_or_else(|| sns_error::no_credentials("no provider is set up"))?;
    provider.provide_credentials().await.map_err(|error| sns_error::no_credentials(&sns_error::error_chain(&error)))
}

/// This request is not signed: the token is all that it needs.
async fn assume(sdk_config: &SdkConfig, role: &RoleArn, token: &str) -> Result<Credentials, TriggerFailure> {
    let response = aws_sdk_sts::Client::new(sdk_config)
        .assume_role_with_web_identity()
        .role_arn(role.as_str())
        .role_session_name(SESSION_NAME)
        .web_identity_token(token)
        .send()
        .await
        .map_err(|error| assume_role_failure(role, &error))?;
    let credentials =
        response.credentials.ok_or_else(|| sns_error::no_credentials("STS answered without credentials"))?;
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        None,
        "AssumeRoleWithWebIdentity",
    ))
}

fn assume_role_failure<R: std::fmt::Debug>(
    role: &RoleArn,
    error: &SdkError<AssumeRoleWithWebIdentityError, R>,
) -> TriggerFailure {
    // Only the code: STS's text may quote the token's claims.
    let why = match error.as_service_error() {
        Some(service_error) => {
            format!("AWS answered {}", one_line(service_error.code().unwrap_or("an error without a code")))
        }
        None => format!("STS gave no answer: {}", sns_error::error_chain(error)),
    };
    TriggerFailure::new(
        TriggerFailureKind::Denied,
        format!("the role {role} can't be assumed: {why}"),
        "its trust policy must name this CI's OIDC provider, the token's audience, and this repository and ref as its subject",
    )
}
