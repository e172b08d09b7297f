use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ProjectName, Request, RequestAction, RequestId};

/// A job's name everywhere: `<project>#<id>#<digest>`.
///
/// The digest covers ref, commit and variables, so the same id with another body is another job and nobody can
/// silence a real build by publishing its id first. Two equal publishes have one key, hence one build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobKey(String);

/// 96 bits: finding a second body for a given digest is out of reach, and two that collide on purpose are both
/// their publisher's own.
const DIGEST_HEX: usize = 24;

/// What the digest covers, in the order and spelling that the fixtures fix for ever.
#[derive(Serialize)]
struct DigestInput<'a> {
    #[serde(rename = "ref")]
    git_ref: String,
    commit: Option<&'a str>,
    variables: BTreeMap<&'a str, &'a str>,
    /// Only on a cancel: it is a request of its own, with a row of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<RequestAction>,
}

impl JobKey {
    /// Keys a request. `message_id` is SNS's; it stands in for the publisher's id where there is none.
    ///
    /// # Errors
    /// A message id that could not stand in a key (never seen from SNS, whose ids are UUIDs).
    pub fn for_request(request: &Request, message_id: &str) -> Result<Self, String> {
        Self::for_action(request, message_id, request.action)
    }

    /// The job that a cancel request means: its own request as if it had said `start`.
    ///
    /// # Errors
    /// As [`JobKey::for_request`].
    pub fn cancel_target(request: &Request, message_id: &str) -> Result<Self, String> {
        Self::for_action(request, message_id, RequestAction::Start)
    }

    fn for_action(request: &Request, message_id: &str, action: RequestAction) -> Result<Self, String> {
        let id = match &request.id {
            Some(id) => id.clone(),
            None => message_id.parse::<RequestId>().map_err(|problem| format!("the SNS message id: {problem}"))?,
        };
        let digest_input = DigestInput {
            git_ref: request.git_ref.full(),
            commit: request.commit.as_ref().map(crate::CommitId::as_str),
            variables: request.variables.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            action: (action == RequestAction::Cancel).then_some(action),
        };
        let text = serde_json::to_string(&digest_input).map_err(|error| error.to_string())?;
        let digest = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self(format!("{}#{id}#{}", request.project, &digest[..DIGEST_HEX])))
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first part.
    pub fn project(&self) -> &str {
        self.0.split('#').next().unwrap_or_default()
    }
}

impl TryFrom<String> for JobKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('#').collect();
        let good = match parts.as_slice() {
            [project, id, digest] => {
                project.parse::<ProjectName>().is_ok()
                    && id.parse::<RequestId>().is_ok()
                    && digest.len() == DIGEST_HEX
                    && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            }
            _ => false,
        };
        if good {
            Ok(Self(text))
        } else {
            Err(crate::text::invalid(&text, "a job key is <project>#<id>#<24 hex digits>"))
        }
    }
}

impl std::str::FromStr for JobKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl From<JobKey> for String {
    fn from(key: JobKey) -> String {
        key.0
    }
}

impl std::fmt::Display for JobKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
