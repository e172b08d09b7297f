//! Orphaned resources: what the services, not the state, still list after Terraform's destroy.
use serde_json::{Value, json};

use crate::account::IAM_VERSION;
use crate::aws::{AwsClient, AwsError};

/// Services with a JSON protocol: the call, and the field of its response that lists the resources.
const JSON_LISTS: [(&str, &str, &str); 9] = [
    ("sqs", "AmazonSQS.ListQueues", "QueueUrls"),
    ("dynamodb", "DynamoDB_20120810.ListTables", "TableNames"),
    ("ssm", "AmazonSSM.DescribeParameters", "Parameters"),
    ("events", "AWSEvents.ListRules", "Rules"),
    ("logs", "Logs_20140328.DescribeLogGroups", "logGroups"),
    ("ecr", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories", "repositories"),
    ("ecs", "AmazonEC2ContainerServiceV20141113.ListClusters", "clusterArns"),
    ("ecs", "AmazonEC2ContainerServiceV20141113.ListTaskDefinitions", "taskDefinitionArns"),
    ("ecs", "AmazonEC2ContainerServiceV20141113.ListServices", "serviceArns"),
];

/// Services with the query protocol: version and call, and the element that names each resource.
const XML_LISTS: [(&str, &str, &str, &str); 4] = [
    ("sns", "2010-03-31", "ListTopics", "TopicArn"),
    ("iam", IAM_VERSION, "ListUsers", "UserName"),
    ("iam", IAM_VERSION, "ListOpenIDConnectProviders", "Arn"),
    ("monitoring", "2010-08-01", "DescribeAlarms", "AlarmName"),
];

/// The orphaned resources by name; empty if none is left.
///
/// # Errors
/// A service cannot be called.
pub(super) async fn find(root: &AwsClient) -> Result<Vec<String>, AwsError> {
    let mut orphans = Vec::new();
    for (service, target, list) in JSON_LISTS {
        let response = root.json(service, target, json!({})).await;
        // Without a cluster there are no services to list.
        let response = match response {
            Err(error) if error.code == "ClusterNotFoundException" => continue,
            response => response?,
        };
        let things = response[list].as_array().into_iter().flatten();
        orphans.extend(things.filter(|thing| exists(thing)).map(|thing| format!("{service} {thing}")));
    }
    for (service, version, action, element) in XML_LISTS {
        let response = root.query(service, version, action, &[]).await?;
        orphans.extend(response.text(element).map(|name| format!("{service} {name}")));
    }
    orphans.extend(roles(root).await?);
    Ok(orphans)
}

/// Services keep deleted resources for a while, marked as such.
fn exists(thing: &Value) -> bool {
    thing["status"] != "INACTIVE"
}

/// Roles; those that AWS creates itself (`aws-service-role`) stay.
async fn roles(root: &AwsClient) -> Result<Vec<String>, AwsError> {
    let response = root.query("iam", IAM_VERSION, "ListRoles", &[]).await?;
    let names = response.texts("Arn").into_iter();
    Ok(names.filter(|arn| !arn.contains(":role/aws-service-role/")).map(|arn| format!("iam {arn}")).collect())
}
