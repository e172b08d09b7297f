//! Resource policies, as far as the checks need them: the statements that an installation has, and public ones. IAM
//! evaluates more.

use serde_json::Value;

/// A statement of a policy.
pub(super) struct Statement<'a>(&'a Value);

/// All statements of a policy.
pub(super) fn statements(policy: &Value) -> Vec<Statement<'_>> {
    one_or_more(&policy["Statement"]).into_iter().map(Statement).collect()
}

impl Statement<'_> {
    /// Whether it allows the service this action on behalf of that resource.
    pub(super) fn admits(&self, service: &str, action: &str, source_arn: &str) -> bool {
        self.allows(action)
            && (strings(&self.0["Principal"]["Service"]).contains(&service) || self.matches_everyone())
            && self.sources().is_none_or(|sources| sources.iter().any(|source| matches(source, source_arn)))
    }

    /// Whether it allows everyone this action.
    pub(super) fn allows_everyone(&self, action: &str) -> bool {
        self.allows(action) && self.matches_everyone() && self.0["Condition"].is_null()
    }

    /// Whether it denies requests without TLS.
    pub(super) fn denies_plain_http(&self) -> bool {
        let secure = &self.0["Condition"]["Bool"]["aws:SecureTransport"];
        self.0["Effect"] == "Deny" && strings(secure).contains(&"false") || secure == &Value::Bool(false)
    }

    fn allows(&self, action: &str) -> bool {
        self.0["Effect"] == "Allow" && strings(&self.0["Action"]).iter().any(|pattern| matches_action(pattern, action))
    }

    fn matches_everyone(&self) -> bool {
        let principal = &self.0["Principal"];
        principal == "*" || strings(&principal["AWS"]).contains(&"*")
    }

    /// The source ARNs; none if every source is allowed.
    fn sources(&self) -> Option<Vec<&str>> {
        let condition = self.0["Condition"].as_object()?;
        let sources = condition.values().filter_map(|test| {
            let test = test.as_object()?;
            test.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).map(|(_, value)| strings(value))
        });
        let sources: Vec<&str> = sources.flatten().collect();
        (!sources.is_empty()).then_some(sources)
    }
}

fn matches_action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Matches a pattern with at most one `*`, at its end.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

fn one_or_more(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn strings(value: &Value) -> Vec<&str> {
    one_or_more(value).into_iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOPIC: &str = "arn:aws:sns:eu-north-1:1:t";

    fn statement(more: &Value) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Condition": { "ArnEquals": { "aws:SourceArn": TOPIC } },
        });
        for (key, value) in more.as_object().unwrap() {
            statement[key] = value.clone();
        }
        json!({ "Statement": statement })
    }

    #[track_caller]
    fn check(more: Value, admits: bool) {
        let policy = statement(&more);
        let found = statements(&policy).iter().any(|one| one.admits("sns.amazonaws.com", "sqs:SendMessage", TOPIC));
        assert_eq!(found, admits, "{policy}");
    }

    #[test]
    fn statement_admits_service_for_its_source_arn_only() {
        check(json!({}), true);
        check(json!({ "Action": ["sqs:*"] }), true);
        check(json!({ "Condition": { "ArnLike": { "AWS:SourceArn": ["arn:aws:sns:eu-north-1:1:*"] } } }), true);
        check(json!({ "Condition": { "ArnEquals": { "aws:SourceArn": "arn:aws:sns:eu-north-1:1:other" } } }), false);
        check(json!({ "Effect": "Deny" }), false);
        check(json!({ "Principal": { "Service": "events.amazonaws.com" } }), false);
        check(json!({ "Action": "sqs:ReceiveMessage" }), false);
    }

    #[test]
    fn statement_with_public_principal_is_detected() {
        let open =
            json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "SNS:Publish" }] });
        assert!(statements(&open)[0].allows_everyone("sns:Publish"));
        assert!(!statements(&statement(&json!({ "Principal": "*" })))[0].allows_everyone("sqs:SendMessage"));
    }
}
