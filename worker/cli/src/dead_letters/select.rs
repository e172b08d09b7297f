use crate::dead_letters::message::DeadLetterMessage;
use crate::dead_letters::{DeadLetterActionArguments, DeadLetterListArguments};

/// Selection of messages.
#[derive(Debug, Default)]
pub(crate) struct Selection<'a> {
    /// Prefixes of ids; empty selects all ids.
    pub(crate) ids: &'a [String],
    /// A substring of the reason.
    pub(crate) reason: Option<&'a str>,
}

impl<'a> Selection<'a> {
    pub(crate) fn matches(&self, message: &DeadLetterMessage) -> bool {
        let by_id = self.ids.is_empty() || self.ids.iter().any(|id| !id.is_empty() && message.id.starts_with(id));
        by_id && self.reason.is_none_or(|reason| message.reason.contains(reason))
    }
}

impl<'a> From<&'a DeadLetterListArguments> for Selection<'a> {
    fn from(arguments: &'a DeadLetterListArguments) -> Self {
        Self { ids: &[], reason: arguments.reason.as_deref() }
    }
}

impl<'a> From<&'a DeadLetterActionArguments> for Selection<'a> {
    fn from(arguments: &'a DeadLetterActionArguments) -> Self {
        Self { ids: &arguments.ids, reason: arguments.reason.as_deref() }
    }
}
