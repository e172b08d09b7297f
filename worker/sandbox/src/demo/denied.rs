//! What the publisher's key must not do.
use serde_json::json;

use crate::aws::AwsError;
use crate::sandbox::{BUILD_PROJECT, Sandbox};
use crate::world::account::{ACCOUNT_ID, TABLE, WORKER};

/// Tries it; (refused, allowed), by the names of the actions.
///
/// # Errors
/// No client of CodeBuild could be made.
pub async fn try_everything(sandbox: &Sandbox, project: &str) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let key = sandbox.world.publisher_key();
    let aws = sandbox.world.root().with_key(key.clone());
    let codebuild = sandbox.codebuild_client(key)?;
    let start = json!({ "projectName": BUILD_PROJECT });
    let role = format!("arn:aws:iam::{ACCOUNT_ID}:role/{WORKER}");
    let topic = format!("{}-other", sandbox.world.topic_arn());
    let parameter = sandbox.world.parameter_name(project);
    let queue = sandbox.world.trigger_queue_url();
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
            aws.json("dynamodb", "DynamoDB_20120810.Scan", json!({ "TableName": TABLE })).await.map(drop),
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
    let (refused, allowed): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, answer)| is_denied(answer));
    let names = |some: Vec<(&str, _)>| some.into_iter().map(|(action, _)| action.to_owned()).collect();
    Ok((names(refused), names(allowed)))
}

/// "No such topic" or a broken connection is no proof: only a "no" is.
fn is_denied(answer: &Result<(), AwsError>) -> bool {
    const NO: [&str; 4] =
        ["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException"];
    answer.as_ref().is_err_and(|error| NO.contains(&error.code.as_str()))
}
