use doorbell_engine::ports::{MessageQueue, ProjectRead, ProjectRegistry, ReceiptHandle, RegistryError, SecretStore};
use doorbell_messages::ProjectName;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{AwsStub, error_response};
use crate::aws::clock::AwsClock;
use crate::aws::{SecretsManagerStore, SqsQueue, SsmRegistry};

async fn queue(aws: &AwsStub) -> SqsQueue {
    let url = |name: &str| format!("{}/123456789012/{name}", aws.url);
    SqsQueue::new(&aws.sdk().await, &AwsClock::default(), url("triggers"), url("dead-letters"))
}

fn receipts(count: usize) -> Vec<ReceiptHandle> {
    (0..count).map(|number| ReceiptHandle(format!("receipt-{number}"))).collect()
}

/// Entry 3 of 10 fails: the others are gone, and that message comes back and meets its row.
#[tokio::test]
async fn undeleted_batch_entry_does_not_stop_other_deletes() {
    let entries = (0..10).filter(|number| *number != 3).map(|number| json!({"Id": number.to_string()}));
    let failed = json!([{"Id": "3", "SenderFault": false, "Code": "InternalError"}]);
    let partial_failure = json!({"Successful": entries.collect::<Vec<_>>(), "Failed": failed});
    let aws = AwsStub::new([(200, partial_failure), (200, json!({"Successful": []}))]).await;
    assert_eq!(queue(&aws).await.ack(receipts(12)).await, Ok(()));
    let sizes: Vec<usize> = aws.calls().iter().map(|call| call.body["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 2], "SQS takes ten at once");
}

#[tokio::test]
async fn failed_delete_batch_call_is_an_error() {
    let aws = AwsStub::new([error_response("AWS.SimpleQueueService.NonExistentQueue", "no queue")]).await;
    assert!(queue(&aws).await.ack(receipts(1)).await.is_err());
}

#[tokio::test]
async fn receive_requests_the_receive_count() {
    let message = json!({
        "MessageId": "m", "Body": "text", "ReceiptHandle": "r", "Attributes": {"ApproximateReceiveCount": "3"},
    });
    let without_receipt = json!({"MessageId": "n", "Body": "text"});
    let aws = AwsStub::new([(200, json!({"Messages": [message, without_receipt]}))]).await;
    let batch = queue(&aws).await.receive(std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(batch.iter().map(|delivery| delivery.receive_count).collect::<Vec<_>>(), [3]);
    assert_eq!(aws.call().body["WaitTimeSeconds"], 20);
    assert_eq!(aws.call().body["MaxNumberOfMessages"], 10);
}

#[tokio::test]
async fn only_missing_parameter_means_unregistered_project() {
    let project: ProjectName = "demo".parse().unwrap();
    let read = async |answer| {
        let aws = AwsStub::new([answer]).await;
        let registry = SsmRegistry::new(&aws.sdk().await, &AwsClock::default(), "/doorbell".to_owned());
        registry.read_one(&project).await.map(|documents| documents.is_some())
    };
    assert_eq!(read(error_response("ParameterNotFound", "")).await, Ok(false));
    assert_eq!(read((200, json!({"Parameter": {"Value": "{}"}}))).await, Ok(true));
    assert!(read(error_response("AccessDeniedException", "not you")).await.is_err());
    assert!(read(error_response("ExpiredTokenException", "expired")).await.is_err());
}

#[tokio::test]
async fn gathered_read_is_one_call_that_the_sdk_does_not_repeat() {
    let names: Vec<ProjectName> = ["a", "b", "c"].map(|name| name.parse().unwrap()).into();
    let parameter = |name: &str, kind: &str| json!({"Name": format!("/doorbell/{name}"), "Type": kind, "Value": name});
    let gathered = json!({"Parameters": [parameter("_default", "String"), parameter("a", "String"), parameter("c", "SecureString")]});
    let denied = error_response("AccessDeniedException", "kms:Decrypt");
    let aws = AwsStub::new([(200, gathered), denied]).await;
    let registry = SsmRegistry::new(&aws.sdk().await, &AwsClock::default(), "/doorbell".to_owned());
    let reads = registry.read(&names).await.unwrap();
    assert!(matches!(&reads[0], ProjectRead::Found(documents) if documents.default.is_some()), "{reads:?}");
    assert!(matches!(reads[1], ProjectRead::Missing), "{reads:?}");
    assert!(matches!(reads[2], ProjectRead::Failed(_)), "its error is its own: {reads:?}");
    assert_eq!(aws.calls()[0].body["WithDecryption"], false);
    assert_eq!(aws.calls().len(), 2);
    let aws = AwsStub::new([error_response("ThrottlingException", "Rate exceeded")]).await;
    let registry = SsmRegistry::new(&aws.sdk().await, &AwsClock::default(), "/doorbell".to_owned());
    assert!(matches!(registry.read(&names).await, Err(RegistryError::Throttled(_))));
    assert!(matches!(registry.list_names(None).await, Err(RegistryError::Throttled(_))));
    assert!(matches!(registry.read_one(&names[0]).await, Err(RegistryError::Throttled(_))));
    assert_eq!(aws.calls().len(), 3);
}

#[tokio::test]
async fn registry_page_holds_the_names_of_projects_alone() {
    let parameter = |name: &str| json!({"Name": format!("/doorbell/{name}"), "Type": "String", "Value": "{}"});
    let page = json!({"Parameters": [parameter("_default"), parameter("a")], "NextToken": "more"});
    let aws = AwsStub::new([(200, page)]).await;
    let registry = SsmRegistry::new(&aws.sdk().await, &AwsClock::default(), "/doorbell".to_owned());
    let page = registry.list_names(None).await.unwrap();
    assert_eq!((page.names, page.next), (vec!["a".parse().unwrap()], Some("more".to_owned())));
    assert_eq!((&aws.call().body["MaxResults"], &aws.call().body["WithDecryption"]), (&json!(10), &json!(false)));
}

#[tokio::test]
async fn blank_or_binary_secret_is_rejected() {
    let read = async |answer| {
        let aws = AwsStub::new([(200, answer)]).await;
        let secrets = SecretsManagerStore::new(&aws.sdk().await, &AwsClock::default());
        let read = secrets.read(&"forge/demo".parse().unwrap()).await;
        read.map(|secret| secret.expose_secret().to_owned())
    };
    assert_eq!(read(json!({"SecretString": " a-token\u{1f511}\n"})).await, Ok("a-token\u{1f511}".to_owned()));
    let short = read(json!({"SecretString": " 1234567\n"})).await.unwrap_err().to_string();
    assert!(short.contains("at least 8 bytes") && !short.contains("1234567"), "{short}");
    assert!(read(json!({"SecretString": " \n"})).await.is_err());
    assert!(read(json!({})).await.is_err());
}
