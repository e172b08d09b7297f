use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use doorbell_engine::ports::ProjectRegistry;
use doorbell_messages::ProjectName;
use serde_json::json;

use super::AwsStub;
use crate::aws::clock::AwsClock;
use crate::aws::{Connection, SsmRegistry};

/// A connection with a role's keys, `AKID1`, `AKID2` and so on: each is about to expire; while the endpoint that hands them
/// out is down, there is none.
async fn rotating_credentials(aws: &AwsStub, is_down: Arc<AtomicBool>) -> SdkConfig {
    let fetches = Arc::new(AtomicU32::new(0));
    let keys = provide_credentials_fn(move || {
        let number = fetches.fetch_add(1, Ordering::SeqCst) + 1;
        let is_down = is_down.load(Ordering::SeqCst);
        async move {
            if is_down {
                return Err(CredentialsError::provider_error("it answers 503"));
            }
            let expires = SystemTime::now() + Duration::from_secs(5);
            Ok(Credentials::new(format!("AKID{number}"), "secret", None, Some(expires), "tests"))
        }
    });
    let url = aws.url.clone();
    let configured = |loader: aws_config::ConfigLoader| {
        loader.endpoint_url(url).region(Region::new("eu-west-1")).credentials_provider(keys)
    };
    Connection::with_config(configured).await.sdk
}

async fn read(registry: &SsmRegistry) -> Result<(), String> {
    let project: ProjectName = "demo".parse().unwrap();
    registry.read_one(&project).await.map(|_| ()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn role_credentials_are_renewed_before_expiry() {
    let aws = AwsStub::new([(200, json!({"Parameter": {"Value": "{}"}}))]).await;
    let registry = SsmRegistry::new(
        &rotating_credentials(&aws, Arc::default()).await,
        &AwsClock::default(),
        "/doorbell".to_owned(),
    );
    read(&registry).await.unwrap();
    read(&registry).await.unwrap();
    let keys: Vec<String> = aws.calls().into_iter().map(|call| access_key_id_of(&call.authorization)).collect();
    assert!(keys.contains(&"AKID1".to_owned()) && keys.iter().any(|key| key != "AKID1"), "{keys:?}");
}

#[tokio::test]
async fn credential_endpoint_outage_fails_only_the_call() {
    let aws = AwsStub::new([(200, json!({"Parameter": {"Value": "{}"}}))]).await;
    let is_down = Arc::new(AtomicBool::new(true));
    let sdk = rotating_credentials(&aws, Arc::clone(&is_down)).await;
    let registry = SsmRegistry::new(&sdk, &AwsClock::default(), "/doorbell".to_owned());
    let error = read(&registry).await.unwrap_err();
    assert!(error.contains("GetParameter") && error.contains("503"), "{error}");
    assert!(aws.calls().is_empty(), "nothing was sent unsigned");
    is_down.store(false, Ordering::SeqCst);
    read(&registry).await.unwrap();
}

/// Two parameters are read at once: `Credential=AKID1/20260101/…`.
fn access_key_id_of(authorization: &str) -> String {
    let (_, rest) = authorization.split_once("Credential=").unwrap_or_default();
    rest.split('/').next().unwrap_or_default().to_owned()
}
