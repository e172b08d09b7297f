use std::borrow::Cow;

/// A text, and the place it was found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: String,
    /// In words that can follow "from": a variable, a file and what in it, an option.
    pub(crate) place: Cow<'static, str>,
}

impl Found {
    pub(crate) fn new(text: impl Into<String>, place: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), place: place.into() }
    }

    /// The same place, and another text that was made of its own.
    pub(crate) fn map(self, change: impl FnOnce(&str) -> String) -> Self {
        Self { text: change(&self.text), place: self.place }
    }
}

/// What was looked for: a value and where it came from, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought<T> {
    /// It is there.
    Found {
        /// The value.
        value: T,
        /// Where it came from: a variable, an option, a file and what in it.
        place: Cow<'static, str>,
    },
    /// It is not there.
    Missing {
        /// Why, in words for people.
        why: String,
    },
}

impl<T> Sought<T> {
    pub(crate) fn missing(why: impl Into<String>) -> Self {
        Self::Missing { why: why.into() }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Sought<U> {
        match self {
            Self::Found { value, place } => Sought::Found { value: change(value), place },
            Self::Missing { why } => Sought::Missing { why },
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
