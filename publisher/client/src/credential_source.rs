use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use secrecy::ExposeSecret;

use crate::error::{describe_code, with_credentials_timeout};
use crate::sent_secrets::SentSecrets;
use crate::{IdToken, PublishError, RoleArn};

/// The credentials to publish with.
#[derive(Debug, Clone)]
pub struct CredentialSource(CredentialSourceKind);

#[derive(Debug, Clone)]
enum CredentialSourceKind {
    /// The SDK's default chain.
    DefaultChain,
    /// A role that is assumed with an OIDC token.
    AssumeRole { role: RoleArn, session_name: String, token: IdToken },
}

impl CredentialSource {
    /// The credentials of the environment, a profile, a container or an instance.
    pub fn default_chain() -> Self {
        Self(CredentialSourceKind::DefaultChain)
    }

    /// The credentials of a role, by an OIDC token.
    ///
    /// CloudTrail shows `session_name` beside the token's subject, which says which CI and which repository.
    pub fn assume_role(role: RoleArn, session_name: impl Into<String>, token: IdToken) -> Self {
        Self(CredentialSourceKind::AssumeRole { role, session_name: session_name.into(), token })
    }

    /// Credentials that last long enough to publish once. Adds to `secrets` what this sends for them.
    ///
    /// # Errors
    /// [`PublishError::NoCredentials`], [`PublishError::NoIdToken`] or [`PublishError::AssumeRole`].
    pub(crate) async fn resolve(
        &self,
        sdk_config: &SdkConfig,
        secrets: &mut SentSecrets,
    ) -> Result<Credentials, PublishError> {
        match &self.0 {
            CredentialSourceKind::DefaultChain => {
                with_credentials_timeout(load_default_chain(sdk_config, secrets)).await
            }
            CredentialSourceKind::AssumeRole { role, session_name, token } => {
                let token = token.fetch(secrets).await?;
                secrets.add(token.expose_secret());
                with_credentials_timeout(assume(sdk_config, role, session_name, token.expose_secret(), secrets)).await
            }
        }
    }
}

async fn load_default_chain(sdk_config: &SdkConfig, secrets: &SentSecrets) -> Result<Credentials, PublishError> {
    use aws_credential_types::provider::ProvideCredentials;
    let provider =
        sdk_config.credentials_provider().ok_or_else(|| PublishError::no_credentials("no provider is set up"))?;
    provider.provide_credentials().await.map_err(|error| PublishError::no_credentials(secrets.causes(&error)))
}

/// This request is not signed: the token is all that it needs.
async fn assume(
    sdk_config: &SdkConfig,
    role: &RoleArn,
    session_name: &str,
    token: &str,
    secrets: &SentSecrets,
) -> Result<Credentials, PublishError> {
    let response = aws_sdk_sts::Client::new(sdk_config)
        .assume_role_with_web_identity()
        .role_arn(role.as_str())
        .role_session_name(session_name)
        .web_identity_token(token)
        .send()
        .await
        .map_err(|error| assume_role_error(role, &error, secrets))?;
    let credentials =
        response.credentials.ok_or_else(|| PublishError::no_credentials("STS answered without credentials"))?;
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        None,
        "AssumeRoleWithWebIdentity",
    ))
}

fn assume_role_error<R: std::fmt::Debug>(
    role: &RoleArn,
    error: &SdkError<AssumeRoleWithWebIdentityError, R>,
    secrets: &SentSecrets,
) -> PublishError {
    // Only the code: STS's text may quote the token's claims.
    let cause = match error.as_service_error() {
        Some(service_error) => describe_code(service_error.code().unwrap_or("an error without a code"), secrets),
        None => format!("STS gave no answer: {}", secrets.causes(error)),
    };
    PublishError::AssumeRole { role: role.clone(), cause }
}
