use clap::builder::styling::{AnsiColor, Style};
use doorbell_messages::BuildProjectName;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::failure::{Failure, Outcome};
use crate::project::show::pretty;
use crate::project::{Findings, PutArguments, RemoveArguments, hide, lint, no_such_project, read_file};
use crate::registry::{DEFAULT, Entry, Registry, STANDARD_BYTES};
use crate::screen::{Screen, painted};

/// Lines of a difference that are shown around each change.
const CONTEXT: usize = 3;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    project: String,
    parameter: String,
    /// Whether it was done; otherwise this is what would be.
    done: bool,
    /// Whether anything differs.
    changes: bool,
    /// A unified difference, credentials hidden.
    diff: Vec<String>,
    #[serde(flatten)]
    findings: Findings,
}

/// Registers a project, or changes it.
///
/// # Errors
/// The file or the registry can't be read, or SSM refuses the write.
pub(crate) async fn put(
    registry: &Registry,
    arguments: &PutArguments,
    fallback: Option<&BuildProjectName>,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let name = &arguments.name;
    let text = read_file(&arguments.file)?.trim().to_owned();
    let before = registry.one(name).await?;
    let default = if name == DEFAULT { None } else { registry.one(DEFAULT).await? };
    let mut findings = lint(name, &text, default.as_ref().map(|default| default.text.as_str()), fallback);
    if text.len() > STANDARD_BYTES && !arguments.advanced {
        // The size is what the last warning is about.
        findings
            .errors
            .extend(findings.warnings.pop().map(|size| format!("{size}; --advanced writes it all the same")));
    }
    let is_sound = findings.errors.is_empty();
    let changes = before.as_ref().is_none_or(|before| before.text != text);
    let done = arguments.yes && is_sound && changes;
    if done {
        registry.put(name, &text, before.as_ref(), text.len() > STANDARD_BYTES).await?;
    }
    let diff = difference(before.as_ref().map(|before| before.text.as_str()).unwrap_or_default(), &text);
    report(registry, name, Report { done, changes, diff, findings }, screen)?;
    if !is_sound {
        screen.next("mend the document: the worker would reject every request of the project");
        return Ok(Outcome::Failed);
    }
    match (changes, done) {
        (false, _) => screen.note("it is registered as it is"),
        (true, true) => screen.note("registered; workers follow within 30 s"),
        (true, false) => screen.next("the same command with --yes writes it"),
    }
    Ok(Outcome::Done)
}

/// Takes a project out of the registry.
///
/// # Errors
/// There is none, or SSM refuses.
pub(crate) async fn remove(
    registry: &Registry,
    arguments: &RemoveArguments,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let name = &arguments.name;
    let before: Entry = registry.one(name).await?.ok_or_else(|| no_such_project(name, &registry.parameter(name)))?;
    if arguments.yes {
        registry.remove(name).await?;
    }
    let diff = difference(&before.text, "");
    let report_of = Report { done: arguments.yes, changes: true, diff, findings: Findings::default() };
    report(registry, name, report_of, screen)?;
    if arguments.yes {
        screen.note("removed; its requests are rejected within 30 s, and its running jobs go on");
    } else {
        screen.next("the same command with --yes removes it");
    }
    Ok(Outcome::Done)
}

struct Report {
    done: bool,
    changes: bool,
    diff: Vec<String>,
    findings: Findings,
}

fn report(registry: &Registry, name: &str, report: Report, screen: Screen) -> Result<(), Failure> {
    let Report { done, changes, diff, findings } = report;
    let changed =
        Changed { project: name.to_owned(), parameter: registry.parameter(name), done, changes, diff, findings };
    screen.result(&changed, || {
        let errors = changed.findings.errors.iter().map(|text| format!("error: {text}"));
        let warnings = changed.findings.warnings.iter().map(|text| format!("warning: {text}"));
        let said = errors.chain(warnings).flat_map(|line| screen.wrapped(&line, 2));
        changed.diff.iter().map(|line| painted(style(line), line)).chain(said).collect()
    })
}

fn style(line: &str) -> Style {
    match line.as_bytes().first() {
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    }
}

/// What changes, line by line of the documents as they are shown. A credential that differs is said to.
fn difference(before: &str, after: &str) -> Vec<String> {
    let shown = |text: &str| if text.is_empty() { String::new() } else { pretty(&hide(text)) };
    let (old, new) = (shown(before), shown(after));
    if old == new {
        let hidden = "  (only what is hidden here, or white space, differs)".to_owned();
        return if before == after { Vec::new() } else { vec![hidden] };
    }
    let diff = TextDiff::from_lines(&old, &new);
    let groups = diff.grouped_ops(CONTEXT);
    let changes = groups.iter().flatten().flat_map(|op| diff.iter_changes(op));
    changes
        .map(|change| {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            format!("{sign} {}", change.value().trim_end_matches('\n'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changes_and_no_credential() {
        assert_eq!(
            difference(r#"{"command":"a","authToken":"one"}"#, r#"{"command":"b","authToken":"two"}"#),
            ["  {", "    \"authToken\": \"(hidden)\",", "-   \"command\": \"a\"", "+   \"command\": \"b\"", "  }"]
        );
        assert_eq!(difference("{}", "{}"), Vec::<String>::new());
        let hidden = difference(r#"{"authToken":"one"}"#, r#"{"authToken":"two"}"#);
        assert!(hidden[0].contains("hidden"), "{hidden:?}");
        assert_eq!(difference("", "{}"), ["+ {}"]);
    }
}
