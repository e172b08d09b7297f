use doorbell_engine::ports::World;

use crate::aws::{CodeBuild, ParameterStore, SecretsManager, Table};
use crate::clock::AwsClock;
use crate::forge::Forges;

/// The real world: AWS and the forges.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) clock: AwsClock,
    pub(crate) projects: ParameterStore,
    pub(crate) ledger: Table,
    pub(crate) builds: CodeBuild,
    pub(crate) forge: Forges,
    pub(crate) secrets: SecretsManager,
}

impl World for Account {
    type Clock = AwsClock;
    type Projects = ParameterStore;
    type Ledger = Table;
    type Builds = CodeBuild;
    type Forge = Forges;
    type Secrets = SecretsManager;

    fn clock(&self) -> &AwsClock {
        &self.clock
    }

    fn projects(&self) -> &ParameterStore {
        &self.projects
    }

    fn ledger(&self) -> &Table {
        &self.ledger
    }

    fn builds(&self) -> &CodeBuild {
        &self.builds
    }

    fn forge(&self) -> &Forges {
        &self.forge
    }

    fn secrets(&self) -> &SecretsManager {
        &self.secrets
    }
}
