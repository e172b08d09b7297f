use clap::builder::styling::Style;
use doorbell_messages::text::escape_unsafe;

use crate::printer::Line;

/// A table of columns under a header.
///
/// Each column is as wide as its widest cell. The last one is truncated at the terminal's edge, and dropped if there is
/// no room. In a pipe nothing is truncated.
#[derive(Debug)]
pub(crate) struct Columns {
    header: Vec<&'static str>,
    rows: Vec<Vec<(Style, String)>>,
}

/// Number of spaces between columns.
const COLUMN_GAP: usize = 2;

/// Minimum width of the last column; with less room it is dropped.
const MIN_LAST_COLUMN_WIDTH: usize = 8;

impl Columns {
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<(Style, String)>) {
        // Escaped here, so that the widths are those of what is shown.
        self.rows.push(cells.into_iter().map(|(style, cell)| (style, escape_unsafe(&cell))).collect());
    }

    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<Line> {
        let bold = Style::new().bold();
        let header = self.header.iter().map(|name| (bold, (*name).to_owned())).collect();
        let all: Vec<&Vec<(Style, String)>> = std::iter::once(&header).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.header.len())
            .map(|at| all.iter().filter_map(|row| row.get(at)).map(|(_, cell)| cell.chars().count()).max().unwrap_or(0))
            .collect();
        all.into_iter().map(|row| line(row, &widths, width)).collect()
    }
}

fn line(row: &[(Style, String)], widths: &[usize], width: Option<usize>) -> Line {
    let mut line = Line::default();
    let mut used = 0;
    // The gap before a cell: none is left at a line's end.
    let mut gap = String::new();
    for (at, ((style, cell), widest)) in row.iter().zip(widths).enumerate() {
        let cell = match at + 1 == widths.len() {
            true => fit_last(cell, width.map_or(usize::MAX, |width| width.saturating_sub(used))),
            false => cell.clone(),
        };
        if !cell.is_empty() {
            line = line.then(std::mem::take(&mut gap)).then(Line::styled(*style, &cell));
        }
        gap.push_str(&" ".repeat(widest + COLUMN_GAP - cell.chars().count().min(*widest)));
        used += widest + COLUMN_GAP;
    }
    line
}

/// The last cell, truncated at the edge, or empty where there is no room.
fn fit_last(cell: &str, width: usize) -> String {
    let is_shown = width >= MIN_LAST_COLUMN_WIDTH || cell.chars().count() <= width;
    if is_shown { truncate(cell, width) } else { String::new() }
}

fn truncate(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Columns {
        let mut columns = Columns::new(&["A", "NAME", "TEXT"]);
        for (a, name, text) in [("1", "demo", "a long explanation"), ("22", "x", "")] {
            columns.row([a, name, text].map(|cell| (Style::new(), cell.to_owned())).into());
        }
        columns
    }

    fn plain(width: Option<usize>) -> Vec<String> {
        table().lines(width).iter().map(|line| anstream::adapter::strip_str(&line.render()).to_string()).collect()
    }

    #[test]
    fn columns_without_terminal_are_not_truncated() {
        assert_eq!(plain(None), ["A   NAME  TEXT", "1   demo  a long explanation", "22  x"]);
    }

    #[test]
    fn last_column_is_truncated_or_dropped_at_terminal_width() {
        assert_eq!(plain(Some(20)), ["A   NAME  TEXT", "1   demo  a long ex…", "22  x"]);
        assert_eq!(plain(Some(12))[1], "1   demo");
    }
}
