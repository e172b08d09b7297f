//! `doorbell logs`: prints a job's log from CloudWatch Logs.

use std::time::Duration;

use clap::Args;
use doorbell_adapters::aws::{AwsCallError, DynamoDbLedger, aws_error};
use doorbell_engine::domain::Row;
use serde::Serialize;
use serde_json::{Value, json};

use crate::account::OwnerAccount;
use crate::error::{CliError, CommandOutcome, is_missing};
use crate::jobs::{JobArguments, find, find_or_wait, outcome, print_final_status};
use crate::printer::{Line, Printer};
use crate::sigv4_client::{AwsService, SigV4Client};

#[derive(Debug, Args)]
#[command(after_help = "-f waits for the build, follows it, and exits with its result: 0 success, 1 failure, 6 \
                        rejected, 7 canceled, 8 error or timeout.\n\nExamples:\n  doorbell logs ci-4711\n  doorbell logs -f \
                        'demo#ci-4711#44483f6b239f8fbaede9b993'\n  doorbell logs ci-4711 --output json | jq -r .message")]
pub(crate) struct LogsArguments {
    #[command(flatten)]
    job: JobArguments,
    /// Follow the job to its end, and exit with its result
    #[arg(long, short)]
    follow: bool,
}

impl LogsArguments {
    pub(crate) fn follows(&self) -> bool {
        self.follow
    }
}

/// A log line, for `--output json`: one object per line.
#[derive(Serialize)]
struct LogLineView<'a> {
    at: i64,
    message: &'a str,
}

/// Interval between two reads.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Number of empty reads after the end before the log is complete: CloudWatch Logs shows the last lines late.
const POLLS_AFTER_END: u32 = 3;

/// Where a build's log is.
struct LogStreamCursor {
    group: String,
    name: String,
    token: Option<String>,
}

impl LogStreamCursor {
    /// Moves to the next page; returns whether the page before was the last one for now.
    ///
    /// Only an unchanged token is the end: CloudWatch Logs may answer with an empty page before it.
    fn advance(&mut self, next: Option<&str>) -> bool {
        match next {
            Some(next) if self.token.as_deref() != Some(next) => {
                self.token = Some(next.to_owned());
                false
            }
            _ => true,
        }
    }
}

/// Shows a job's log.
///
/// # Errors
/// There is no such job or no log, or it cannot be read.
pub(crate) async fn logs(
    arguments: &LogsArguments,
    account: &OwnerAccount,
    ledger: &DynamoDbLedger,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let sigv4 = SigV4Client::new(account.sdk())?;
    let mut row = match arguments.follow {
        true => find_or_wait(ledger, &arguments.job.job, printer).await?,
        false => find(ledger, &arguments.job.job).await?,
    };
    let mut stream = None;
    let mut polls_left = POLLS_AFTER_END;
    let mut has_noted_waiting = false;
    loop {
        if stream.is_none() {
            stream = find_stream(account, &row).await?;
        }
        let printed = match &mut stream {
            Some(stream) => print_new_lines(&sigv4, stream, printer).await?,
            None => 0,
        };
        if row.status().is_final() && (printed == 0 || !arguments.follow) {
            polls_left = if stream.is_none() || !arguments.follow { 0 } else { polls_left.saturating_sub(1) };
        }
        if !arguments.follow || (row.status().is_final() && polls_left == 0) {
            break;
        }
        if stream.is_none() && !has_noted_waiting {
            printer.note(&format!("the job is {}; waiting for its build", row.status()));
            has_noted_waiting = true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        let key = row.key.clone();
        row = ledger.row(&key).await?.unwrap_or(row);
    }
    finish(arguments, &row, stream.is_some(), printer)
}

fn finish(arguments: &LogsArguments, row: &Row, has_log: bool, printer: Printer) -> Result<CommandOutcome, CliError> {
    if arguments.follow {
        return if printer.is_json() { Ok(outcome(row.status())) } else { print_final_status(row, printer) };
    }
    if has_log {
        return Ok(CommandOutcome::Done);
    }
    let what = format!("the job {} has no log: it is {}", row.key, row.status());
    Err(CliError::missing(
        what,
        format!("`doorbell jobs show '{}'` shows the reason; `doorbell logs -f` waits for a log", row.key),
    ))
}

/// Finds the log's stream; a build has none until it runs.
async fn find_stream(account: &OwnerAccount, row: &Row) -> Result<Option<LogStreamCursor>, CliError> {
    let Some(build) = row.build() else { return Ok(None) };
    let client = aws_sdk_codebuild::Client::new(account.sdk());
    let answer = client.batch_get_builds().ids(build.id.as_str()).send().await;
    let answer = answer.map_err(|error| aws_error("BatchGetBuilds", error))?;
    let logs = answer.builds().first().and_then(|build| build.logs());
    let location = logs.and_then(|logs| logs.group_name().zip(logs.stream_name()));
    Ok(location.map(|(group, name)| LogStreamCursor { group: group.to_owned(), name: name.to_owned(), token: None }))
}

/// Prints new lines; returns their number.
async fn print_new_lines(
    sigv4: &SigV4Client,
    stream: &mut LogStreamCursor,
    printer: Printer,
) -> Result<usize, CliError> {
    let mut printed = 0;
    loop {
        let answer = match page(sigv4, stream).await {
            Ok(answer) => answer,
            // The build runs, but its agent has not written yet.
            Err(failed) if failed.code.as_deref().is_some_and(is_missing) => return Ok(printed),
            Err(failed) => return Err(failed.into()),
        };
        let events = answer["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        for event in events {
            let text = event["message"].as_str().unwrap_or_default().trim_end_matches(['\r', '\n']);
            let line = LogLineView { at: event["timestamp"].as_i64().unwrap_or_default(), message: text };
            printer.print_result(&line, || vec![Line::from(text)])?;
        }
        printed += events.len();
        if stream.advance(answer["nextForwardToken"].as_str()) {
            return Ok(printed);
        }
    }
}

async fn page(sigv4: &SigV4Client, stream: &LogStreamCursor) -> Result<Value, AwsCallError> {
    let mut body = json!({ "logGroupName": stream.group, "logStreamName": stream.name, "startFromHead": true });
    if let Some(token) = &stream.token {
        body["nextToken"] = token.as_str().into();
    }
    sigv4.json(AwsService::Logs, "Logs_20140328.GetLogEvents", &body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unchanged_token_ends_the_log() {
        let mut cursor = LogStreamCursor { group: String::new(), name: String::new(), token: None };
        // The pages behind the first two tokens may be empty: the lines come after them.
        let is_end = [Some("f/1"), Some("f/2"), Some("f/3"), Some("f/3"), None].map(|next| cursor.advance(next));
        assert_eq!(is_end, [false, false, false, true, true]);
        assert_eq!(cursor.token.as_deref(), Some("f/3"));
        assert!(!cursor.advance(Some("f/4")), "a log that grew goes on");
    }
}
