use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ProjectName, Request, RequestAction, RequestCommitRule, RequestId};

/// The name of a job: `<project>#<id>#<digest>`, or that and `~<generation>`.
///
/// The digest covers all that decides what runs: ref, commit and variables, and `once`, `allowOlder` and `commitRule`
/// where the request has them. So the same id with another body is another job, and a publisher cannot silence a build
/// by publishing its id first. Two equal requests have one key, hence one build. `cause`, `origin` and `watch` are not
/// part of it: they decide nothing about the build.
///
/// `commitRule` is part of it although it only narrows. Left out, a request for the tip would be answered by a job that
/// takes any ancestor, or a job that fails at the rule would take the place of one that would run.
///
/// A generation names a later job of the same series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobKey(String);

/// 96 bits: a second body for a given digest cannot be found, and two that collide on purpose have one publisher.
const DIGEST_HEX: usize = 24;
const GENERATION_HEX: usize = 16;

/// What the digest covers, in the order and spelling that the fixtures fix.
#[derive(Serialize)]
struct DigestInput<'a> {
    #[serde(rename = "ref")]
    git_ref: String,
    commit: Option<&'a str>,
    variables: BTreeMap<&'a str, &'a str>,
    /// Only on a cancel, which has a row of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<RequestAction>,
    /// These only where the request has them, so that a request without them keeps its digest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    once: bool,
    #[serde(rename = "allowOlder", skip_serializing_if = "std::ops::Not::not")]
    allow_older: bool,
    #[serde(rename = "commitRule", skip_serializing_if = "Option::is_none")]
    commit_rule: Option<RequestCommitRule>,
}

impl JobKey {
    /// The key of a request. SNS's `message_id` is used if the request has no id.
    ///
    /// # Errors
    /// A message id that is no valid id. (SNS's ids are UUIDs.)
    pub fn for_request(request: &Request, message_id: &str) -> Result<Self, String> {
        Self::for_action(request, message_id, request.action)
    }

    /// The job that a cancel request cancels: the key of the same request with the action `start`.
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
            once: request.once,
            allow_older: request.allow_older,
            commit_rule: request.commit_rule,
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

    /// The key of the series' first job: this key without its generation.
    pub fn series(&self) -> Self {
        Self(self.0.split('~').next().unwrap_or_default().to_owned())
    }

    /// The key of the later job of this series that a message makes: SNS's id of it decides the generation.
    pub fn later_job(&self, message_id: &str) -> Self {
        let digest = hex(&Sha256::digest(message_id.as_bytes()));
        Self(format!("{}~{}", self.series(), &digest[..GENERATION_HEX]))
    }

    /// The generation of a later job of a series; none for the first.
    pub fn generation(&self) -> Option<&str> {
        self.0.split_once('~').map(|(_, generation)| generation)
    }
}

impl TryFrom<String> for JobKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (series, generation) = match text.split_once('~') {
            Some((series, generation)) => (series, Some(generation)),
            None => (text.as_str(), None),
        };
        let parts: Vec<&str> = series.split('#').collect();
        let valid = match parts.as_slice() {
            [project, id, digest] => {
                project.parse::<ProjectName>().is_ok()
                    && id.parse::<RequestId>().is_ok()
                    && is_hex(digest, DIGEST_HEX)
                    && generation.is_none_or(|generation| is_hex(generation, GENERATION_HEX))
            }
            _ => false,
        };
        if valid {
            Ok(Self(text))
        } else {
            Err(crate::text::invalid(&text, "<project>#<id>#<24 hex digits>, optionally with ~<16 hex digits>"))
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

/// Whether a part of a key is so many hexadecimal digits, in lower case.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
