use doorbell_messages::SingleLineText;

use super::Resolver;

impl Resolver<'_> {
    /// The first line of `--cause`, as much of it as fits.
    ///
    /// CIs have a commit's message at hand for it. No build depends on it, so none is lost for it either.
    pub(crate) fn cause(&mut self) -> Option<SingleLineText> {
        let text = self.arguments.cause.as_ref()?.to_string_lossy();
        let line = SingleLineText::first_line_of(&text);
        match &line {
            Some(line) if line.as_str() == text => {}
            Some(_) => self
                .notes
                .push("--cause is cut to its first line, without control characters and to 500 bytes".to_owned()),
            None if text.is_empty() => {}
            None => self.notes.push("--cause has no line to show, so the request has none".to_owned()),
        }
        line
    }
}
