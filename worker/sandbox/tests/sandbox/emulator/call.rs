//! One AWS call, for tables of allowed and denied calls.
use doorbell_sandbox::account::definition::JOBS_TABLE;
use doorbell_sandbox::aws::{AwsClient, AwsError};
use serde_json::{Value, json};

pub(super) enum TestCall {
    Json(&'static str, &'static str, Value),
    Query(&'static str, &'static str, Vec<(&'static str, String)>),
}

impl TestCall {
    pub(super) async fn send(&self, client: &AwsClient) -> Result<(), AwsError> {
        match self {
            TestCall::Json(service, target, body) => client.json(service, target, body.clone()).await.map(drop),
            TestCall::Query(service, action, params) => {
                let version = match *service {
                    "iam" => "2010-05-08",
                    "sns" => "2010-03-31",
                    "sts" => "2011-06-15",
                    other => panic!("no version for {other}"),
                };
                let params: Vec<_> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
                client.query(service, version, action, &params).await.map(drop)
            }
        }
    }

    fn name(&self) -> String {
        match self {
            TestCall::Json(service, target, body) => format!("{service} {target} {body}"),
            TestCall::Query(service, action, params) => format!("{service} {action} {params:?}"),
        }
    }
}

pub(super) async fn check_denied(client: &AwsClient, calls: &[TestCall]) {
    for call in calls {
        match call.send(client).await {
            Err(error) if error.is_denied() => {}
            other => panic!("{:?} must not be allowed {}: {other:?}", client.key(), call.name()),
        }
    }
}

pub(super) async fn check_allowed(client: &AwsClient, calls: &[TestCall]) {
    for call in calls {
        if let Err(error) = call.send(client).await {
            panic!("{:?} must be allowed {}: {error}", client.key(), call.name());
        }
    }
}

pub(super) fn publish(topic: &str) -> TestCall {
    TestCall::Query("sns", "Publish", vec![("TopicArn", topic.to_owned()), ("Message", "{}".to_owned())])
}

pub(super) fn sqs(action: &'static str, url: &str) -> TestCall {
    TestCall::Json("sqs", action, json!({ "QueueUrl": url, "MessageBody": "{}", "ReceiptHandle": "x" }))
}

pub(super) fn parameter(action: &'static str, name: &str) -> TestCall {
    TestCall::Json("ssm", action, json!({ "Name": name, "Value": "{}", "Type": "String", "Overwrite": true }))
}

pub(super) fn secret(id: &str) -> TestCall {
    TestCall::Json("secretsmanager", "secretsmanager.GetSecretValue", json!({ "SecretId": id }))
}

pub(super) fn dynamo(action: &'static str, body: Value) -> TestCall {
    let mut body = body;
    body["TableName"] = JOBS_TABLE.into();
    TestCall::Json("dynamodb", action, body)
}

pub(super) fn codebuild(action: &'static str, project: &str) -> TestCall {
    TestCall::Json("codebuild", action, json!({ "projectName": project, "project": project }))
}
