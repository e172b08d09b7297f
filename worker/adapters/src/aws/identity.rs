use anyhow::{Context, Result};
use aws_config::SdkConfig;
use doorbell_engine::domain::one_line;

use crate::aws::clock::AwsClock;
use crate::aws::{Initiator, foreign_words};

/// Who this worker is to AWS, as STS says. The call needs no permission and teaches the clock the time.
#[derive(Debug)]
pub struct CallerIdentity {
    /// What CodeBuild shows as the initiator of this worker's builds.
    pub initiator: Initiator,
    /// As STS has it: `arn:aws:sts::<account>:assumed-role/<role>/<session>`, or a user's.
    pub arn: String,
    pub account: String,
    pub partition: String,
}

impl CallerIdentity {
    pub async fn fetch(sdk: &SdkConfig, clock: &AwsClock) -> Result<Self> {
        let config = aws_sdk_sts::config::Builder::from(sdk).interceptor(clock.clone()).build();
        let caller = aws_sdk_sts::Client::from_conf(config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| super::connection::port_error("GetCallerIdentity", error))
            .context("AWS does not know this worker: are credentials and region set?")?;
        Self::from_arn(&one_line(&foreign_words(caller.arn().unwrap_or_default())))
    }

    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>` or `arn:aws:iam::<account>:user/<path/name>`.
    fn from_arn(arn: &str) -> Result<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", partition, _, _, account, resource] = parts.as_slice() else {
            anyhow::bail!("AWS calls this worker \"{arn}\", which is no ARN");
        };
        let initiator = match resource.split('/').collect::<Vec<_>>().as_slice() {
            ["assumed-role", role, _] => Initiator::Role((*role).to_owned()),
            ["user", .., name] => Initiator::User((*name).to_owned()),
            _ => anyhow::bail!(
                "this worker runs as {arn}: it needs a role or a user of its own, to know its own builds by"
            ),
        };
        Ok(Self { initiator, arn: arn.to_owned(), account: (*account).to_owned(), partition: (*partition).to_owned() })
    }

    /// The console's page of all build projects.
    pub fn console_url(&self, region: &str) -> String {
        let domain = match self.partition.as_str() {
            "aws-cn" => "amazonaws.cn",
            "aws-us-gov" => "amazonaws-us-gov.com",
            _ => "aws.amazon.com",
        };
        format!("https://{region}.console.{domain}/codesuite/codebuild/{}/projects", self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initiator_of_role_matches_any_session() {
        let identity =
            CallerIdentity::from_arn("arn:aws:sts::123456789012:assumed-role/doorbell-worker/task-1").unwrap();
        assert_eq!(identity.account, "123456789012");
        assert!(identity.initiator.matches("doorbell-worker/task-2"));
        assert!(
            !identity.initiator.matches("doorbell-worker-2/task-1") && !identity.initiator.matches("doorbell-worker")
        );
    }

    #[test]
    fn initiator_of_user_matches_whole_name() {
        let identity = CallerIdentity::from_arn("arn:aws:iam::123456789012:user/teams/ci").unwrap();
        assert!(identity.initiator.matches("ci") && !identity.initiator.matches("ci-other"));
    }

    #[test]
    fn root_identity_is_rejected() {
        let error = CallerIdentity::from_arn("arn:aws:iam::123456789012:root").unwrap_err();
        assert!(error.to_string().contains("needs a role or a user of its own"), "{error}");
    }
}
