use std::borrow::Cow;

/// A text, and the place it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcedValue {
    pub(crate) text: String,
    /// In words that can follow "from": a variable, a file and what in it, an option.
    pub(crate) source: Cow<'static, str>,
}

impl SourcedValue {
    pub(crate) fn new(text: impl Into<String>, source: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), source: source.into() }
    }

    /// The same place, and another text that was made of its own.
    pub(crate) fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { text: change(&self.text), source: self.source }
    }
}

/// What was looked for: a value and where it came from, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution<T> {
    /// It is there.
    Found {
        /// The value.
        value: T,
        /// Where it came from: a variable, an option, a file and what in it.
        source: Cow<'static, str>,
    },
    /// It is not there.
    Missing {
        /// Why, in words for people.
        reason: String,
    },
}

impl<T> Resolution<T> {
    pub(crate) fn missing(reason: impl Into<String>) -> Self {
        Self::Missing { reason: reason.into() }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Resolution<U> {
        match self {
            Self::Found { value, source } => Resolution::Found { value: change(value), source },
            Self::Missing { reason } => Resolution::Missing { reason },
        }
    }

    /// The value, if it is there.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Found { value, .. } => Some(value),
            Self::Missing { .. } => None,
        }
    }
}
