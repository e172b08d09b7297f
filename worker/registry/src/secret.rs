use doorbell_messages::validated_text;
use serde::{Deserialize, Serialize};

/// The secret that git may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GitCredentials {
    /// The git credential, read by the build's role: a token, or JSON with `token`, or with `username` and `password`.
    pub secret: SecretId,
}

validated_text!(
    /// A Secrets Manager name or ARN; never the secret itself.
    SecretId, validate_secret_id, "pattern" = r"^[A-Za-z0-9/_+=.@:-]{1,2048}$"
);

fn validate_secret_id(text: &str) -> Result<(), String> {
    let good =
        (1..=2048).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&b));
    good.then_some(())
        .ok_or_else(|| "invalid value: expected a Secrets Manager name or ARN (A-Z a-z 0-9 / _ + = . @ - :)".to_owned())
}
