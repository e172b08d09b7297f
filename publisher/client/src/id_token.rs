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
use crate::error::causes;

/// Whom the token is for; IAM's OIDC provider expects it.
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

    /// The token itself.
    ///
    /// # Errors
    /// [`PublishError::NoIdToken`]: GitHub gave none.
    pub(crate) async fn fetch(&self) -> Result<SecretString, PublishError> {
        match self {
            Self::Literal(token) => Ok(token.clone()),
            Self::GithubRequest { url, bearer } => {
                let response = tokio::time::timeout(ID_TOKEN_TIMEOUT, request_token(url, bearer)).await;
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

/// By the SDK's own client: another HTTP stack would be half as large again as this program. It follows no redirect, so
/// the bearer goes nowhere else.
async fn request_token(url: &str, bearer: &SecretString) -> Result<SecretString, String> {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| causes(&error))?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", bearer.expose_secret()));
    headers.insert("accept", "application/json");
    let response = connector.call(request).await.map_err(|error| causes(&error))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("GitHub answered with HTTP {status}"));
    }
    let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| causes(&error))?;
    // Its error would quote the text, which is a token.
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
