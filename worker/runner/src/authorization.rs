use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::error::RunnerError;

/// The HTTP header that lets git in. `Debug` shows nothing of it.
#[derive(Debug)]
pub(crate) struct Authorization {
    header: SecretString,
    /// The forms in which a server could print it back.
    redacted_forms: Vec<SecretString>,
}

impl Authorization {
    /// # Errors
    /// A token that no header can carry; `variable` says where it came from.
    pub(crate) fn bearer(variable: &str, token: &str) -> Result<Self, RunnerError> {
        if !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid_credential(variable, "a bearer token is printable ASCII without spaces"));
        }
        Ok(Self { header: format!("Authorization: Bearer {token}").into(), redacted_forms: vec![token.into()] })
    }

    /// # Errors
    /// A name or a password that the Basic scheme (RFC 7617) can't carry.
    pub(crate) fn basic(variable: &str, username: &str, password: &str) -> Result<Self, RunnerError> {
        if username.contains(':') || [username, password].iter().any(|text| text.contains(char::is_control)) {
            return Err(invalid_credential(
                variable,
                "a user name has no colon, and neither it nor the password has a control character",
            ));
        }
        let pair = STANDARD.encode(format!("{username}:{password}"));
        Ok(Self {
            header: format!("Authorization: Basic {pair}").into(),
            redacted_forms: vec![password.into(), pair.into(), STANDARD.encode(password).into()],
        })
    }

    /// The whole header.
    pub(crate) fn header(&self) -> &str {
        self.header.expose_secret()
    }

    /// Takes the credential out of a text that a server had a hand in.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redacted_forms.iter().fold(text.to_owned(), |text, form| text.replace(form.expose_secret(), "[secret]"))
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
        let authorization = Authorization::basic("X", "me", "s3cret").unwrap();
        let debug = format!("{authorization:?}");
        assert!(!debug.contains("s3cret") && !debug.contains("bWU6"), "{debug}");
        let echoed = format!("remote: you sent {} that is me:s3cret", authorization.header());
        assert_eq!(authorization.redact(&echoed), "remote: you sent Authorization: Basic [secret] that is me:[secret]");
    }
}
