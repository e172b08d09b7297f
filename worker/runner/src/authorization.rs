use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use doorbell_messages::{Redactor, check_secret_length};
use secrecy::{ExposeSecret, SecretString};

use crate::error::RunnerError;

/// The HTTP header that lets git in. `Debug` shows nothing of it.
#[derive(Debug)]
pub(crate) struct Authorization {
    header: SecretString,
    /// Removes the secret in each form in which a server could print it back.
    redactor: Redactor,
}

impl Authorization {
    /// # Errors
    /// A token that no header can carry, or one that is too short to be redacted; `variable` says where it came from.
    pub(crate) fn bearer(variable: &str, token: &str) -> Result<Self, RunnerError> {
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid_credential(variable, "a bearer token is printable ASCII without spaces"));
        }
        check_secret_length(token).map_err(|rule| invalid_credential(variable, &rule))?;
        Ok(Self { header: format!("Authorization: Bearer {token}").into(), redactor: Redactor::new([token]) })
    }

    /// # Errors
    /// A name or a password that the Basic scheme (RFC 7617) can't carry, or a password that is too short to be redacted.
    pub(crate) fn basic(variable: &str, username: &str, password: &str) -> Result<Self, RunnerError> {
        if username.contains(':') || [username, password].iter().any(|text| text.contains(char::is_control)) {
            return Err(invalid_credential(
                variable,
                "a user name has no colon, and neither it nor the password has a control character",
            ));
        }
        check_secret_length(password).map_err(|rule| invalid_credential(variable, &rule))?;
        let pair = STANDARD.encode(format!("{username}:{password}"));
        Ok(Self {
            header: format!("Authorization: Basic {pair}").into(),
            redactor: Redactor::new([password, pair.as_str()]),
        })
    }

    /// The whole header.
    pub(crate) fn header(&self) -> &str {
        self.header.expose_secret()
    }

    /// Takes the credential out of a text that a server had a hand in.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }
}

fn invalid_credential(variable: &str, rule: &str) -> RunnerError {
    RunnerError::environment(format!("environment variable {variable}: its credential is refused: {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_and_redacted_text_hide_the_credential() {
        let authorization = Authorization::basic("X", "me", "s3cret-word").unwrap();
        let debug = format!("{authorization:?}");
        assert!(!debug.contains("s3cret-word") && !debug.contains("bWU6"), "{debug}");
        let echoed = format!("remote: you sent {} that is me:s3cret-word", authorization.header());
        assert_eq!(authorization.redact(&echoed), "remote: you sent Authorization: Basic [secret] that is me:[secret]");
    }

    #[test]
    fn credential_under_eight_bytes_is_refused_unquoted() {
        for refused in [Authorization::basic("X", "me", "1234567"), Authorization::bearer("X", "1234567")] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("variable X") && !error.contains("1234567"), "{error}");
        }
    }
}
