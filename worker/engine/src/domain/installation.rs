use doorbell_messages::JobKey;
use sha2::{Digest, Sha256};

/// The identity of an installation: a hash of its ledger's full name.
///
/// Two installations in one account or on one forge never take each other's builds or reports for their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationId(String);

impl InstallationId {
    const SEPARATOR: char = ':';

    /// The installation whose ledger has this full name.
    pub fn from_ledger_arn(arn: &str) -> Self {
        Self(hex_digest(&[arn], 12))
    }

    /// The job's id outside the ledger: in the build's environment.
    pub fn job_id(&self, key: &JobKey) -> String {
        format!("{}{}{key}", self.0, Self::SEPARATOR)
    }

    /// The key in a job id, if the id is this installation's.
    pub fn job_key_in(&self, job_id: &str) -> Option<JobKey> {
        let (installation, key) = job_id.split_once(Self::SEPARATOR)?;
        if installation == self.0 { key.parse().ok() } else { None }
    }

    /// The start token of an attempt: 64 hexadecimal digits.
    ///
    /// It is derived, so that every worker that repeats an attempt sends the same one, and no build starts twice within
    /// the token's lifetime.
    pub fn idempotency_token(&self, key: &JobKey, attempt: u32) -> String {
        hex_digest(&["token", &self.0, key.as_str(), &attempt.to_string()], 64)
    }

    /// The id of a job's done event: 64 hexadecimal digits, the same each time that it is published.
    pub fn done_event_id(&self, key: &JobKey) -> String {
        hex_digest(&[&self.0, key.as_str(), "finished"], 64)
    }

    /// The identity of a job's report at a destination: 64 hexadecimal digits, which a reporter may cut.
    pub fn external_id(&self, key: &JobKey) -> String {
        hex_digest(&["flag", &self.0, key.as_str()], 64)
    }
}

impl std::fmt::Display for InstallationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hashes the parts with their lengths, so that moving a character from one to the next changes the result.
fn hex_digest(parts: &[&str], length: usize) -> String {
    use std::fmt::Write;
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut text = hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    text.truncate(length);
    text
}
