pub(crate) use doorbell_adapters::aws::{DEFAULT_DOCUMENT, RegistryEntry, SsmRegistry};

/// Maximum bytes of a standard parameter; an advanced one is charged and never becomes standard again.
pub(crate) const MAX_STANDARD_BYTES: usize = 4096;

/// Maximum bytes of an advanced parameter.
pub(crate) const MAX_ADVANCED_BYTES: usize = 8192;
