use clap::builder::styling::Style;
use doorbell_messages::text::escape_unsafe;

/// A line of output: texts, each in a style.
///
/// It is the only thing that the printer writes as text. Its texts hold no control, bidirectional or invisible
/// character but the tab: those of a text from outside are escaped when it becomes a line, and no terminal sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Style, String)>);

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::styled(Style::new(), text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Line {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl Line {
    /// A text in a style.
    pub(crate) fn styled(style: Style, text: &str) -> Self {
        Self(vec![(style, escape(text))])
    }

    /// This line, and another one behind it.
    pub(crate) fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// Number of visible characters.
    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line with a terminal's control sequences of its own styles.
    pub(super) fn render(&self) -> String {
        let render = |(style, text): &(Style, String)| match style.is_plain() {
            true => text.clone(),
            false => format!("{style}{text}{style:#}"),
        };
        self.0.iter().map(render).collect()
    }

    /// Wraps at spaces, except leading ones. All lines but the first begin with `indent` spaces. A word longer than a
    /// line stays whole, so that it can be copied.
    pub(super) fn wrap(&self, width: usize, indent: usize) -> Vec<Self> {
        let (leading, words) = self.words();
        let mut lines = Vec::new();
        let mut line = leading;
        let mut has_word = false;
        for word in words {
            // A break after the label alone would gain nothing.
            if has_word && line.width() + 1 + word.width() > width && line.width() >= indent {
                lines.push(std::mem::replace(&mut line, Self::from(" ".repeat(indent))));
            } else if has_word {
                line = line.then(" ");
            }
            line = line.then(word);
            has_word = true;
        }
        lines.push(line);
        lines
    }

    /// The leading spaces, and the words behind them. A word may have parts in different styles.
    fn words(&self) -> (Self, Vec<Self>) {
        let mut leading = String::new();
        let mut words = vec![Self::default()];
        for (style, text) in &self.0 {
            for (at, part) in text.split(' ').enumerate() {
                if at > 0 && words == [Self::default()] {
                    leading.push(' ');
                } else if at > 0 {
                    words.push(Self::default());
                }
                if let Some(word) = words.last_mut().filter(|_| !part.is_empty()) {
                    word.0.push((*style, part.to_owned()));
                }
            }
        }
        (Self::from(leading), words)
    }
}

/// The text with an escape for each unsafe character. A tab only moves the cursor, and logs are full of them.
fn escape(text: &str) -> String {
    text.split('\t').map(escape_unsafe).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &Line) -> String {
        anstream::adapter::strip_str(&line.render()).to_string()
    }

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        let lines: Vec<String> = Line::from(text).wrap(width, 2).iter().map(plain).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn long_line_wraps_at_spaces_with_indent() {
        check("one two three", 80, &["one two three"]);
        check("one two three", 8, &["one two", "  three"]);
        check("one two three", 5, &["one", "  two", "  three"]);
        check("a-very-long-name and more", 8, &["a-very-long-name", "  and", "  more"]);
        check("", 8, &[""]);
        check("  one two", 6, &["  one", "  two"]);
        check("- a-very-long-name", 8, &["- a-very-long-name"]);
        check("one  two", 80, &["one  two"]);
    }

    #[test]
    fn styled_words_wrap_like_plain_ones() {
        let bold = Style::new().bold();
        let line = Line::styled(bold, "one").then(" two thr").then(Line::styled(bold, "ee"));
        let lines: Vec<String> = line.wrap(8, 2).iter().map(Line::render).collect();
        assert_eq!(lines, ["\u{1b}[1mone\u{1b}[0m two", "  thr\u{1b}[1mee\u{1b}[0m"]);
    }

    #[test]
    fn line_escapes_what_could_steer_a_terminal() {
        let hostile = "\u{1b}]0;x\u{7}\u{9b}31m\n\r\u{7f}\u{202e}\u{200b}\u{ad}a\tb";
        let escaped = r"\u{1b}]0;x\u{7}\u{9b}31m\u{a}\u{d}\u{7f}\u{202e}\u{200b}\u{ad}a".to_owned() + "\tb";
        assert_eq!(Line::from(hostile).render(), escaped);
        assert_eq!(plain(&Line::styled(Style::new().bold(), hostile)), escaped);
        assert_eq!(Line::from("ümläut, 你好").render(), "ümläut, 你好");
    }
}
