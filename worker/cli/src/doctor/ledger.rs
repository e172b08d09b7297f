use std::time::Duration;

use aws_sdk_dynamodb::types::{ProjectionType, TableDescription, TimeToLiveStatus};
use doorbell_adapters::aws::{DynamoDbLedger, LEDGER_INDEX, PROJECT_INDEX, aws_error};
use doorbell_engine::ports::{JobLedger, SHARDS};

use super::DoctorContext;
use super::check::{Check, check_from_problems};
use crate::installation::Setting;
use crate::printer::{format_age, pluralize};

/// Maximum age of the heartbeat, which a worker writes every minute.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3 * 60);

/// A row that is due for longer is not swept; a sweep runs every few seconds.
const OVERDUE_THRESHOLD: Duration = Duration::from_secs(2 * 60);

/// Checks the table, its indexes, the heartbeat and overdue jobs.
pub(super) async fn check(context: &DoctorContext<'_>) -> Vec<Check> {
    let (Ok([name]), Ok(ledger)) =
        (context.installation.read([Setting::Table]), context.account.ledger(context.installation))
    else {
        return Vec::new();
    };
    let client = aws_sdk_dynamodb::Client::new(context.account.sdk());
    let table = match client.describe_table().table_name(&name).send().await {
        Ok(answer) => check_schema(&name, answer.table()),
        Err(error) => {
            let failed = aws_error(&format!("DescribeTable {name}"), error);
            return vec![Check::query_failed("table", &failed, "check DOORBELL_TABLE: `aws dynamodb list-tables`")];
        }
    };
    let (ttl, worker, overdue) = futures_util::join!(
        check_ttl(&client, &name),
        check_heartbeat(&ledger, context),
        check_overdue(&ledger, context)
    );
    vec![table, ttl, worker, overdue]
}

fn check_schema(name: &str, table: Option<&TableDescription>) -> Check {
    let mut problems = Vec::new();
    let keys: Vec<&str> =
        table.map(|table| table.key_schema()).unwrap_or_default().iter().map(|key| key.attribute_name()).collect();
    if keys != ["pk"] {
        problems.push(format!("its key is {keys:?} and must be \"pk\""));
    }
    check_index(table, LEDGER_INDEX, ["due_shard", "due_at"], "workers do not start", &mut problems);
    check_index(table, PROJECT_INDEX, ["listed", "received_at"], "`doorbell jobs list` fails", &mut problems);
    check_from_problems(
        "table",
        &problems,
        format!("{name} and its indexes exist"),
        "create it as worker/README.md says",
    )
}

fn check_index(
    table: Option<&TableDescription>,
    name: &str,
    expected: [&str; 2],
    effect: &str,
    problems: &mut Vec<String>,
) {
    let indexes = table.map(TableDescription::global_secondary_indexes).unwrap_or_default();
    let Some(index) = indexes.iter().find(|index| index.index_name() == Some(name)) else {
        problems.push(format!("it has no index \"{name}\": {effect}"));
        return;
    };
    let keys: Vec<&str> = index.key_schema().iter().map(|key| key.attribute_name()).collect();
    if keys != expected {
        let [hash, range] = expected;
        problems.push(format!("its index \"{name}\" is over {keys:?}, and must be over {hash} and {range}"));
    }
    if index.projection().and_then(|projection| projection.projection_type()) != Some(&ProjectionType::KeysOnly) {
        problems.push(format!("its index \"{name}\" projects more than keys; every write costs more"));
    }
}

async fn check_ttl(client: &aws_sdk_dynamodb::Client, name: &str) -> Check {
    const NAME: &str = "table-ttl";
    let fix = format!(
        "aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification \
         AttributeName=expires_at,Enabled=true"
    );
    let answer = match client.describe_time_to_live().table_name(name).send().await {
        Ok(answer) => answer.time_to_live_description,
        Err(error) => return Check::query_failed(NAME, &aws_error("DescribeTimeToLive", error), fix),
    };
    let is_on = answer.is_some_and(|ttl| {
        ttl.attribute_name() == Some("expires_at")
            && matches!(ttl.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    if is_on {
        Check::ok(NAME, "settled rows expire after 30 days")
    } else {
        Check::warning(NAME, "time to live is off for expires_at; settled rows never expire", fix)
    }
}

async fn check_heartbeat(ledger: &DynamoDbLedger, context: &DoctorContext<'_>) -> Check {
    const NAME: &str = "worker";
    const FIX: &str = "start a worker: `aws ecs update-service --desired-count 1 ...`, and read its log";
    match ledger.last_sweep().await {
        Ok(Some(sweep)) if context.now.duration_since(sweep.at) <= HEARTBEAT_TIMEOUT => {
            Check::ok(NAME, format!("a worker swept the ledger {} ago", format_age(sweep.at, context.now)))
        }
        Ok(Some(sweep)) => {
            let text =
                format!("the last sweep of the ledger was {} ago; requests wait", format_age(sweep.at, context.now));
            Check::failure(NAME, text, FIX)
        }
        Ok(None) => Check::failure(NAME, "no worker has swept this ledger; requests wait", FIX),
        Err(failed) => Check::query_failed(NAME, &failed, FIX),
    }
}

async fn check_overdue(ledger: &DynamoDbLedger, context: &DoctorContext<'_>) -> Check {
    const NAME: &str = "overdue";
    let due_before = context.now - OVERDUE_THRESHOLD;
    let pages = futures_util::future::join_all((0..SHARDS).map(|shard| ledger.due(shard, due_before, None))).await;
    let mut jobs = Vec::new();
    for page in pages {
        match page {
            Ok(page) => jobs.extend(page.keys),
            // The check of the index shows its faults.
            Err(error) => return Check::warning(NAME, format!("query failed: {error}"), "see `table`"),
        }
    }
    match jobs.first() {
        None => Check::ok(NAME, "no job is overdue"),
        Some(job) => Check::failure(
            NAME,
            format!("{} overdue by more than 2 min", pluralize(jobs.len(), "job")),
            format!("doorbell jobs show '{job}'"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_index_is_named_with_its_effect() {
        let mut problems = Vec::new();
        let table = TableDescription::builder().build();
        check_index(Some(&table), PROJECT_INDEX, ["listed", "received_at"], "no list", &mut problems);
        assert_eq!(problems, ["it has no index \"by_project\": no list"]);
    }
}
