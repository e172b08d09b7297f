//! A small client of the AWS protocols, for the sandbox's own calls. The product's binaries use the SDK.
