use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::metric::{Datapoint, Metric};
use crate::aws::{AwsClient, AwsError};

/// The interval at which SQS writes its metrics.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// Seconds for which messages are hidden while they are counted; each is made visible again at once.
const PEEK_VISIBILITY: u32 = 60;

/// The datapoints that SQS writes for each queue of the account up to `until`, if the queues stay as they are now.
///
/// No worker may run meanwhile. The emulator writes none, and AWS has no call for the age of a message.
///
/// # Errors
/// A call failed.
pub(crate) async fn queue_datapoints(root: &AwsClient, until: Timestamp) -> Result<Vec<Datapoint>, AwsError> {
    let queues = root.json("sqs", "AmazonSQS.ListQueues", json!({})).await?;
    let mut datapoints = Vec::new();
    for url in queues["QueueUrls"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let name = url.rsplit('/').next().unwrap_or_default();
        let sent = peek_sent_times(root, url).await?;
        let mut at = until;
        while at > Timestamp::now() - WRITE_INTERVAL {
            let oldest = sent.iter().map(|sent| at.duration_since(*sent).as_secs_f64()).fold(0.0, f64::max);
            for (metric, value) in
                [("ApproximateNumberOfMessagesVisible", sent.len() as f64), ("ApproximateAgeOfOldestMessage", oldest)]
            {
                let metric = Metric::new("AWS/SQS", metric, [("QueueName", name)]);
                datapoints.push(Datapoint { metric, at, value });
            }
            at -= WRITE_INTERVAL;
        }
    }
    Ok(datapoints)
}

/// When each visible message of a queue was sent. Counts as a receive of each.
async fn peek_sent_times(root: &AwsClient, url: &str) -> Result<Vec<Timestamp>, AwsError> {
    let (mut sent, mut receipts) = (Vec::new(), Vec::new());
    loop {
        let receive = json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "VisibilityTimeout": PEEK_VISIBILITY,
            "MessageSystemAttributeNames": ["SentTimestamp"],
        });
        let response = root.json("sqs", "AmazonSQS.ReceiveMessage", receive).await?;
        let Some(messages) = response["Messages"].as_array().filter(|messages| !messages.is_empty()) else { break };
        for message in messages {
            sent.push(sent_time(message)?);
            receipts.push(message["ReceiptHandle"].clone());
        }
    }
    for receipt in receipts {
        let visible = json!({ "QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 0 });
        root.json("sqs", "AmazonSQS.ChangeMessageVisibility", visible).await?;
    }
    Ok(sent)
}

fn sent_time(message: &Value) -> Result<Timestamp, AwsError> {
    let sent = message["Attributes"]["SentTimestamp"].as_str().and_then(|digits| digits.parse().ok());
    sent.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
        .ok_or_else(|| AwsError::invalid_response(200, format!("a message without the time of sending: {message}")))
}
