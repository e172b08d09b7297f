use crate::dead_letters::letter::Letter;
use crate::dead_letters::{ActArguments, ListArguments};

/// Which letters are meant.
#[derive(Debug, Default)]
pub(crate) struct Selection<'a> {
    /// Beginnings of ids; none where all ids are.
    pub(crate) ids: &'a [String],
    /// A part of the reason.
    pub(crate) reason: Option<&'a str>,
}

impl<'a> Selection<'a> {
    pub(crate) fn holds(&self, letter: &Letter) -> bool {
        let by_id = self.ids.is_empty() || self.ids.iter().any(|id| !id.is_empty() && letter.id.starts_with(id));
        by_id && self.reason.is_none_or(|reason| letter.reason.contains(reason))
    }
}

impl<'a> From<&'a ListArguments> for Selection<'a> {
    fn from(arguments: &'a ListArguments) -> Self {
        Self { ids: &[], reason: arguments.reason.as_deref() }
    }
}

impl<'a> From<&'a ActArguments> for Selection<'a> {
    fn from(arguments: &'a ActArguments) -> Self {
        Self { ids: &arguments.ids, reason: arguments.reason.as_deref() }
    }
}
