use doorbell_messages::text::printable_line;

use crate::resolution::SourcedValue;

/// The ref that a build is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildRef {
    Branch(SourcedValue),
    Tag(SourcedValue),
    PullRequest(SourcedValue),
}

/// Where forges keep pull requests: GitHub, Gitea and Forgejo; GitLab; Bitbucket.
const PULL_REQUEST_PREFIXES: [&str; 3] = ["pull/", "merge-requests/", "pull-requests/"];

impl BuildRef {
    /// Parses the full name of a branch, a tag or a pull request.
    ///
    /// # Errors
    /// It is none of these, as a clause that can follow "as".
    pub(crate) fn from_full_name(value: SourcedValue) -> Result<Self, String> {
        let name = value.text.strip_prefix("refs/").unwrap_or_default();
        if let Some(branch) = name.strip_prefix("heads/") {
            return Ok(Self::Branch(SourcedValue::new(branch, value.source)));
        }
        if let Some(tag) = name.strip_prefix("tags/") {
            return Ok(Self::Tag(SourcedValue::new(tag, value.source)));
        }
        match pull_request_number(name, &PULL_REQUEST_PREFIXES) {
            Some(number) => Ok(Self::PullRequest(SourcedValue::new(number, value.source))),
            None => Err(format!(
                "{} is \"{}\", which is no branch, tag or pull request",
                value.source,
                printable_line(&value.text)
            )),
        }
    }

    /// Parses the variable of a branch, in which some CIs put the full name of every kind of ref.
    ///
    /// # Errors
    /// As [`Self::from_full_name`].
    pub(crate) fn from_branch(value: SourcedValue) -> Result<Self, String> {
        match value.text.starts_with("refs/") {
            true => Self::from_full_name(value),
            false => Ok(Self::Branch(value)),
        }
    }

    /// Whether both are one ref; their sources may differ.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other) && self.value().text == other.value().text
    }

    pub(crate) fn value(&self) -> &SourcedValue {
        match self {
            Self::Branch(value) | Self::Tag(value) | Self::PullRequest(value) => value,
        }
    }

    /// That this ref is used and another variable says something else.
    pub(crate) fn note_against(&self, other: &SourcedValue) -> String {
        let kind = match self {
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
            Self::PullRequest(_) => "pull request",
        };
        let SourcedValue { text, source } = self.value();
        format!(
            "{kind} \"{}\" ({source}) is used, not {} \"{}\"",
            printable_line(text),
            other.source,
            printable_line(&other.text)
        )
    }
}

/// `7` of `pull/7/merge`.
pub(super) fn pull_request_number(name: &str, prefixes: &[&str]) -> Option<String> {
    let number = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix))?.split('/').next()?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let found = BuildRef::from_full_name(SourcedValue::new(text, "CI_REF"));
        let shown = found.as_ref().ok().map(|found| match found {
            BuildRef::Branch(value) => format!("branch {}", value.text),
            BuildRef::Tag(value) => format!("tag {}", value.text),
            BuildRef::PullRequest(value) => format!("pull request {}", value.text),
        });
        assert_eq!(shown.as_deref(), want, "{text}: {found:?}");
    }

    #[test]
    fn full_ref_names_its_kind() {
        check("refs/heads/a/b", Some("branch a/b"));
        check("refs/heads/pull/7/head", Some("branch pull/7/head"));
        check("refs/tags/v1.2.0", Some("tag v1.2.0"));
        check("refs/pull/7/merge", Some("pull request 7"));
        check("refs/pull/7", Some("pull request 7"));
        check("refs/merge-requests/7/train", Some("pull request 7"));
        check("refs/pull-requests/7/from", Some("pull request 7"));
        for other in ["", "main", "refs/", "refs/pull/x/head", "refs/pull//head", "refs/changes/34/1234/1", "$/demo"] {
            check(other, None);
        }
    }
}
