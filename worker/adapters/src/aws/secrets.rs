use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use doorbell_engine::ports::{PortError, SecretStore};
use doorbell_messages::check_secret_length;
use doorbell_registry::SecretId;
use secrecy::SecretString;

use crate::aws::clock::AwsClock;
use crate::aws::connection::port_error;

/// AWS Secrets Manager.
#[derive(Debug, Clone)]
pub struct SecretsManagerStore(Client);

impl SecretsManagerStore {
    pub fn new(sdk: &SdkConfig, clock: &AwsClock) -> Self {
        let config = aws_sdk_secretsmanager::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self(Client::from_conf(config))
    }
}

impl SecretStore for SecretsManagerStore {
    async fn read(&self, id: &SecretId) -> Result<SecretString, PortError> {
        let answer = self.0.get_secret_value().secret_id(id.as_str()).send().await;
        let secret = answer.map_err(|error| port_error(&format!("GetSecretValue {id}"), error))?;
        let text = secret.secret_string.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| PortError(format!("the secret {id} holds no text")))?;
        check_secret_length(text).map_err(|problem| PortError(format!("the secret {id}: {problem}")))?;
        Ok(SecretString::from(text.to_owned()))
    }
}
