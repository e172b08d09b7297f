//! `doorbell jobs`: lists, shows, watches, cancels and reruns jobs.

mod cancel;
mod find;
mod list;
mod show;
mod view;
mod watch;

use clap::{Args, Subcommand};
use doorbell_messages::{ProjectName, Status};

pub(crate) use cancel::{RequestTopic, cancel, rerun};
pub(crate) use find::{find, find_or_wait};
pub(crate) use list::list;
pub(crate) use show::show;
pub(crate) use watch::{outcome, print_final_status, watch};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the latest jobs, newest first
    #[command(after_help = "It reads keys from the index by_project, and only the rows that it shows; with --status, \
                            rows until enough match. Without --project it reads the index once for each project.\n\n\
                            Examples:\n  doorbell jobs list\n  doorbell jobs list --project demo --status failure\n  \
                            doorbell jobs list --output json | jq -r '.jobs[].job'")]
    List(JobsListArguments),
    /// Show one job: the request, its trail, and what it waits for
    #[command(after_help = "Examples:\n  doorbell jobs show 'demo#ci-4711#44483f6b239f8fbaede9b993'\n  doorbell jobs \
                            show ci-4711 --output json")]
    Show(JobArguments),
    /// Follow one job and exit with its result; without a job, show a live table in a terminal
    #[command(after_help = "Exit codes with a JOB: 0 success, 1 failure, 6 rejected, 7 canceled, 8 error or \
                            timeout.\n\nExamples:\n  doorbell jobs watch ci-4711\n  doorbell jobs watch --project \
                            demo\n  doorbell jobs watch ci-4711 --output json")]
    Watch(WatchArguments),
    /// Cancel a job
    #[command(after_help = "The cancel is recorded in the job's row; a worker finds it within seconds. --by-request \
                            publishes a cancel instead, as a CI would, and needs the project's allowCancel; it cancels \
                            each job of the series. A key without ~ means the series' youngest job; KEY~0 and KEY~g \
                            mean one job.\n\nExamples:\n  \
                            doorbell jobs cancel ci-4711\n  doorbell jobs cancel ci-4711 --by-request")]
    Cancel(CancelArguments),
    /// Publish a job's request again, as a new job
    #[command(
        after_help = "Without a commit in the request, the ref's current head is built.\n\nExamples:\n  doorbell \
                            jobs rerun ci-4711\n  doorbell jobs rerun ci-4711 --allow-older\n  doorbell logs -f \"$(doorbell jobs rerun \
                            ci-4711)\""
    )]
    Rerun(RerunArguments),
}

#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    /// The job: its key, a prefix of its key, or its id
    #[arg(value_name = "JOB", conflicts_with_all = ["project", "status"])]
    pub(crate) job: Option<String>,
    #[command(flatten)]
    pub(crate) list: JobsListArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Publish a cancel request instead of writing the job's row
    #[arg(long)]
    pub(crate) by_request: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RerunArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Build the commit even if a newer one of the ref was built; the project must permit it (allowOlder)
    #[arg(long)]
    pub(crate) allow_older: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobsListArguments {
    /// Only jobs of this project
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<ProjectName>,
    /// Only jobs with this status: queued, running, success, failure, error, canceled, rejected
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    pub(crate) status: Option<Status>,
    /// Maximum number of jobs
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// The job: its key (project#id#digest), a prefix of its key, or its id if it is unique; KEY~0 is a series' first job
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
}

fn parse_status(text: &str) -> Result<Status, String> {
    use Status::{Canceled, Error, Failure, Queued, Rejected, Running, Success};
    let all = [Queued, Running, Success, Failure, Error, Canceled, Rejected];
    let names = || all.map(Status::as_str).join(", ");
    all.into_iter().find(|status| status.as_str() == text).ok_or_else(|| format!("expected one of {}", names()))
}
