use doorbell_adapters::aws::{AwsClock, DoneTopic, DynamoDbLedger, SecretsManagerStore, SsmRegistry};
use doorbell_adapters::forge::PagureReporter;
use doorbell_adapters::provider::CodeBuildProvider;
use doorbell_engine::ports::Ports;

/// The adapters to AWS and the forges, as the engine's ports.
#[derive(Debug)]
pub(crate) struct WorkerPorts {
    pub(crate) clock: AwsClock,
    pub(crate) projects: SsmRegistry,
    pub(crate) ledger: DynamoDbLedger,
    pub(crate) builds: CodeBuildProvider,
    pub(crate) forge: PagureReporter,
    pub(crate) done_topic: DoneTopic,
    pub(crate) secrets: SecretsManagerStore,
}

impl Ports for WorkerPorts {
    type Clock = AwsClock;
    type ProjectRegistry = SsmRegistry;
    type JobLedger = DynamoDbLedger;
    type OrderLedger = DynamoDbLedger;
    type BuildProvider = CodeBuildProvider;
    type StatusReporter = PagureReporter;
    type DoneEventPublisher = DoneTopic;
    type RefResolver = PagureReporter;
    type SecretStore = SecretsManagerStore;

    fn clock(&self) -> &AwsClock {
        &self.clock
    }

    fn registry(&self) -> &SsmRegistry {
        &self.projects
    }

    fn ledger(&self) -> &DynamoDbLedger {
        &self.ledger
    }

    fn order_ledger(&self) -> &DynamoDbLedger {
        &self.ledger
    }

    fn provider(&self) -> &CodeBuildProvider {
        &self.builds
    }

    fn reporter(&self) -> &PagureReporter {
        &self.forge
    }

    fn done_events(&self) -> &DoneTopic {
        &self.done_topic
    }

    fn resolver(&self) -> &PagureReporter {
        &self.forge
    }

    fn secrets(&self) -> &SecretsManagerStore {
        &self.secrets
    }
}
