use doorbell_messages::CommitId;
use doorbell_registry::{ForgeKind, ForgeRepo, ForgeUrl, ReportConfig, SecretId};
use serde::{Deserialize, Serialize};

/// Whom to tell, and about which commit: frozen with the launch, so that a later change of the registry can't move
/// a status to another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTarget {
    /// The forge.
    pub forge: ForgeRepository,
    /// The commit that is built and flagged.
    pub commit: CommitId,
    /// The flag's identity on the forge.
    pub external_id: String,
}

/// A repository on a forge, and the right to speak about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgeRepository {
    /// The kind of forge.
    pub kind: ForgeKind,
    /// Its address.
    pub url: ForgeUrl,
    /// The repository in its API.
    pub repo: ForgeRepo,
    /// The name of the secret that holds the token.
    pub token_secret: SecretId,
    /// The name that the flag shows.
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
