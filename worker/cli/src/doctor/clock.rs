use std::time::Duration;

use doorbell_adapters::aws::aws_error;
use doorbell_engine::ports::Clock;

use super::DoctorContext;
use super::check::Check;

/// AWS rejects signatures whose time differs by more than 5 minutes.
const MAX_SIGNATURE_SKEW: Duration = Duration::from_secs(5 * 60);

/// Nothing fails at this offset yet, but an unset clock drifts further.
const CLOCK_WARNING_THRESHOLD: Duration = Duration::from_secs(30);

/// Checks the credentials and this machine's clock.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    let clock = context.account.clock();
    let config = aws_sdk_sts::config::Builder::from(context.account.sdk()).interceptor(clock.clone()).build();
    let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
    let identity = match answer.map_err(|error| aws_error("GetCallerIdentity", error)) {
        Ok(caller) => Check::ok("identity", format!("these credentials are {}", caller.arn().unwrap_or("?"))),
        Err(failed) => Check::failure("identity", failed.to_string(), "`aws sts get-caller-identity` shows the error"),
    };
    let local = jiff::Timestamp::now().as_millisecond();
    let offset = clock.now().map(|aws| Duration::from_millis(aws.as_millis().abs_diff(local)));
    offset.map_or(vec![identity.clone()], |offset| vec![identity, evaluate_offset(offset)])
}

fn evaluate_offset(offset: Duration) -> Check {
    let text = format!("this machine's clock is within {} s of AWS's", offset.as_secs() + 1);
    let fix = "set the clock: `timedatectl set-ntp true`";
    if offset >= MAX_SIGNATURE_SKEW {
        Check::failure("clock", format!("{text}; AWS rejects its signatures"), fix)
    } else if offset >= CLOCK_WARNING_THRESHOLD {
        Check::warning("clock", text, fix)
    } else {
        Check::ok("clock", text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::CheckState;
    use super::*;

    #[test]
    fn clock_offset_is_reported_before_aws_rejects_signatures() {
        for (seconds, state) in
            [(1, CheckState::Ok), (29, CheckState::Ok), (30, CheckState::Warning), (300, CheckState::Failure)]
        {
            assert_eq!(evaluate_offset(Duration::from_secs(seconds)).state, state, "{seconds}");
        }
    }
}
