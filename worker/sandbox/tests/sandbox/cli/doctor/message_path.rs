use doorbell_sandbox::account::definition::{
    ACCOUNT_ID, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, PHASE_RULE, REGION, STATE_RULE,
    SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE,
};
use serde_json::json;

use super::{assert_named, healthy_installation, run_doctor};
use crate::cli::account::RootAccount;

#[tokio::test]
async fn doctor_names_broken_topic_subscription_or_queue() {
    let (sandbox, _, _worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);
    let topic = sandbox.account.topic_arn();

    let open = json!({ "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": topic });
    account.set_topic_policy(&json!({ "Version": "2012-10-17", "Statement": [open] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "topic-policy", "failure", "everyone may publish");
    let root = json!({ "AWS": format!("arn:aws:iam::{ACCOUNT_ID}:root") });
    let own = json!({ "Effect": "Allow", "Principal": root, "Action": "sns:Publish", "Resource": topic });
    account.set_topic_policy(&json!({ "Version": "2012-10-17", "Statement": [own] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "topic-policy", "warning", "without TLS");
    account.set_topic_policy(&sandbox.account.definition().topic_policy()).await;

    account.set_subscription("RawMessageDelivery", "true").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "raw message delivery is on");
    account.set_subscription("RawMessageDelivery", "false").await;
    account.set_subscription("FilterPolicy", "{\"a\":[\"b\"]}").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "it has a filter");
    account.set_subscription("FilterPolicy", "{}").await;

    account.set_queue(TRIGGER_QUEUE, "Policy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "does not let sns.amazonaws.com send");
    account.repair_queue(TRIGGER_QUEUE, "Policy").await;
    account.set_queue(TRIGGER_QUEUE, "RedrivePolicy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "no dead-letter queue");
    let elsewhere = format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{EVENT_DEAD_LETTER_QUEUE}");
    let redrive = json!({ "deadLetterTargetArn": elsewhere, "maxReceiveCount": 10 });
    account.set_queue(TRIGGER_QUEUE, "RedrivePolicy", &redrive.to_string()).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "trigger-queue", "failure", "its dead letters go to");
    account.repair_queue(TRIGGER_QUEUE, "RedrivePolicy").await;
    account.set_queue(EVENT_QUEUE, "Policy", "").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "event-queue", "failure", "does not let events.amazonaws.com send");
    account.repair_queue(EVENT_QUEUE, "Policy").await;

    for (queue, check) in [
        (DEAD_LETTER_QUEUE, "dead-letters-requests"),
        (SUBSCRIPTION_DEAD_LETTER_QUEUE, "dead-letters-subscription"),
        (EVENT_DEAD_LETTER_QUEUE, "dead-letters-events"),
    ] {
        let url = sandbox.account.queue_url(queue);
        sandbox.account.send_to_queue(&url, "{}").await.unwrap();
        assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "1 message that could not be processed");
        let messages = sandbox.account.receive(&url, 0).await.unwrap();
        sandbox.account.delete(&url, &messages[0]).await.unwrap();
    }

    // Last, since what comes after it needs the subscription.
    account.sns("Unsubscribe", &[("SubscriptionArn", account.subscription().await.as_str())]).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "subscription", "failure", "not subscribed");
}

#[tokio::test]
async fn doctor_names_broken_rule_table_or_worker() {
    let (sandbox, _, worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);

    account.json("events", "AWSEvents.DisableRule", json!({ "Name": STATE_RULE })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-state", "failure", "is disabled");
    account.json("events", "AWSEvents.EnableRule", json!({ "Name": STATE_RULE })).await;
    account.json("events", "AWSEvents.RemoveTargets", json!({ "Rule": PHASE_RULE, "Ids": [EVENT_QUEUE] })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-phase", "failure", "no rule forwards");
    account.set_target(PHASE_RULE, false).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "rule-phase", "failure", "has no dead-letter queue");
    account.set_target(PHASE_RULE, true).await;
    account.set_pattern(STATE_RULE, Some(&["doorbell-build-unprivileged"])).await;
    assert_named(
        &run_doctor(&sandbox, &[]).await,
        "build-project-doorbell-build",
        "failure",
        "no rule forwards its events",
    );
    account.set_pattern(STATE_RULE, None).await;

    let ttl = |on: bool| {
        let specification = json!({ "AttributeName": "expires_at", "Enabled": on });
        json!({ "TableName": JOBS_TABLE, "TimeToLiveSpecification": specification })
    };
    account.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", ttl(false)).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "table-ttl", "warning", "settled rows never expire");
    account.json("dynamodb", "DynamoDB_20120810.UpdateTimeToLive", ttl(true)).await;

    worker.kill().await.unwrap();
    let stuck = "demo#stuck#44483f6b239f8fbaede9b993";
    account
        .put_item(json!({ "pk": { "S": stuck }, "due_shard": { "N": "3" }, "due_at": { "N": "1700000000000" } }))
        .await;
    assert_named(&run_doctor(&sandbox, &[]).await, "overdue", "failure", "1 job overdue");
    account.delete_item(stuck).await;
    account.put_item(json!({ "pk": { "S": "#heartbeat" }, "at": { "N": "1700000000000" } })).await;
    assert_named(&run_doctor(&sandbox, &[]).await, "worker", "failure", "requests wait");
    account.delete_item("#heartbeat").await;
    assert_named(&run_doctor(&sandbox, &[]).await, "worker", "failure", "no worker has swept");
}
