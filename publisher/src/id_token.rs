use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::env_vars::EnvVars;
use crate::failure::{TriggerFailure, TriggerFailureKind};
use crate::sns_error::error_chain;

/// Whom the token is for; IAM's OIDC provider expects it.
const AUDIENCE: &str = "sts.amazonaws.com";
const ID_TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a CI's OIDC token is had.
#[derive(Debug, Clone)]
pub(crate) enum IdToken {
    /// In a variable, as text.
    Literal(SecretString),
    /// From GitHub, for asking, in a job with `id-token: write`.
    GithubRequest { url: String, bearer: SecretString },
}

#[derive(Deserialize)]
struct IdTokenResponse {
    value: String,
}

impl IdToken {
    /// The one that this environment has. A variable of ours, which a person set, comes before the CI's own.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Denied`]: there is none.
    pub(crate) fn find(environment: EnvVars<'_>) -> Result<Self, TriggerFailure> {
        if let Some(token) = environment.get("DOORBELL_ID_TOKEN") {
            return Ok(Self::Literal(token.into()));
        }
        if let Some([url, bearer]) = environment
            .all(["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
            .and_then(|parts| <[String; 2]>::try_from(parts).ok())
        {
            return Ok(Self::GithubRequest { url: with_audience(&url), bearer: bearer.into() });
        }
        let ci_variables = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN", "BITBUCKET_STEP_OIDC_TOKEN"];
        match environment.first(&ci_variables) {
            Some(found) => Ok(Self::Literal(found.text.into())),
            None => Err(TriggerFailure::new(
                TriggerFailureKind::Denied,
                "a role is given, and no OIDC token to assume it by",
                "GitHub: permissions: { id-token: write }; GitLab: id_tokens: { DOORBELL_ID_TOKEN: { aud: sts.amazonaws.com } }; others: put it into DOORBELL_ID_TOKEN",
            )),
        }
    }

    /// The token itself.
    ///
    /// # Errors
    /// [`TriggerFailureKind::Denied`]: GitHub gave none.
    pub(crate) async fn fetch(self) -> Result<SecretString, TriggerFailure> {
        match self {
            Self::Literal(token) => Ok(token),
            Self::GithubRequest { url, bearer } => {
                let response = tokio::time::timeout(ID_TOKEN_TIMEOUT, request_token(&url, &bearer)).await;
                response
                    .unwrap_or_else(|_elapsed| Err(format!("nothing answered within {ID_TOKEN_TIMEOUT:?}")))
                    .map_err(|why| token_failure(&why))
            }
        }
    }
}

fn with_audience(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}audience={AUDIENCE}")
}

/// By the SDK's own client: another HTTP stack would be half as large again as this program. It follows no redirect, so
/// the bearer goes nowhere else.
async fn request_token(url: &str, bearer: &SecretString) -> Result<SecretString, String> {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| error_chain(&error))?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", bearer.expose_secret()));
    headers.insert("accept", "application/json");
    let response = connector.call(request).await.map_err(|error| error_chain(&error))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("GitHub answered with HTTP {status}"));
    }
    let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| error_chain(&error))?;
    // Its error would quote the text, which is a token.
    let response_body: IdTokenResponse =
        serde_json::from_slice(&body.into_bytes()).map_err(|_| "GitHub's answer holds no token".to_owned())?;
    Ok(response_body.value.into())
}

fn token_failure(why: &str) -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::Denied,
        format!("GitHub gave no OIDC token: {why}"),
        "try again; the job needs permissions: { id-token: write }",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], want: Option<&str>) {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let found = match IdToken::find(EnvVars(&variable)) {
            Ok(IdToken::Literal(token)) => Some(token.expose_secret().to_owned()),
            Ok(IdToken::GithubRequest { url, .. }) => Some(url),
            Err(failure) => {
                assert_eq!(failure.kind, TriggerFailureKind::Denied);
                None
            }
        };
        assert_eq!(found.as_deref(), want);
    }

    #[test]
    fn doorbell_id_token_overrides_ci_token() {
        let github = [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://host.example/token?v=2"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer"),
        ];
        check(&[], None);
        check(&github[..1], None);
        check(&github, Some("https://host.example/token?v=2&audience=sts.amazonaws.com"));
        check(&[github[0], github[1], ("DOORBELL_ID_TOKEN", "mine")], Some("mine"));
        check(&[("CIRCLE_OIDC_TOKEN", "old"), ("CIRCLE_OIDC_TOKEN_V2", "new")], Some("new"));
        check(&[("BITBUCKET_STEP_OIDC_TOKEN", "bitbucket")], Some("bitbucket"));
    }

    #[test]
    fn debug_output_hides_the_token() {
        let tokens =
            [IdToken::Literal("geheim".into()), IdToken::GithubRequest { url: String::new(), bearer: "geheim".into() }];
        assert!(!format!("{tokens:?}").contains("geheim"));
    }
}
