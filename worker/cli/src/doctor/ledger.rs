use std::time::Duration;

use aws_sdk_dynamodb::types::{ProjectionType, TableDescription, TimeToLiveStatus};
use doorbell_engine::ports::{Ledger, SHARDS};
use doorbell_worker::{LEDGER_INDEX, Table, call_failed};

use super::Patient;
use super::check::{Check, judged};
use crate::installation::Setting;
use crate::screen::{ago, counted};

/// A worker writes its heartbeat every minute.
const SILENT_AFTER: Duration = Duration::from_secs(3 * 60);

/// A sweep looks every few seconds; a row that is due for longer is looked at by nobody.
const OVERDUE_AFTER: Duration = Duration::from_secs(2 * 60);

/// The table, its index, and whether somebody sweeps it.
pub(super) async fn check(patient: &Patient<'_>) -> Vec<Check> {
    let (Ok([name]), Ok(ledger)) =
        (patient.installation.read([Setting::Table]), patient.account.ledger(patient.installation))
    else {
        return Vec::new();
    };
    let client = aws_sdk_dynamodb::Client::new(patient.account.sdk());
    let table = match client.describe_table().table_name(&name).send().await {
        Ok(answer) => shape(&name, answer.table()),
        Err(error) => {
            let failed = call_failed(&format!("DescribeTable {name}"), error);
            return vec![Check::unanswered("table", &failed, "is DOORBELL_TABLE right? `aws dynamodb list-tables`")];
        }
    };
    let (ttl, worker, overdue) =
        futures_util::join!(time_to_live(&client, &name), worker(&ledger, patient), overdue(&ledger, patient));
    vec![table, ttl, worker, overdue]
}

fn shape(name: &str, table: Option<&TableDescription>) -> Check {
    let mut problems = Vec::new();
    let keys: Vec<&str> =
        table.map(|table| table.key_schema()).unwrap_or_default().iter().map(|key| key.attribute_name()).collect();
    if keys != ["pk"] {
        problems.push(format!("its key is {keys:?} and must be \"pk\""));
    }
    let indexes = table.map(TableDescription::global_secondary_indexes).unwrap_or_default();
    match indexes.iter().find(|index| index.index_name() == Some(LEDGER_INDEX)) {
        None => problems.push(format!("it has no index \"{LEDGER_INDEX}\": workers do not start")),
        Some(index) => {
            let keys: Vec<&str> = index.key_schema().iter().map(|key| key.attribute_name()).collect();
            if keys != ["due_shard", "due_at"] {
                problems.push(format!(
                    "its index \"{LEDGER_INDEX}\" is over {keys:?}, and must be over due_shard and due_at"
                ));
            }
            if index.projection().and_then(|projection| projection.projection_type()) != Some(&ProjectionType::KeysOnly)
            {
                problems.push(format!("its index \"{LEDGER_INDEX}\" holds more than keys: every write costs more"));
            }
        }
    }
    judged("table", &problems, format!("{name} and its index are there"), "make it as worker/README.md says")
}

async fn time_to_live(client: &aws_sdk_dynamodb::Client, name: &str) -> Check {
    const NAME: &str = "table-ttl";
    let mend = format!(
        "aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification \
         AttributeName=expires_at,Enabled=true"
    );
    let answer = match client.describe_time_to_live().table_name(name).send().await {
        Ok(answer) => answer.time_to_live_description,
        Err(error) => return Check::unanswered(NAME, &call_failed("DescribeTimeToLive", error), mend),
    };
    let is_on = answer.is_some_and(|ttl| {
        ttl.attribute_name() == Some("expires_at")
            && matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    if is_on {
        Check::ok(NAME, "settled rows are forgotten after 30 days")
    } else {
        Check::warning(NAME, "time to live is not on for expires_at: rows stay for ever, and are paid for", mend)
    }
}

async fn worker(ledger: &Table, patient: &Patient<'_>) -> Check {
    const NAME: &str = "worker";
    const MEND: &str = "start a worker: `aws ecs update-service --desired-count 1 ...`, and read its log";
    match ledger.last_sweep().await {
        Ok(Some(sweep)) if patient.now.since(sweep.at) <= SILENT_AFTER => {
            Check::ok(NAME, format!("one swept the ledger {} ago", ago(sweep.at, patient.now)))
        }
        Ok(Some(sweep)) => {
            let text = format!("the last one swept the ledger {} ago: requests wait", ago(sweep.at, patient.now));
            Check::failure(NAME, text, MEND)
        }
        Ok(None) => Check::failure(NAME, "none has ever swept this ledger: requests wait", MEND),
        Err(failed) => Check::unanswered(NAME, &failed, MEND),
    }
}

async fn overdue(ledger: &Table, patient: &Patient<'_>) -> Check {
    const NAME: &str = "overdue";
    let before = patient.now - OVERDUE_AFTER;
    let pages = futures_util::future::join_all((0..SHARDS).map(|shard| ledger.due(shard, before, None))).await;
    let mut jobs = Vec::new();
    for page in pages {
        match page {
            Ok(page) => jobs.extend(page.keys),
            // The index's own check says what is wrong with it.
            Err(error) => return Check::warning(NAME, format!("it could not be looked at: {error}"), "see `table`"),
        }
    }
    match jobs.first() {
        None => Check::ok(NAME, "no job waits for a look"),
        Some(job) => Check::failure(
            NAME,
            format!("{} that should have been looked at minutes ago", counted(jobs.len(), "job")),
            format!("doorbell jobs show '{job}'"),
        ),
    }
}
