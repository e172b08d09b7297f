//! Actions that the publisher's key must not be allowed.
use serde_json::json;

use crate::account::definition::{ACCOUNT_ID, JOBS_TABLE, WORKER_ROLE};
use crate::aws::AwsError;
use crate::sandbox::{BUILD_PROJECT, Sandbox};

/// Tries each action; returns the names of those denied and of those allowed.
///
/// # Errors
/// No client of CodeBuild could be created.
pub async fn probe_denied_actions(sandbox: &Sandbox, project: &str) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let key = sandbox.account.publisher_key();
    let aws = sandbox.account.root().with_key(key.clone());
    let codebuild = sandbox.codebuild_client(key)?;
    let start = json!({ "projectName": BUILD_PROJECT });
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/{WORKER_ROLE}");
    let topic = format!("{}-other", sandbox.account.topic_arn());
    let parameter = sandbox.account.parameter_name(project);
    let queue = sandbox.account.trigger_queue_url();
    let tried = [
        ("codebuild:StartBuild", codebuild.json("codebuild", "CodeBuild_20161006.StartBuild", start).await.map(drop)),
        ("ssm:GetParameter", aws.json("ssm", "AmazonSSM.GetParameter", json!({ "Name": parameter })).await.map(drop)),
        (
            "secretsmanager:GetSecretValue",
            aws.json("secretsmanager", "secretsmanager.GetSecretValue", json!({ "SecretId": "doorbell/report/forge" }))
                .await
                .map(drop),
        ),
        (
            "sqs:ReceiveMessage",
            aws.json("sqs", "AmazonSQS.ReceiveMessage", json!({ "QueueUrl": queue })).await.map(drop),
        ),
        (
            "sqs:SendMessage",
            aws.json("sqs", "AmazonSQS.SendMessage", json!({ "QueueUrl": queue, "MessageBody": "{}" })).await.map(drop),
        ),
        (
            "dynamodb:Scan",
            aws.json("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": JOBS_TABLE })).await.map(drop),
        ),
        (
            "sts:AssumeRole",
            aws.query("sts", "2011-06-15", "AssumeRole", &[("RoleArn", &role), ("RoleSessionName", "x")])
                .await
                .map(drop),
        ),
        (
            "sns:Publish to another topic",
            aws.query("sns", "2010-03-31", "Publish", &[("TopicArn", &topic), ("Message", "{}")]).await.map(drop),
        ),
    ];
    let (refused, allowed): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, response)| is_denied(response));
    let names = |some: Vec<(&str, _)>| some.into_iter().map(|(action, _)| action.to_owned()).collect();
    Ok((names(refused), names(allowed)))
}

/// Whether the error is a denial: "no such topic" or a broken connection proves nothing.
fn is_denied(response: &Result<(), AwsError>) -> bool {
    const DENIED_CODES: [&str; 4] =
        ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"];
    response.as_ref().is_err_and(|error| DENIED_CODES.contains(&error.code.as_str()))
}
