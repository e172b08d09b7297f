use crate::failure::one_line;

/// The ARN of an SNS topic: `arn:<partition>:sns:<region>:<account>:<name>`, not FIFO.
///
/// It says everything about where to publish: the Region is its own, whatever `AWS_REGION` or a profile say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicArn {
    text: String,
    region: String,
}

impl TopicArn {
    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The Region it is in.
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl std::str::FromStr for TopicArn {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        const RULE: &str = "a topic is arn:<partition>:sns:<region>:<12-digit account>:<name>, and not a FIFO one";
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "sns", region, account, name]
                if is_partition(partition) && is_region(region) && is_account(account) && is_name(name) =>
            {
                Ok(Self { text: text.to_owned(), region: (*region).to_owned() })
            }
            _ => Err(format!("\"{}\" is refused: {RULE}", one_line(text))),
        }
    }
}

impl std::fmt::Display for TopicArn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_partition(text: &str) -> bool {
    (text == "aws" || text.starts_with("aws-")) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// The Region becomes a part of a host name.
fn is_region(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// SNS's rule for names; the dot of `.fifo` is the only one it knows, so none is accepted.
fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, region: Option<&str>) {
        let topic = text.parse::<TopicArn>();
        assert_eq!(topic.as_ref().ok().map(TopicArn::region), region, "{text}: {topic:?}");
        if let Ok(topic) = topic {
            assert_eq!(topic.as_str(), text);
        }
    }

    #[test]
    fn topic_arn_region_is_parsed_in_every_partition() {
        check("arn:aws:sns:eu-west-1:123456789012:doorbell", Some("eu-west-1"));
        check("arn:aws-cn:sns:cn-north-1:123456789012:doorbell", Some("cn-north-1"));
        check("arn:aws-us-gov:sns:us-gov-west-1:123456789012:d_b-1", Some("us-gov-west-1"));
    }

    #[test]
    fn non_standard_topic_arn_is_rejected() {
        for text in [
            "",
            "doorbell",
            "arn:aws:sqs:eu-west-1:123456789012:doorbell",
            "arn:aws:sns::123456789012:doorbell",
            "arn:aws:sns:evil.example/:123456789012:doorbell",
            "arn:aws:sns:eu-west-1:12345:doorbell",
            "arn:aws:sns:eu-west-1:123456789012:doorbell.fifo",
            "arn:aws:sns:eu-west-1:123456789012:doorbell:9d8f",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:azure:sns:eu-west-1:123456789012:doorbell",
            " arn:aws:sns:eu-west-1:123456789012:doorbell",
        ] {
            check(text, None);
        }
    }
}
