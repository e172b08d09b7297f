//! Describes builds so that an id which the provider refuses does not hold up the others of its call.

use std::collections::BTreeMap;

use doorbell_messages::BuildId;
use tracing::warn;

use crate::domain::ProviderBuild;
use crate::ports::{BuildProvider, DescribeError};

/// What the provider says of some builds. An id that is in none of the three is not known to it.
#[derive(Debug, Default)]
pub(crate) struct DescribedBuilds {
    pub(crate) builds: Vec<ProviderBuild>,
    /// The ids that the provider refuses, with its reason: asking again does not help soon.
    pub(crate) refused: BTreeMap<BuildId, String>,
    /// The ids for which it did not answer.
    pub(crate) failed: BTreeMap<BuildId, String>,
}

impl DescribedBuilds {
    /// Why a build has no description, if the provider did not simply not know it.
    pub(crate) fn error_of(&self, id: &BuildId) -> Option<&str> {
        self.refused.get(id).or_else(|| self.failed.get(id)).map(String::as_str)
    }
}

/// Describes builds, at most the profile's `max_describe_batch`, with one call where none of them is refused.
///
/// A provider refuses a whole call for one id in it. The halves of a refused call are asked again, down to single ids.
pub(crate) async fn describe_builds(provider: &impl BuildProvider, ids: &[BuildId]) -> DescribedBuilds {
    let mut described = DescribedBuilds::default();
    let mut batches = vec![ids];
    while let Some(batch) = batches.pop() {
        if batch.is_empty() {
            continue;
        }
        match (provider.describe(batch).await, batch) {
            (Ok(builds), _) => described.builds.extend(builds),
            (Err(DescribeError::Refused(reason)), [id]) => {
                warn!(build.id = %id, "BatchGetBuilds refused; check the worker's IAM role and the event rules: {reason}");
                described.refused.insert(id.clone(), reason);
            }
            (Err(DescribeError::Refused(_)), _) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                batches.extend([second, first]);
            }
            (Err(DescribeError::Port(error)), _) => {
                warn!(builds = batch.len(), "BatchGetBuilds failed: {error}");
                described.failed.extend(batch.iter().map(|id| (id.clone(), error.to_string())));
            }
        }
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{ProviderStub, described_build, row};

    #[tokio::test]
    async fn refused_id_is_asked_for_alone_and_the_others_are_described() {
        let ids: Vec<BuildId> = (0..100).map(|number| BuildId::new(format!("demo:{number}"))).collect();
        let builds = ids.iter().map(|id| described_build(id.as_str(), &row(1))).collect();
        let provider = ProviderStub::with_builds(builds).refusing("demo:42");
        let described = describe_builds(&provider, &ids).await;
        assert_eq!(described.builds.len(), 99);
        assert_eq!(described.refused.keys().map(BuildId::as_str).collect::<Vec<_>>(), ["demo:42"]);
        assert!(described.failed.is_empty() && described.error_of(&ids[42]).is_some());
        assert!(provider.describe_calls() < 20, "{} calls", provider.describe_calls());
    }

    #[tokio::test]
    async fn provider_that_does_not_answer_is_asked_once() {
        let provider = ProviderStub::down();
        let described = describe_builds(&provider, &[BuildId::new("demo:1"), BuildId::new("demo:2")]).await;
        assert_eq!((described.failed.len(), provider.describe_calls()), (2, 1));
    }
}
