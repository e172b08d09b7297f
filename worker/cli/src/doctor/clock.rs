use std::time::Duration;

use doorbell_engine::ports::Clock;
use doorbell_worker::call_failed;

use super::Patient;
use super::check::Check;

/// AWS refuses signatures that are older or younger than 5 minutes.
const REFUSED_AFTER: Duration = Duration::from_secs(5 * 60);

/// Nothing breaks by that yet; a clock that nobody sets goes on.
const SUSPECT_AFTER: Duration = Duration::from_secs(30);

/// Who is asking, and what time it is.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Check> {
    let clock = patient.account.clock();
    let config = aws_sdk_sts::config::Builder::from(patient.account.sdk()).interceptor(clock.clone()).build();
    let answer = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await;
    let identity = match answer.map_err(|error| call_failed("GetCallerIdentity", error)) {
        Ok(caller) => Check::ok("identity", format!("these credentials are {}", caller.arn().unwrap_or("?"))),
        Err(failed) => Check::failure("identity", failed.to_string(), "`aws sts get-caller-identity` until it answers"),
    };
    let local = jiff::Timestamp::now().as_millisecond();
    let off = clock.now().map(|aws| Duration::from_millis(aws.as_millis().abs_diff(local)));
    off.map_or(vec![identity.clone()], |off| vec![identity, judge(off)])
}

fn judge(off: Duration) -> Check {
    let text = format!("this machine's clock is within {} s of AWS's", off.as_secs() + 1);
    let mend = "set the clock: `timedatectl set-ntp true`";
    if off >= REFUSED_AFTER {
        Check::failure("clock", format!("{text}: AWS refuses what it signs"), mend)
    } else if off >= SUSPECT_AFTER {
        Check::warning("clock", text, mend)
    } else {
        Check::ok("clock", text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_named_before_aws_refuses_it() {
        for (seconds, state) in [(1, State::Ok), (29, State::Ok), (30, State::Warning), (300, State::Failure)] {
            assert_eq!(judge(Duration::from_secs(seconds)).state, state, "{seconds}");
        }
    }
}
