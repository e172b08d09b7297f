use doorbell_messages::RequestId;

use crate::failure::{TriggerFailure, TriggerFailureKind};

/// A new id of 128 random bits, from the operating system, as 32 hexadecimal digits.
///
/// Every request gets one, because the SDK repeats a publish whose reply was lost: SNS then has two messages with two
/// ids of its own, and only an id inside the request makes them one job.
pub(crate) fn random() -> Result<RequestId, TriggerFailure> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| random_failure(&error.to_string()))?;
    format!("{:032x}", u128::from_ne_bytes(bits)).parse().map_err(|error: String| random_failure(&error))
}

fn random_failure(problem: &str) -> TriggerFailure {
    TriggerFailure::new(
        TriggerFailureKind::NotPublished,
        format!("no id could be made for this request: {problem}"),
        "give one with --id; nothing was published",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_request_ids_are_unique_32_digit_hex() {
        let (first, second) = (random().unwrap(), random().unwrap());
        assert_eq!(first.as_str().len(), 32);
        assert_ne!(first, second);
    }
}
