//! Creates the account in the emulator, as root.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::definition::{
    ACCOUNT_ID, AccountDefinition, DONE_TOPIC_NAME, PUBLISHER_USER, TOPIC_NAME, iam_arn, rule_target, subscription,
    topic_arn,
};
use crate::aws::{AwsClient, AwsError, XmlResponse};
use crate::credentials::AccessKey;

pub(crate) const IAM_VERSION: &str = "2010-05-08";
pub(crate) const SNS_VERSION: &str = "2010-03-31";

/// The values that the account's creation returns.
pub(super) struct CreatedAccount {
    /// Queue URLs by queue name.
    pub(super) queue_urls: BTreeMap<&'static str, String>,
    pub(super) publisher: AccessKey,
}

/// Creates every resource of the account.
///
/// The order is such that nothing names a resource that does not exist yet: IAM rejects unknown principals in policies,
/// SQS unknown dead-letter queues.
pub(super) async fn create_account(root: &AwsClient, account: &AccountDefinition) -> Result<CreatedAccount, AwsError> {
    let publisher = create_publisher(root, account).await?;
    create_roles(root, account).await?;
    create_topic(root, TOPIC_NAME, &account.topic_policy()).await?;
    if account.done_topic {
        create_topic(root, DONE_TOPIC_NAME, &account.done_topic_policy()).await?;
    }
    let queue_urls = create_queues(root, account).await?;
    subscribe(root).await?;
    create_rules(root, account).await?;
    create_table(root, account).await?;
    Ok(CreatedAccount { queue_urls, publisher })
}

async fn create_publisher(root: &AwsClient, account: &AccountDefinition) -> Result<AccessKey, AwsError> {
    let policy = account.publisher_policy().to_string();
    iam(root, "CreateUser", &[("UserName", PUBLISHER_USER)]).await?;
    let named = [("UserName", PUBLISHER_USER), ("PolicyName", "publish"), ("PolicyDocument", &policy)];
    iam(root, "PutUserPolicy", &named).await?;
    let response = iam(root, "CreateAccessKey", &[("UserName", PUBLISHER_USER)]).await?;
    Ok(AccessKey {
        access_key_id: response.required("AccessKeyId")?,
        secret_access_key: response.required("SecretAccessKey")?,
        session_token: None,
        principal_arn: iam_arn(&format!("user/{PUBLISHER_USER}")),
        initiator: PUBLISHER_USER.to_owned(),
    })
}

async fn create_roles(root: &AwsClient, account: &AccountDefinition) -> Result<(), AwsError> {
    for role in account.roles().into_iter().chain([account.owner_role()]) {
        let (trust, policy) = (role.trust.to_string(), role.policy.to_string());
        iam(root, "CreateRole", &[("RoleName", role.name), ("AssumeRolePolicyDocument", &trust)]).await?;
        let named = [("RoleName", role.name), ("PolicyName", "role"), ("PolicyDocument", &policy)];
        iam(root, "PutRolePolicy", &named).await?;
    }
    Ok(())
}

async fn iam(root: &AwsClient, action: &str, params: &[(&str, &str)]) -> Result<XmlResponse, AwsError> {
    root.query("iam", IAM_VERSION, action, params).await
}

async fn create_topic(root: &AwsClient, name: &str, policy: &Value) -> Result<(), AwsError> {
    let response = root.query("sns", SNS_VERSION, "CreateTopic", &[("Name", name)]).await?;
    let (topic, policy) = (response.required("TopicArn")?, policy.to_string());
    let set = [("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", policy.as_str())];
    root.query("sns", SNS_VERSION, "SetTopicAttributes", &set).await?;
    Ok(())
}

async fn create_queues(
    root: &AwsClient,
    account: &AccountDefinition,
) -> Result<BTreeMap<&'static str, String>, AwsError> {
    let mut urls = BTreeMap::new();
    for queue in account.queues() {
        let body = json!({ "QueueName": queue.name, "Attributes": queue.attributes });
        let response = root.json("sqs", "AmazonSQS.CreateQueue", body).await?;
        urls.insert(queue.name, response["QueueUrl"].as_str().unwrap_or_default().to_owned());
    }
    Ok(urls)
}

async fn subscribe(root: &AwsClient) -> Result<(), AwsError> {
    let topic = topic_arn();
    let [protocol, endpoint, raw, redrive] = subscription();
    let params = [
        ("TopicArn", topic.as_str()),
        (protocol.0, &protocol.1),
        (endpoint.0, &endpoint.1),
        ("Attributes.entry.1.key", raw.0),
        ("Attributes.entry.1.value", &raw.1),
        ("Attributes.entry.2.key", redrive.0),
        ("Attributes.entry.2.value", &redrive.1),
    ];
    root.query("sns", SNS_VERSION, "Subscribe", &params).await?;
    Ok(())
}

async fn create_rules(root: &AwsClient, account: &AccountDefinition) -> Result<(), AwsError> {
    for (name, pattern) in account.rules() {
        let rule = json!({ "Name": name, "EventPattern": pattern.to_string(), "State": "ENABLED" });
        root.json("events", "AWSEvents.PutRule", rule).await?;
        let targets = json!({ "Rule": name, "Targets": [rule_target()] });
        let response = root.json("events", "AWSEvents.PutTargets", targets).await?;
        check_failed_entries(&response)?;
    }
    Ok(())
}

/// Turns failed entries into an error: EventBridge responds 200 to a call whose entries it has rejected.
pub(super) fn check_failed_entries(response: &Value) -> Result<(), AwsError> {
    match response["FailedEntryCount"].as_u64() {
        Some(0) => Ok(()),
        _ => Err(AwsError { status: 200, code: "FailedEntries".to_owned(), message: response.to_string() }),
    }
}

async fn create_table(root: &AwsClient, account: &AccountDefinition) -> Result<(), AwsError> {
    root.json("dynamodb", "DynamoDB_20120810.CreateTable", account.table()).await?;
    root.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", account.time_to_live()).await?;
    Ok(())
}

/// Checks that calls are made in the account that the ARNs name; otherwise policies would match nothing.
pub(super) async fn check_account(root: &AwsClient) -> Result<(), AwsError> {
    let found = root.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await?.required("Account")?;
    if found == ACCOUNT_ID {
        return Ok(());
    }
    Err(AwsError::invalid_response(200, format!("the emulator's account is {found}, not {ACCOUNT_ID}")))
}
