use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::flag_form::FlagForm;

/// The statuses of an unmodified Pagure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlagStatus {
    Pending,
    Success,
    Failure,
    Error,
    Canceled,
}

impl FlagStatus {
    const ALL: [Self; 5] = [Self::Pending, Self::Success, Self::Failure, Self::Error, Self::Canceled];

    /// The status on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }

    /// Parses a status; case-sensitive, as in Pagure.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A flag in its current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagureFlag {
    /// The full name of the repository it was first posted to.
    pub repository: String,
    /// The commit as the path named it, short and unknown ones included.
    pub commit: String,
    pub uid: String,
    pub status: FlagStatus,
    pub comment: String,
    pub url: String,
    /// The name of the CI, kept from the first post.
    pub username: String,
    pub percent: Option<i32>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

/// A stored flag POST, and the flag after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagPost {
    pub at: Timestamp,
    pub flag: PagureFlag,
}

/// All flags of the forge.
#[derive(Debug, Default)]
pub(super) struct FlagStore {
    flags: Vec<PagureFlag>,
    posts: Vec<FlagPost>,
}

impl FlagStore {
    /// Stores a flag; true if it is new.
    ///
    /// The uid is unique per commit, across repositories, and the last write wins: an update replaces everything but
    /// the username, and a missing percentage clears it.
    pub(super) fn store(
        &mut self,
        repository: &str,
        commit: &str,
        form: FlagForm,
        now: Timestamp,
    ) -> (PagureFlag, bool) {
        let uid = form.uid.unwrap_or_else(|| generated_uid(self.posts.len()));
        let known = self.flags.iter().position(|flag| flag.commit == commit && flag.uid == uid);
        let (username, repository, created) = match known.map(|index| self.flags.remove(index)) {
            Some(old) => (old.username, old.repository, old.created),
            None => (form.username, repository.to_owned(), now),
        };
        let flag = PagureFlag {
            repository,
            commit: commit.to_owned(),
            uid,
            status: form.status,
            comment: form.comment,
            url: form.url,
            username,
            percent: form.percent,
            created,
            updated: now,
        };
        // Appended even on an update, so that the order is Pagure's: by time of update.
        self.flags.push(flag.clone());
        self.posts.push(FlagPost { at: now, flag: flag.clone() });
        (flag, known.is_none())
    }

    pub(super) fn on_commit(&self, commit: &str) -> Vec<PagureFlag> {
        self.flags.iter().filter(|flag| flag.commit == commit).cloned().collect()
    }

    pub(super) fn posts(&self) -> &[FlagPost] {
        &self.posts
    }
}

/// 32 hexadecimal digits, as Pagure's own; derived, so that runs are reproducible.
pub(super) fn generated_uid(number: usize) -> String {
    Sha256::digest(number.to_be_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
