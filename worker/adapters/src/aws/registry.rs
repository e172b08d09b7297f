use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::RegistryDocuments;
use doorbell_engine::ports::{PortError, ProjectRegistry};
use doorbell_messages::ProjectName;

use crate::aws::clock::AwsClock;
use crate::aws::connection::port_error;

/// The owner's registry in SSM: one parameter a project under one prefix.
#[derive(Debug, Clone)]
pub struct SsmRegistry {
    client: Client,
    prefix: String,
}

impl SsmRegistry {
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, prefix: String) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), prefix }
    }

    /// GetParameter and not GetParameters: its permission is checked on each parameter's own ARN.
    async fn parameter(&self, name: &str) -> Result<Option<(String, String)>, PortError> {
        let path = format!("{}/{name}", self.prefix);
        match self.client.get_parameter().name(&path).with_decryption(true).send().await {
            Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value).map(|text| (path, text))),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(port_error(&format!("GetParameter {path}"), error)),
        }
    }
}

impl ProjectRegistry for SsmRegistry {
    async fn read(&self, project: &ProjectName) -> Result<Option<RegistryDocuments>, PortError> {
        let (project, default) =
            futures_util::future::try_join(self.parameter(project.as_str()), self.parameter("_default")).await?;
        Ok(project.map(|project| RegistryDocuments { project, default }))
    }
}
