use clap::builder::styling::Style;

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
        self.rows.push(cells);
    }

    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let bold = Style::new().bold();
        let header = self.header.iter().map(|name| (bold, (*name).to_owned())).collect();
        let all: Vec<&Vec<(Style, String)>> = std::iter::once(&header).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.header.len())
            .map(|at| all.iter().filter_map(|row| row.get(at)).map(|(_, cell)| cell.chars().count()).max().unwrap_or(0))
            .collect();
        all.into_iter().map(|row| line(row, &widths, width)).collect()
    }
}

fn line(row: &[(Style, String)], widths: &[usize], width: Option<usize>) -> String {
    let mut line = String::new();
    let mut used = 0;
    for (at, ((style, cell), widest)) in row.iter().zip(widths).enumerate() {
        if at + 1 == widths.len() {
            let width = width.map_or(usize::MAX, |width| width.saturating_sub(used));
            if width >= MIN_LAST_COLUMN_WIDTH || cell.chars().count() <= width {
                line.push_str(&format!("{style}{}{style:#}", truncate(cell, width)));
            }
            break;
        }
        let gap = widest + COLUMN_GAP - cell.chars().count();
        line.push_str(&format!("{style}{cell}{style:#}{:gap$}", ""));
        used += widest + COLUMN_GAP;
    }
    line.trim_end().to_owned()
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
        table().lines(width).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
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
