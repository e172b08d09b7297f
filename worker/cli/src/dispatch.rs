use doorbell_adapters::forge::PagureReporter;
use doorbell_engine::domain::Timestamp;

use crate::account::{AwsArguments, OwnerAccount};
use crate::arguments::{DoorbellArguments, DoorbellCommand};
use crate::dead_letters::{self, DlqCommand};
use crate::doctor;
use crate::error::{CliError, CommandOutcome};
use crate::explain;
use crate::installation::Installation;
use crate::installation::Setting;
use crate::jobs::{self, JobsCommand, RequestTopic};
use crate::logs;
use crate::printer::Printer;
use crate::project::{self, ProjectCommand};

/// Runs one command.
///
/// # Errors
/// The command failed; completed steps stay completed.
pub(crate) async fn run(arguments: DoorbellArguments, printer: Printer) -> Result<CommandOutcome, CliError> {
    let now = local_now();
    let installation = &arguments.installation;
    let aws = &arguments.aws;
    match &arguments.command {
        DoorbellCommand::Doctor(arguments) => {
            doctor::doctor(arguments, &OwnerAccount::open(aws).await?, installation, now, printer).await
        }
        DoorbellCommand::Jobs(command) => {
            let account = OwnerAccount::open(aws).await?;
            let ledger = account.ledger(installation)?;
            match command {
                JobsCommand::List(list) => jobs::list(&ledger, list, now, printer).await,
                JobsCommand::Show(show) => jobs::show(&ledger, &show.job, now, printer).await,
                JobsCommand::Watch(watch) => jobs::watch(&ledger, watch, local_now, printer).await,
                JobsCommand::Cancel(cancel) => {
                    let topic = if cancel.by_request { Some(topic(&account, installation)?) } else { None };
                    jobs::cancel(&ledger, topic.as_ref(), cancel, now, printer).await
                }
                JobsCommand::Rerun(rerun) => {
                    jobs::rerun(&ledger, &topic(&account, installation)?, rerun, now, printer).await
                }
            }
        }
        DoorbellCommand::Project(command) => run_project_command(command, aws, installation, printer).await,
        DoorbellCommand::Explain(explain) => {
            let fallback = installation.default_build_project()?;
            let reporter = PagureReporter::new(installation.forge_network()?).map_err(|error| {
                CliError::operation_failed(format!("cannot create an HTTPS client: {error}"), "check SSL_CERT_FILE")
            })?;
            let registry = OwnerAccount::open(aws).await?.registry(installation)?;
            explain::explain(explain, &registry, &reporter, fallback.as_ref(), now, printer).await
        }
        DoorbellCommand::Logs(arguments) => {
            let account = OwnerAccount::open(aws).await?;
            logs::logs(arguments, &account, &account.ledger(installation)?, printer).await
        }
        DoorbellCommand::Dlq(command) => {
            let account = OwnerAccount::open(aws).await?;
            let queues = dead_letters::discover(&account, installation).await?;
            let sqs = account.sqs();
            match command {
                DlqCommand::List(list) => dead_letters::list(&sqs, &queues, list, now, printer).await,
                DlqCommand::Show(show) => dead_letters::show(&sqs, &queues, &show.id, printer).await,
                DlqCommand::Redrive(action) => dead_letters::redrive(&sqs, &queues, action, now, printer).await,
                DlqCommand::Delete(action) => dead_letters::delete(&sqs, &queues, action, now, printer).await,
            }
        }
    }
}

async fn run_project_command(
    command: &ProjectCommand,
    aws: &AwsArguments,
    installation: &Installation,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let fallback = installation.default_build_project()?;
    let fallback = fallback.as_ref();
    if let ProjectCommand::Lint(lint) = command
        && !lint.files.is_empty()
    {
        return project::lint_command(lint, None, fallback, printer).await;
    }
    let registry = OwnerAccount::open(aws).await?.registry(installation)?;
    match command {
        ProjectCommand::List => project::list(&registry, fallback, printer).await,
        ProjectCommand::Show(show) => project::show(&registry, &show.name, printer).await,
        ProjectCommand::Lint(lint) => project::lint_command(lint, Some(&registry), fallback, printer).await,
        ProjectCommand::Put(put) => project::put(&registry, put, fallback, printer).await,
        ProjectCommand::Remove(remove) => project::remove(&registry, remove, printer).await,
    }
}

fn local_now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn topic(account: &OwnerAccount, installation: &Installation) -> Result<RequestTopic, CliError> {
    let [arn] = installation.read([Setting::TopicArn])?;
    Ok(RequestTopic { sns: account.sns(), arn })
}
