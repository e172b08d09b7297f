use aws_config::SdkConfig;
use aws_config::credential_process::CredentialProcessProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use clap::Args;
use doorbell_adapters::aws::{AwsClock, Connection, DynamoDbLedger, SsmRegistry, remember_secrets};

use crate::error::CliError;
use crate::installation::{Installation, Setting};

/// The AWS account and Region to use.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which account")]
pub(crate) struct AwsArguments {
    /// A profile of ~/.aws/config, SSO profiles included [env: AWS_PROFILE]
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
    /// The Region [env: AWS_REGION; else the profile's]
    #[arg(long, value_name = "NAME", global = true)]
    region: Option<String>,
}

/// The owner's AWS account, with the caller's own credentials.
#[derive(Debug)]
pub(crate) struct OwnerAccount {
    sdk: SdkConfig,
    clock: AwsClock,
}

impl OwnerAccount {
    /// Finds credentials and Region.
    ///
    /// # Errors
    /// No Region (exit code 3), no credentials (4).
    pub(crate) async fn open(arguments: &AwsArguments) -> Result<Self, CliError> {
        let mut sdk = Connection::with_config(|mut loader| {
            if let Some(profile) = &arguments.profile {
                loader = loader.profile_name(profile);
            }
            match &arguments.region {
                Some(region) => loader.region(aws_config::Region::new(region.clone())),
                None => loader,
            }
        })
        .await
        .sdk;
        if sdk.region().is_none() {
            return Err(CliError::missing(
                "no AWS Region is set",
                "set --region, AWS_REGION or the profile's `region`",
            ));
        }
        if let Err(problem) = check_credentials(&sdk).await {
            let exported = aws_cli_credentials(arguments.profile.as_deref());
            if exported.provide_credentials().await.is_err() {
                let next = "`aws sso login`, --profile NAME, or AWS_ACCESS_KEY_ID; then `aws sts get-caller-identity`";
                return Err(CliError::denied(format!("no AWS credentials: {problem}"), next));
            }
            let provider = SharedCredentialsProvider::new(exported);
            sdk = remember_secrets(sdk.into_builder().credentials_provider(provider).build());
        }
        Ok(Self { sdk, clock: AwsClock::default() })
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    pub(crate) fn clock(&self) -> &AwsClock {
        &self.clock
    }

    /// The ledger.
    ///
    /// # Errors
    /// Its name is missing or invalid.
    pub(crate) fn ledger(&self, installation: &Installation) -> Result<DynamoDbLedger, CliError> {
        let [table] = installation.read([Setting::Table])?;
        Ok(DynamoDbLedger::new(&self.sdk, &self.clock, table))
    }

    /// The registry.
    ///
    /// # Errors
    /// Its prefix is invalid.
    pub(crate) fn registry(&self, installation: &Installation) -> Result<SsmRegistry, CliError> {
        Ok(SsmRegistry::new(&self.sdk, &self.clock, installation.prefix()?))
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk)
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.sdk)
    }
}

async fn check_credentials(sdk: &SdkConfig) -> Result<(), String> {
    match sdk.credentials_provider() {
        None => Err("the SDK's default chain found none".to_owned()),
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => Ok(()),
            Err(error) => Err(std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string)),
        },
    }
}

/// Credentials of the AWS CLI's session, above all of SSO, where `aws sso login` logs in and keeps the session.
///
/// The AWS CLI exports them in the format of a credential process.
fn aws_cli_credentials(profile: Option<&str>) -> CredentialProcessProvider {
    let profile = profile.map(|name| format!(" --profile '{}'", name.replace('\'', r"'\''"))).unwrap_or_default();
    CredentialProcessProvider::new(format!("aws configure export-credentials --format process{profile}"))
}
