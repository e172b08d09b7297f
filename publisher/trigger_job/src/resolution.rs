use std::borrow::Cow;

/// A string and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcedValue {
    pub(crate) text: String,
    /// A variable, an option, or a file and its key, in words that can follow "from".
    pub(crate) source: Cow<'static, str>,
}

impl SourcedValue {
    pub(crate) fn new(text: impl Into<String>, source: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), source: source.into() }
    }

    /// Another string that was derived from this one, with the same source.
    pub(crate) fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { text: change(&self.text), source: self.source }
    }
}

/// A value with its source, or the reason why it is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution<T> {
    /// The value was found.
    Found {
        /// The value.
        value: T,
        /// A variable, an option, or a file and its key.
        source: Cow<'static, str>,
    },
    /// No source has the value.
    Missing {
        /// The reason, for people.
        reason: String,
    },
    /// The first source with the value has an invalid one. No later source takes its place.
    Invalid {
        /// The source, the value and the rule that it breaks, for people.
        reason: String,
    },
}

impl<T> Resolution<T> {
    pub(crate) fn missing(reason: impl Into<String>) -> Self {
        Self::Missing { reason: reason.into() }
    }

    /// An invalid value. `rule` quotes the value and says what is expected.
    pub(crate) fn invalid(source: &str, rule: impl std::fmt::Display) -> Self {
        Self::Invalid { reason: format!("{source}: {rule}") }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Resolution<U> {
        match self {
            Self::Found { value, source } => Resolution::Found { value: change(value), source },
            Self::Missing { reason } => Resolution::Missing { reason },
            Self::Invalid { reason } => Resolution::Invalid { reason },
        }
    }

    /// The value, if it was found.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Found { value, .. } => Some(value),
            Self::Missing { .. } | Self::Invalid { .. } => None,
        }
    }

    /// Why there is no value, if no source has one.
    pub(crate) fn missing_reason(&self) -> Option<&str> {
        match self {
            Self::Missing { reason } => Some(reason),
            Self::Found { .. } | Self::Invalid { .. } => None,
        }
    }

    /// What is wrong with the value, if it is invalid.
    pub(crate) fn invalid_reason(&self) -> Option<&str> {
        match self {
            Self::Invalid { reason } => Some(reason),
            Self::Found { .. } | Self::Missing { .. } => None,
        }
    }
}
