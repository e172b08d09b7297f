use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::environment::Environment;
use crate::failure::{Failure, FailureKind};
use crate::refusal::chain;

/// Whom the token is for; IAM's OIDC provider expects it.
const AUDIENCE: &str = "sts.amazonaws.com";
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Where a CI's OIDC token is had.
#[derive(Debug, Clone)]
pub(crate) enum IdToken {
    /// In a variable, as text.
    Given(SecretString),
    /// From GitHub, for asking, in a job with `id-token: write`.
    FromGithub { url: String, bearer: SecretString },
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}

impl IdToken {
    /// The one that this environment has. A variable of ours, which a person set, comes before the CI's own.
    ///
    /// # Errors
    /// [`FailureKind::Denied`]: there is none.
    pub(crate) fn find(environment: Environment<'_>) -> Result<Self, Failure> {
        if let Some(token) = environment.get("DOORBELL_ID_TOKEN") {
            return Ok(Self::Given(token.into()));
        }
        if let Some([url, bearer]) = environment
            .all(["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
            .and_then(|parts| <[String; 2]>::try_from(parts).ok())
        {
            return Ok(Self::FromGithub { url: with_audience(&url), bearer: bearer.into() });
        }
        let given = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN", "BITBUCKET_STEP_OIDC_TOKEN"];
        match environment.first(&given) {
            Some(found) => Ok(Self::Given(found.text.into())),
            None => Err(Failure::new(
                FailureKind::Denied,
                "a role is given, and no OIDC token to assume it by",
                "GitHub: permissions: { id-token: write }; GitLab: id_tokens: { DOORBELL_ID_TOKEN: { aud: sts.amazonaws.com } }; others: put it into DOORBELL_ID_TOKEN",
            )),
        }
    }

    /// The token itself.
    ///
    /// # Errors
    /// [`FailureKind::Denied`]: GitHub gave none.
    pub(crate) async fn fetch(self) -> Result<SecretString, Failure> {
        match self {
            Self::Given(token) => Ok(token),
            Self::FromGithub { url, bearer } => {
                let answer = tokio::time::timeout(ANSWERED_WITHIN, ask(&url, &bearer)).await;
                answer
                    .unwrap_or_else(|_elapsed| Err(format!("nothing answered within {ANSWERED_WITHIN:?}")))
                    .map_err(|why| refused(&why))
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
async fn ask(url: &str, bearer: &SecretString) -> Result<SecretString, String> {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .build();
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url).map_err(|error| chain(&error))?;
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {}", bearer.expose_secret()));
    headers.insert("accept", "application/json");
    let response = connector.call(request).await.map_err(|error| chain(&error))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(format!("GitHub answered with HTTP {status}"));
    }
    let body = ByteStream::new(response.into_body()).collect().await.map_err(|error| chain(&error))?;
    // Its error would quote the text, which is a token.
    let answer: Answer =
        serde_json::from_slice(&body.into_bytes()).map_err(|_| "GitHub's answer holds no token".to_owned())?;
    Ok(answer.value.into())
}

fn refused(why: &str) -> Failure {
    Failure::new(
        FailureKind::Denied,
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
        let found = match IdToken::find(Environment(&variable)) {
            Ok(IdToken::Given(token)) => Some(token.expose_secret().to_owned()),
            Ok(IdToken::FromGithub { url, .. }) => Some(url),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Denied);
                None
            }
        };
        assert_eq!(found.as_deref(), want);
    }

    #[test]
    fn a_token_is_looked_for_where_a_person_or_the_ci_put_it() {
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
            [IdToken::Given("geheim".into()), IdToken::FromGithub { url: String::new(), bearer: "geheim".into() }];
        assert!(!format!("{tokens:?}").contains("geheim"));
    }
}
