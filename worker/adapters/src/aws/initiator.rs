/// The identity that CodeBuild shows as the initiator of this worker's builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initiator {
    /// Any session of this role: each task of the worker has another session.
    Role(String),
    /// This user.
    User(String),
}

impl Initiator {
    /// Whether a build with this initiator is one of this worker's.
    pub fn matches(&self, shown: &str) -> bool {
        match self {
            Self::Role(role) => shown.split_once('/').is_some_and(|(name, _)| name == role),
            Self::User(user) => shown == user,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initiator_matches_any_session_of_its_role_or_one_user() {
        let check = |initiator: Initiator, shown: &str, expected: bool| {
            assert_eq!(initiator.matches(shown), expected, "{initiator:?} and {shown}");
        };
        let role = || Initiator::Role("doorbell-worker".to_owned());
        check(role(), "doorbell-worker/session", true);
        check(role(), "doorbell-worker", false);
        check(role(), "doorbell-worker-2/session", false);
        let user = || Initiator::User("ada".to_owned());
        check(user(), "ada", true);
        check(user(), "ada2", false);
        check(user(), "ada/session", false);
    }
}
