use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::PublishError;
use crate::sent_secrets::SentSecrets;

/// The token's audience, which IAM's OIDC provider expects.
const AUDIENCE: &str = "sts.amazonaws.com";
const ID_TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// An OIDC token of a CI, or where to request it.
#[derive(Debug, Clone)]
pub enum IdToken {
    /// The token itself.
    Literal(SecretString),
    /// GitHub's token, which a job with `id-token: write` may request.
    GithubRequest {
        /// The URL, audience included.
        url: String,
        /// What authorizes the request.
        bearer: SecretString,
    },
}

#[derive(Deserialize)]
struct IdTokenResponse {
    value: String,
}

impl IdToken {
    /// GitHub's token, by the two variables that GitHub sets in a job.
    pub fn github_request(url: &str, bearer: impl Into<SecretString>) -> Self {
        Self::GithubRequest { url: with_audience(url), bearer: bearer.into() }
    }

    /// The token itself. Adds to `secrets` what this sends for it.
    ///
    /// # Errors
    /// [`PublishError::NoIdToken`]: GitHub gave none.
    pub(crate) async fn fetch(&self, secrets: &mut SentSecrets) -> Result<SecretString, PublishError> {
        match self {
            Self::Literal(token) => Ok(token.clone()),
            Self::GithubRequest { url, bearer } => {
                secrets.add(bearer.expose_secret());
                let response = tokio::time::timeout(ID_TOKEN_TIMEOUT, request_token(url, bearer, secrets)).await;
                response
                    .unwrap_or_else(|_elapsed| Err(format!("nothing answered within {ID_TOKEN_TIMEOUT:?}")))
                    .map_err(|cause| PublishError::NoIdToken { cause })
            }
        }
    }
}

fn with_audience(url: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}audience={AUDIENCE}")
}

/// Requests GitHub's token with the SDK's own HTTP client: another stack would make the program half as large again.
///
/// The client follows no redirect, so no other host gets the bearer token.
async fn request_token(url: &str, bearer: &SecretString, secrets: &SentSecrets) -> Result<SecretString, String> {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| secrets.causes(&error))?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", bearer.expose_secret()));
    headers.insert("accept", "application/json");
    let response = connector.call(request).await.map_err(|error| secrets.causes(&error))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("GitHub answered with HTTP {status}"));
    }
    let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| secrets.causes(&error))?;
    // serde's error would quote the body, which holds a token.
    let response_body: IdTokenResponse =
        serde_json::from_slice(&body.into_bytes()).map_err(|_| "GitHub's answer holds no token".to_owned())?;
    Ok(response_body.value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_token() {
        let tokens =
            [IdToken::Literal("geheim".into()), IdToken::GithubRequest { url: String::new(), bearer: "geheim".into() }];
        assert!(!format!("{tokens:?}").contains("geheim"));
    }
}
