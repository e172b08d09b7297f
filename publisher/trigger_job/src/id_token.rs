use doorbell_publisher::IdToken;

use crate::env_vars::EnvVars;
use crate::failure::{TriggerFailure, TriggerFailureKind};

/// The OIDC token of this environment. Doorbell's variable, which a person set, comes before the CI's own.
///
/// # Errors
/// [`TriggerFailureKind::Denied`]: there is none.
pub(crate) fn find_id_token(environment: EnvVars<'_>) -> Result<IdToken, TriggerFailure> {
    if let Some(token) = environment.get("DOORBELL_ID_TOKEN") {
        return Ok(IdToken::Literal(token.into()));
    }
    if let Some([url, bearer]) = environment
        .all(["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
        .and_then(|parts| <[String; 2]>::try_from(parts).ok())
    {
        return Ok(IdToken::github_request(&url, bearer));
    }
    let ci_variables = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN", "BITBUCKET_STEP_OIDC_TOKEN"];
    match environment.first(&ci_variables) {
        Some(found) => Ok(IdToken::Literal(found.text.into())),
        None => Err(TriggerFailure::new(
            TriggerFailureKind::Denied,
            "a role is given, and no OIDC token to assume it by",
            "GitHub: permissions: { id-token: write }; GitLab: id_tokens: { DOORBELL_ID_TOKEN: { aud: sts.amazonaws.com } }; others: put it into DOORBELL_ID_TOKEN",
        )),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], want: Option<&str>) {
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let found = match find_id_token(EnvVars(&variable)) {
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
}
