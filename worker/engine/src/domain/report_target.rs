use doorbell_messages::CommitId;
use doorbell_registry::{ForgeKind, ForgeRepo, ForgeUrl, ReportConfig, SecretId};
use serde::{Deserialize, Serialize};

/// A destination of status reports, and the commit that they are about.
///
/// Frozen with the launch or the rejection, so that a later change of the registry does not redirect a status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTarget {
    /// The repository on a forge.
    pub to: ForgeRepository,
    /// The commit that is built and reported on.
    pub commit: CommitId,
    /// The identity of this job's report at the destination.
    pub external_id: String,
}

/// A repository on a forge, with the credentials to report on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeRepository {
    /// The kind of forge.
    #[serde(rename = "type")]
    pub kind: ForgeKind,
    /// Its address.
    pub url: ForgeUrl,
    /// The repository in its API.
    pub repo: ForgeRepo,
    /// The name of the secret that holds the token.
    pub token_secret: SecretId,
    /// The name that the report shows.
    pub username: String,
}

impl From<&ReportConfig> for ForgeRepository {
    fn from(config: &ReportConfig) -> Self {
        Self {
            kind: config.kind,
            url: config.url.clone(),
            repo: config.repo.clone(),
            token_secret: config.token_secret.clone(),
            username: config.username.clone(),
        }
    }
}
