//! The secrets that this process makes its AWS calls with, and AWS's words without them.
//!
//! AWS quotes a request that it does not accept, session token included, and an endpoint in AWS's place may repeat
//! anything. A process has one identity, so what it was given is secret in every answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use doorbell_messages::{MIN_SECRET_BYTES, Redactor};

/// For how long expired credentials are remembered: an answer to a call that was made with them comes within a minute.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A role's credentials are renewed shortly before they expire, so that there are seldom more than two.
static SENT: Mutex<Vec<SentSecrets>> = Mutex::new(Vec::new());

struct SentSecrets {
    access_key_id: String,
    expires_at: Option<SystemTime>,
    redactor: Redactor,
}

impl SentSecrets {
    /// A key without an expiry is remembered for as long as the process runs.
    fn answers_may_come(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at + ANSWER_TIME)
    }
}

/// The configuration whose credentials are remembered, to be redacted by [`foreign_words`].
pub fn remember_secrets(sdk: SdkConfig) -> SdkConfig {
    match sdk.credentials_provider() {
        Some(provider) => {
            let provider = SharedCredentialsProvider::new(RememberingProvider(provider));
            sdk.into_builder().credentials_provider(provider).build()
        }
        None => sdk,
    }
}

/// What AWS said, without the secrets of this process's calls. It is called before the text is cut.
pub fn foreign_words(text: &str) -> String {
    let sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
    sent.iter().fold(text.to_owned(), |text, secrets| secrets.redactor.redact(&text))
}

/// Remembers the credentials that another provider gives.
#[derive(Debug)]
struct RememberingProvider(SharedCredentialsProvider);

impl ProvideCredentials for RememberingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move { self.0.provide_credentials().await.inspect(remember) })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.0.fallback_on_interrupt()
    }
}

fn remember(credentials: &Credentials) {
    let secrets = [Some(credentials.secret_access_key()), credentials.session_token()];
    // AWS's own have 40 and more; those of a test may be a word.
    let redactor = Redactor::new(secrets.into_iter().flatten().filter(|secret| secret.len() >= MIN_SECRET_BYTES));
    let (access_key_id, now) = (credentials.access_key_id().to_owned(), SystemTime::now());
    let mut sent = SENT.lock().unwrap_or_else(PoisonError::into_inner);
    sent.retain(|known| known.access_key_id != access_key_id && known.answers_may_come(now));
    sent.push(SentSecrets { access_key_id, expires_at: credentials.expiry(), redactor });
}
