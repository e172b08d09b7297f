//! What a test breaks in the account, and repairs again.

use doorbell_sandbox::account::definition::{ACCOUNT_ID, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, REGION};
use doorbell_sandbox::aws::AwsError;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};

/// The account, as root sees it.
pub(super) struct RootAccount<'a>(pub(super) &'a Sandbox);

impl RootAccount<'_> {
    pub(super) async fn json(&self, service: &str, target: &str, body: Value) {
        let answer: Result<Value, AwsError> = self.0.account.root().json(service, target, body).await;
        answer.unwrap_or_else(|error| panic!("{target}: {error}"));
    }

    pub(super) async fn sns(&self, action: &str, params: &[(&str, &str)]) {
        let answer = self.0.account.root().query("sns", "2010-03-31", action, params).await;
        answer.unwrap_or_else(|error| panic!("{action}: {error}"));
    }

    pub(super) async fn subscription(&self) -> String {
        let topic = self.0.account.topic_arn();
        let params = [("TopicArn", topic.as_str())];
        let answer = self.0.account.root().query("sns", "2010-03-31", "ListSubscriptionsByTopic", &params).await;
        answer.unwrap().text("SubscriptionArn").unwrap()
    }

    pub(super) async fn set_subscription(&self, name: &str, value: &str) {
        let arn = self.subscription().await;
        let params = [("SubscriptionArn", arn.as_str()), ("AttributeName", name), ("AttributeValue", value)];
        self.sns("SetSubscriptionAttributes", &params).await;
    }

    pub(super) async fn set_topic_policy(&self, policy: &Value) {
        let (topic, policy) = (self.0.account.topic_arn(), policy.to_string());
        let params = [("TopicArn", topic.as_str()), ("AttributeName", "Policy"), ("AttributeValue", policy.as_str())];
        self.sns("SetTopicAttributes", &params).await;
    }

    pub(super) async fn set_queue(&self, name: &str, attribute: &str, value: &str) {
        let body = json!({ "QueueUrl": self.0.account.queue_url(name), "Attributes": { attribute: value } });
        self.json("sqs", "AmazonSQS.SetQueueAttributes", body).await;
    }

    pub(super) async fn repair_queue(&self, name: &str, attribute: &str) {
        let queue = self.0.account.definition().queues().into_iter().find(|queue| queue.name == name).unwrap();
        self.set_queue(name, attribute, queue.attributes[attribute].as_str().unwrap()).await;
    }

    pub(super) async fn set_target(&self, rule: &str, with_dead_letters: bool) {
        let arn = |name: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{name}");
        let mut target = json!({ "Id": EVENT_QUEUE, "Arn": arn(EVENT_QUEUE) });
        if with_dead_letters {
            target["DeadLetterConfig"] = json!({ "Arn": arn(EVENT_DEAD_LETTER_QUEUE) });
        }
        self.json("events", "AWSEvents.PutTargets", json!({ "Rule": rule, "Targets": [target] })).await;
    }

    pub(super) async fn set_pattern(&self, rule: &str, projects: Option<&[&str]>) {
        let mut pattern = self.0.account.definition().rules().into_iter().find(|(name, _)| *name == rule).unwrap().1;
        if let Some(projects) = projects {
            pattern["detail"]["project-name"] = json!(projects);
        }
        let body = json!({ "Name": rule, "EventPattern": pattern.to_string(), "State": "ENABLED" });
        self.json("events", "AWSEvents.PutRule", body).await;
    }

    pub(super) async fn set_role(&self, name: &str, policy: &Value) {
        let policy = policy.to_string();
        let params = [("RoleName", name), ("PolicyName", "role"), ("PolicyDocument", policy.as_str())];
        self.0.account.root().query("iam", "2010-05-08", "PutRolePolicy", &params).await.unwrap();
    }

    pub(super) async fn repair_role(&self, name: &str) {
        let role = self.0.account.definition().roles().into_iter().find(|role| role.name == name).unwrap();
        self.set_role(name, &role.policy).await;
    }

    pub(super) async fn put_item(&self, item: Value) {
        self.json("dynamodb", "DynamoDB_20120810.PutItem", json!({ "TableName": JOBS_TABLE, "Item": item })).await;
    }

    pub(super) async fn delete_item(&self, key: &str) {
        let body = json!({ "TableName": JOBS_TABLE, "Key": { "pk": { "S": key } } });
        self.json("dynamodb", "DynamoDB_20120810.DeleteItem", body).await;
    }
}
