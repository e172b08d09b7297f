//! Parsers of the settings that the worker and `doorbell` share. Each error states the rule, with an example.

use std::time::Duration;

/// Parses forges by host and port, separated by commas.
///
/// # Errors
/// The rule that the string breaks.
pub fn forge_hosts(text: &str) -> Result<Vec<String>, String> {
    text.split(',').map(str::trim).filter(|forge| !forge.is_empty()).map(host_and_port).collect()
}

/// Parses a queue's URL.
///
/// # Errors
/// The rule that the string breaks.
pub fn queue_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "https" | "http") && url.path().len() > 1 => {
            Ok(text.to_owned())
        }
        _ => Err("expected an SQS queue's URL, https://host/account/name".to_owned()),
    }
}

/// Parses a topic's ARN.
///
/// # Errors
/// The rule that the string breaks.
pub fn topic_arn(text: &str) -> Result<String, String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sns", region, account, name] if ![region, account, name].iter().any(|part| part.is_empty()) => {
            Ok(text.to_owned())
        }
        _ => Err("expected a topic's ARN, arn:aws:sns:<region>:<account>:<name>".to_owned()),
    }
}

/// Parses a table's name.
///
/// # Errors
/// The rule that the string breaks.
pub fn table(text: &str) -> Result<String, String> {
    let is_valid =
        (3..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err("expected a table's name, 3 to 255 of A-Z a-z 0-9 _ . -".to_owned())
    }
}

/// Parses the registry's path prefix in SSM.
///
/// # Errors
/// The rule that the string breaks.
pub fn prefix(text: &str) -> Result<String, String> {
    let is_valid = text.starts_with('/')
        && text.len() > 1
        && !text.ends_with('/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
    if is_valid {
        Ok(text.to_owned())
    } else {
        Err("expected a path that begins with a slash and does not end with one, such as /doorbell".to_owned())
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_ascii_lowercase()),
        _ => Err("expected host:port".to_owned()),
    }
}

/// Parses a duration.
///
/// # Errors
/// The rule that the string breaks.
pub fn duration(text: &str) -> Result<Duration, String> {
    const RULE: &str = "expected a whole number with the unit ms, s, m or h, from 10ms to 720h, such as 5s";
    let (number, unit) = text.find(|c: char| !c.is_ascii_digit()).map_or((text, "s"), |at| text.split_at(at));
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(RULE.to_owned()),
    };
    let total = number.parse::<u64>().ok().and_then(|number| number.checked_mul(milliseconds));
    match total.filter(|total| (10..=720 * 3_600_000).contains(total)) {
        Some(total) => Ok(Duration::from_millis(total)),
        None => Err(RULE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_setting_parses_number_and_unit() {
        for (text, expected) in [("5", 5000), ("5s", 5000), ("500ms", 500), ("2m", 120_000), ("72h", 259_200_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "s", "-5s", "5 s", "5d", "0s", "9ms", "721h", "99999999999999999999s", "1.5s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn invalid_address_setting_error_names_the_format() {
        assert!(topic_arn("arn:aws:sns:eu-north-1:123456789012:doorbell").is_ok());
        assert!(topic_arn("doorbell").unwrap_err().contains("arn:aws:sns:"));
        assert!(queue_url("sqs:doorbell").is_err() && queue_url("https://host").is_err());
        assert!(prefix("doorbell").is_err() && prefix("/doorbell/").is_err() && prefix("/a/b").is_ok());
        assert!(host_and_port("forge").is_err() && host_and_port("Forge:443") == Ok("forge:443".to_owned()));
    }
}
