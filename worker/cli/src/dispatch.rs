use doorbell_engine::domain::Timestamp;
use doorbell_worker::Forges;

use crate::account::{Account, Login};
use crate::arguments::{Arguments, Command};
use crate::dead_letters::{self, DlqCommand};
use crate::doctor;
use crate::explain;
use crate::failure::{Failure, Outcome};
use crate::installation::Installation;
use crate::installation::Setting;
use crate::jobs::{self, JobsCommand, Topic};
use crate::logs;
use crate::project::{self, ProjectCommand};
use crate::registry::Registry;
use crate::screen::Screen;

/// Carries out one command.
///
/// # Errors
/// It could not be done; what was not done by then is as it was.
pub(crate) async fn run(arguments: Arguments, screen: Screen) -> Result<Outcome, Failure> {
    let now = now_here();
    let installation = &arguments.installation;
    let login = &arguments.login;
    match &arguments.command {
        Command::Doctor(arguments) => {
            doctor::doctor(arguments, &Account::open(login).await?, installation, now, screen).await
        }
        Command::Jobs(command) => {
            let account = Account::open(login).await?;
            let ledger = account.ledger(installation)?;
            match command {
                JobsCommand::List(list) => jobs::list(&ledger, list, now, screen).await,
                JobsCommand::Show(show) => jobs::show(&ledger, &show.job, now, screen).await,
                JobsCommand::Watch(watch) => jobs::watch(&ledger, watch, now_here, screen).await,
                JobsCommand::Cancel(cancel) => {
                    let topic = if cancel.by_request { Some(topic(&account, installation)?) } else { None };
                    jobs::cancel(&ledger, topic.as_ref(), cancel, now, screen).await
                }
                JobsCommand::Rerun(rerun) => {
                    jobs::rerun(&ledger, &topic(&account, installation)?, &rerun.job, now, screen).await
                }
            }
        }
        Command::Project(command) => projects(command, login, installation, screen).await,
        Command::Explain(explain) => {
            let fallback = installation.default_build_project()?;
            let forges = Forges::new(installation.allow_private_forges()?).map_err(|error| {
                Failure::not_done(format!("no HTTPS client can be made: {error}"), "is SSL_CERT_FILE right?")
            })?;
            let registry = Registry::new(&Account::open(login).await?, installation.prefix()?);
            explain::explain(explain, &registry, &forges, fallback.as_ref(), now, screen).await
        }
        Command::Logs(arguments) => {
            let account = Account::open(login).await?;
            logs::logs(arguments, &account, &account.ledger(installation)?, screen).await
        }
        Command::Dlq(command) => {
            let account = Account::open(login).await?;
            let queues = dead_letters::discover(&account, installation).await?;
            let sqs = account.sqs();
            match command {
                DlqCommand::List(list) => dead_letters::list(&sqs, &queues, list, now, screen).await,
                DlqCommand::Show(show) => dead_letters::show(&sqs, &queues, &show.id, screen).await,
                DlqCommand::Redrive(act) => dead_letters::redrive(&sqs, &queues, act, now, screen).await,
                DlqCommand::Drop(act) => dead_letters::drop_letters(&sqs, &queues, act, now, screen).await,
            }
        }
    }
}

async fn projects(
    command: &ProjectCommand,
    login: &Login,
    installation: &Installation,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let fallback = installation.default_build_project()?;
    let fallback = fallback.as_ref();
    if let ProjectCommand::Lint(lint) = command
        && !lint.files.is_empty()
    {
        return project::lint_command(lint, None, fallback, screen).await;
    }
    let registry = Registry::new(&Account::open(login).await?, installation.prefix()?);
    match command {
        ProjectCommand::List => project::list(&registry, fallback, screen).await,
        ProjectCommand::Show(show) => project::show(&registry, &show.name, screen).await,
        ProjectCommand::Lint(lint) => project::lint_command(lint, Some(&registry), fallback, screen).await,
        ProjectCommand::Put(put) => project::put(&registry, put, fallback, screen).await,
        ProjectCommand::Remove(remove) => project::remove(&registry, remove, screen).await,
    }
}

fn now_here() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn topic(account: &Account, installation: &Installation) -> Result<Topic, Failure> {
    let [arn] = installation.read([Setting::TopicArn])?;
    Ok(Topic { sns: account.sns(), arn })
}
