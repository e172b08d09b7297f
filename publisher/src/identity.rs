use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use secrecy::ExposeSecret;

use crate::failure::{Failure, FailureKind, one_line};
use crate::id_token::IdToken;
use crate::refusal;
use crate::role::RoleArn;

/// The credentials to publish with.
#[derive(Debug, Clone)]
pub struct Identity(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Whatever the SDK's chain finds.
    OfSurroundings,
    /// A role, by a CI's word for who this is.
    Role(RoleArn, IdToken),
}

/// In CloudTrail, beside the token's subject, which says which CI and which repository.
const SESSION_NAME: &str = "trigger_job";

impl Identity {
    /// The credentials of the environment, a profile, a container or an instance.
    pub fn of_surroundings() -> Self {
        Self(Kind::OfSurroundings)
    }

    pub(crate) fn role(role: RoleArn, token: IdToken) -> Self {
        Self(Kind::Role(role, token))
    }

    /// A set that lasts long enough to publish once.
    ///
    /// # Errors
    /// [`FailureKind::Denied`]: there are none, or the role is not ours to assume.
    pub(crate) async fn credentials(&self, shared: &SdkConfig) -> Result<Credentials, Failure> {
        match &self.0 {
            Kind::OfSurroundings => refusal::in_time(of_chain(shared)).await,
            Kind::Role(role, token) => {
                let token = token.clone().fetch().await?;
                refusal::in_time(assume(shared, role, token.expose_secret())).await
            }
        }
    }
}

async fn of_chain(shared: &SdkConfig) -> Result<Credentials, Failure> {
    use aws_credential_types::provider::ProvideCredentials;
    let provider = shared.credentials_provider().ok_or_else(|| refusal::no_credentials("no provider is set up"))?;
    provider.provide_credentials().await.map_err(|error| refusal::no_credentials(&refusal::chain(&error)))
}

/// This request is not signed: the token is all that it needs.
async fn assume(shared: &SdkConfig, role: &RoleArn, token: &str) -> Result<Credentials, Failure> {
    let answer = aws_sdk_sts::Client::new(shared)
        .assume_role_with_web_identity()
        .role_arn(role.as_str())
        .role_session_name(SESSION_NAME)
        .web_identity_token(token)
        .send()
        .await
        .map_err(|error| not_assumed(role, &error))?;
    let credentials = answer.credentials.ok_or_else(|| refusal::no_credentials("STS answered without credentials"))?;
    Ok(Credentials::new(
        credentials.access_key_id,
        credentials.secret_access_key,
        Some(credentials.session_token),
        None,
        "AssumeRoleWithWebIdentity",
    ))
}

fn not_assumed<R: std::fmt::Debug>(role: &RoleArn, error: &SdkError<AssumeRoleWithWebIdentityError, R>) -> Failure {
    // Only the code: STS's text may quote the token's claims.
    let why = match error.as_service_error() {
        Some(refused) => format!("AWS answered {}", one_line(refused.code().unwrap_or("an error without a code"))),
        None => format!("STS gave no answer: {}", refusal::chain(error)),
    };
    Failure::new(
        FailureKind::Denied,
        format!("the role {role} can't be assumed: {why}"),
        "its trust policy must name this CI's OIDC provider, the token's audience, and this repository and ref as its subject",
    )
}
