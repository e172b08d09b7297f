//! The code blocks of a page's section.

use anyhow::{Context, ensure};

/// The blocks below a heading of the second level, up to the next one, in their order.
///
/// # Errors
/// There is no such heading, or a block has no end.
pub(super) fn blocks(page: &str, heading: &str) -> anyhow::Result<Vec<String>> {
    let title = format!("## {heading}");
    let section = page.lines().skip_while(|line| *line != title);
    ensure!(section.clone().next().is_some(), "the page has no heading \"{title}\"");
    let mut blocks = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in section.skip(1) {
        match (line.trim_start().starts_with("```"), open.take()) {
            (true, None) => open = Some(Vec::new()),
            (true, Some(block)) => blocks.push(unindent(&block)),
            (false, Some(mut block)) => {
                block.push(line);
                open = Some(block);
            }
            (false, None) if line.starts_with("## ") => break,
            (false, None) => {}
        }
    }
    open.is_none().then_some(blocks).context("a code block has no end")
}

/// Without the indentation of the list item in which the block stands, and without prompts.
fn unindent(block: &[&str]) -> String {
    let depth = block.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or_default();
    let typed = block.iter().map(|line| line.get(depth..).unwrap_or_default());
    typed.map(|line| line.strip_prefix("$ ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::blocks;

    const PAGE: &str = "# Title\n\n```sh\nbefore\n```\n\n## Install\n\n1. Text.\n\n   ```sh\n   $ first \\\n     --option\n   ## comment\n   ```\n\
                        \n```text\nsecond\n```\n### Part\n```\nthird\n```\n## Next\n\n```sh\nafter\n```\n";

    #[test]
    fn blocks_are_those_of_the_section_in_order() {
        let found = blocks(PAGE, "Install").unwrap();
        assert_eq!(found, ["first \\\n  --option\n## comment", "second", "third"]);
    }

    #[test]
    fn missing_heading_and_unclosed_block_are_errors() {
        assert!(blocks(PAGE, "Remove").is_err());
        assert!(blocks("## Install\n```sh\nfirst\n", "Install").is_err());
    }
}
