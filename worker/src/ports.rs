use doorbell_engine::ports::World;

use crate::aws::{CodeBuildProvider, DynamoDbLedger, SecretsManagerStore, SsmRegistry};
use crate::clock::AwsClock;
use crate::forge::PagureReporter;

/// The real world: AWS and the forges.
#[derive(Debug)]
pub(crate) struct WorkerPorts {
    pub(crate) clock: AwsClock,
    pub(crate) projects: SsmRegistry,
    pub(crate) ledger: DynamoDbLedger,
    pub(crate) builds: CodeBuildProvider,
    pub(crate) forge: PagureReporter,
    pub(crate) secrets: SecretsManagerStore,
}

impl World for WorkerPorts {
    type Clock = AwsClock;
    type Projects = SsmRegistry;
    type Ledger = DynamoDbLedger;
    type Builds = CodeBuildProvider;
    type Forge = PagureReporter;
    type Secrets = SecretsManagerStore;

    fn clock(&self) -> &AwsClock {
        &self.clock
    }

    fn projects(&self) -> &SsmRegistry {
        &self.projects
    }

    fn ledger(&self) -> &DynamoDbLedger {
        &self.ledger
    }

    fn builds(&self) -> &CodeBuildProvider {
        &self.builds
    }

    fn forge(&self) -> &PagureReporter {
        &self.forge
    }

    fn secrets(&self) -> &SecretsManagerStore {
        &self.secrets
    }
}
