//! What the pages say: their command lines, what those are shown to print, and their tables.

use std::path::{Path, PathBuf};

/// A command line of a page, and what the page shows that it prints.
#[derive(Debug)]
pub(super) struct CommandExample {
    pub(super) line: String,
    pub(super) shown: Vec<String>,
}

/// A page, by its place in the repository.
pub(super) fn page(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}

/// The pages whose commands are tried here. The publisher's own page is tried, to the letter, by its own tests.
pub(super) fn pages() -> Vec<String> {
    let mut names: Vec<String> = ["worker/cli/README.md", "README.md"].map(str::to_owned).into();
    for folder in ["docs", "docs/ci"] {
        let entries = std::fs::read_dir(repository().join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.extend(files.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    names
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of our programs between a page's fences.
pub(super) fn command_examples(page: &str) -> Vec<CommandExample> {
    let mut examples: Vec<CommandExample> = Vec::new();
    let (mut is_code, mut is_shown) = (false, false);
    for line in page.lines() {
        if line.starts_with("```") {
            (is_code, is_shown) = (!is_code, false);
            continue;
        }
        let command = line.trim_start().strip_prefix("$ ").unwrap_or(line);
        if is_code && ["doorbell ", "trigger_job "].iter().any(|program| command.starts_with(program)) {
            examples.push(CommandExample { line: command.to_owned(), shown: Vec::new() });
            // What stands in the middle of another program's screen is that program's.
            is_shown = line.starts_with("$ ");
        } else if line.starts_with("$ ") {
            is_shown = false;
        } else if let Some(example) = examples.last_mut().filter(|_| is_shown) {
            example.shown.push(line.to_owned());
        }
    }
    for example in &mut examples {
        while example.shown.last().is_some_and(String::is_empty) {
            example.shown.pop();
        }
    }
    examples
}

/// Whether what was printed has the shape of what is shown: the same words, where times, addresses and all words with a
/// digit count as one word each. `...` stands for any lines, at a line's end for the rest of it.
pub(super) fn has_shape(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.iter().all(|line| line.trim().is_empty()),
        Some((rest, shown)) if rest == "..." => (0..=printed.len()).any(|at| has_shape(shown, &printed[at..])),
        Some((first, shown)) => {
            printed.split_first().is_some_and(|(line, printed)| matches_line(first, line) && has_shape(shown, printed))
        }
    }
}

fn matches_line(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (words(shown), words(printed));
    match shown.split_last() {
        Some((last, beginning)) if last == "..." => printed.starts_with(beginning),
        _ => shown == printed,
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let is_unit = ["s", "s,", "min", "h", "d"].contains(&word);
        if is_unit && words.last().is_some_and(|last| last == "#") {
            continue;
        }
        let is_any = word.starts_with("https://") || word.chars().any(|c| c.is_ascii_digit());
        words.push(if is_any { "#".to_owned() } else { word.to_owned() });
    }
    words
}

/// The rows of the table under a heading: of each the first cell, and the names in backquotes in the second.
pub(super) fn named_in_table(page: &str, heading: &str) -> Vec<(String, Vec<String>)> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let names = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (cells[1].trim_matches('`').to_owned(), names)
    })
    .collect()
}

#[test]
fn output_shape_comparison_ignores_numbers_only() {
    let check = |shown: &[&str], printed: &[&str], expected: bool| {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(has_shape(&lines(shown), &lines(printed)), expected, "{shown:?} {printed:?}");
    };
    check(&["success  12 s  demo#ci-4711"], &["success   3 min   demo#ci-1"], true);
    check(&["success  12 s"], &["failure  12 s"], false);
    check(&["a", "..."], &["a"], true);
    check(&["a", "...", "d"], &["a", "b", "c", "d"], true);
    check(&["a", "...", "d"], &["a", "b", "c"], false);
    check(&["refused: ..."], &["refused: because"], true);
    check(&["a"], &["a", "b"], false);
    check(&["a", "b"], &["a"], false);
}
