use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{
    Cursor, DuePage, InsertOutcome, JobLedger, LoadError, PortError, UpdateOutcome, shard_of,
};
use doorbell_messages::{JobKey, ProjectName};
use futures_util::future::join_all;

use crate::aws::clock::AwsClock;
use crate::aws::connection::{AwsCallError, aws_error, port_error};

/// The jobs in DynamoDB: one item a job, keyed by `pk`.
///
/// `job` holds the row as JSON; `rev`, `writer`, `schema`, `pagure_status`, `project` stand beside it for conditions and for
/// people; `due_shard` and `due_at` exist while the row is not settled and make the sparse index `due`; `expires_at`
/// comes when it is. An update names the attributes that it changes, so that what a newer worker adds stays.
#[derive(Debug, Clone)]
pub struct DynamoDbLedger {
    client: Client,
    name: String,
}

/// The shape of an item. A worker leaves items of a newer one alone.
const SCHEMA: u32 = 1;

/// The name of the index over due times.
pub const DUE_INDEX: &str = "due";

/// The key of the item that is no job's: a job's has two `#` and begins with its project.
const HEARTBEAT_KEY: &str = "#sweep";

/// Keys of one page of the index.
const DUE_PAGE_SIZE: i32 = 100;

/// Rows of one page of the table.
#[derive(Debug, Clone, Default)]
pub struct LedgerPage {
    /// Those that can be read.
    pub rows: Vec<Row>,
    /// How many others there are: newer than this program, or damaged.
    pub unreadable: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// That a worker has swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSweep {
    /// When it said so: at most a minute after a sweep.
    pub at: Timestamp,
    /// Who it is, as STS says; none where an older version wrote it.
    pub principal: Option<String>,
}

type DynamoDbItem = HashMap<String, AttributeValue>;

impl DynamoDbLedger {
    /// The table of that name; `clock` hears its answers' dates.
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, name: String) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), name }
    }

    /// Whether the table and its index are there; and the table's ARN, which names this installation.
    pub async fn arn(&self) -> Result<String, PortError> {
        let answer = self.client.describe_table().table_name(&self.name).send().await;
        let table = answer.map_err(|error| port_error(&format!("DescribeTable {}", self.name), error))?.table;
        let table = table.ok_or_else(|| PortError(format!("DescribeTable {}: no answer", self.name)))?;
        if !table.global_secondary_indexes().iter().any(|index| index.index_name() == Some(DUE_INDEX)) {
            return Err(PortError(format!("the table {} has no index \"{DUE_INDEX}\"", self.name)));
        }
        table.table_arn.ok_or_else(|| PortError(format!("the table {} has no ARN", self.name)))
    }

    /// One row, read consistently; none where there is no such job, or only one that this version can't read.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn row(&self, key: &JobKey) -> Result<Option<Row>, AwsCallError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(key.as_str())).consistent_read(true);
        let answer = call.send().await.map_err(|error| aws_error("GetItem", error))?;
        Ok(answer.item.and_then(|item| row_from_item(&item).ok()))
    }

    /// Writes down that a worker has swept. One item for all workers: the latest counts, and whether anybody sweeps is
    /// all that it tells.
    pub async fn write_heartbeat(&self, now: Timestamp, instance: &str, principal: &str) -> Result<(), PortError> {
        let call = self.client.put_item().table_name(&self.name).item("pk", string_value(HEARTBEAT_KEY));
        let call = call
            .item("seen_at", time_value(now))
            .item("instance", string_value(instance))
            .item("principal", string_value(principal));
        call.send().await.map_err(|error| port_error("PutItem (heartbeat)", error))?;
        Ok(())
    }

    /// The last sweep by a worker; none if there never was one.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn last_sweep(&self) -> Result<Option<LastSweep>, AwsCallError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(HEARTBEAT_KEY)).consistent_read(true);
        let answer = call.send().await.map_err(|error| aws_error("GetItem", error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let seen_at = item.get("seen_at").and_then(|value| value.as_n().ok()?.parse().ok());
        let principal = item.get("principal").and_then(|value| value.as_s().ok()).cloned();
        Ok(seen_at.map(|at| LastSweep { at: Timestamp::from_millis(at), principal }))
    }

    /// A page of all rows, in no order; of one project, where it is named. For people: it reads the whole table.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn page(&self, project: Option<&ProjectName>, after: Option<String>) -> Result<LedgerPage, AwsCallError> {
        let mut call = self.client.scan().table_name(&self.name);
        if let Some(project) = project {
            let value = string_value(project.as_str());
            // The plain word is reserved.
            call = call.filter_expression("#project = :project").expression_attribute_names("#project", "project");
            call = call.expression_attribute_values(":project", value);
        }
        let from = after.map(|key| HashMap::from([("pk".to_owned(), string_value(&key))]));
        let answer = call.set_exclusive_start_key(from).send().await.map_err(|error| aws_error("Scan", error))?;
        let jobs = answer.items().iter().filter(|item| item.contains_key("job"));
        let read: Vec<_> = jobs.map(row_from_item).collect();
        let unreadable = read.iter().filter(|row| row.is_err()).count();
        let rows = read.into_iter().filter_map(Result::ok).collect();
        let last = answer.last_evaluated_key.as_ref().and_then(|last| last.get("pk")?.as_s().ok());
        let next = last.cloned();
        Ok(LedgerPage { rows, unreadable, next })
    }

    async fn insert_one(&self, row: &Row) -> Result<InsertOutcome, PortError> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(item_from_row(row)?));
        match call.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(InsertOutcome::Inserted),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(InsertOutcome::AlreadyExists),
            Err(error) => Err(port_error("PutItem", error)),
        }
    }

    async fn update_one(&self, row: &Row) -> Result<UpdateOutcome, PortError> {
        let mut attributes = item_from_row(row)?;
        let key = attributes.remove("pk").into_iter().map(|pk| ("pk".to_owned(), pk)).collect();
        let absent: Vec<&str> =
            OPTIONAL_ATTRIBUTES.into_iter().filter(|name| !attributes.contains_key(*name)).collect();
        let set: Vec<String> = attributes.keys().map(|name| format!("#{name} = :{name}")).collect();
        let remove = if absent.is_empty() { String::new() } else { format!(" REMOVE {}", absent.join(", ")) };
        let names = attributes.keys().map(|name| (format!("#{name}"), name.clone())).collect();
        let mut values: DynamoDbItem =
            attributes.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
        values.insert(":before".to_owned(), number_value(row.rev.saturating_sub(1)));
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression(format!("SET {}{remove}", set.join(", ")))
            .condition_expression("#rev = :before")
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        match call.send().await {
            Ok(_) => Ok(UpdateOutcome::Written),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(UpdateOutcome::Conflict),
            Err(error) => Err(port_error("UpdateItem", error)),
        }
    }

    async fn load_one(&self, key: &JobKey) -> Result<Option<Row>, LoadError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(key.as_str())).consistent_read(true);
        let answer = call.send().await.map_err(|error| port_error("GetItem", error))?;
        answer.item.map(|item| row_from_item(&item)).transpose()
    }
}

impl JobLedger for DynamoDbLedger {
    async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        join_all(rows.iter().map(|row| self.insert_one(row))).await
    }

    async fn load(&self, keys: &[JobKey]) -> Vec<Result<Option<Row>, LoadError>> {
        join_all(keys.iter().map(|key| self.load_one(key))).await
    }

    async fn update(&self, rows: &[Row]) -> Vec<Result<UpdateOutcome, PortError>> {
        join_all(rows.iter().map(|row| self.update_one(row))).await
    }

    async fn due(&self, shard: u8, now: Timestamp, after: Option<Cursor>) -> Result<DuePage, PortError> {
        let from = after.map(|cursor| {
            HashMap::from([
                ("pk".to_owned(), string_value(cursor.key.as_str())),
                ("due_shard".to_owned(), number_value(u64::from(shard))),
                ("due_at".to_owned(), time_value(cursor.due_at)),
            ])
        });
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(DUE_INDEX)
            .key_condition_expression("due_shard = :shard AND due_at <= :now")
            .expression_attribute_values(":shard", number_value(u64::from(shard)))
            .expression_attribute_values(":now", time_value(now))
            .limit(DUE_PAGE_SIZE)
            .set_exclusive_start_key(from);
        let answer = call.send().await.map_err(|error| port_error("Query", error))?;
        let keys = answer.items().iter().filter_map(key_of).collect();
        let next = answer
            .last_evaluated_key
            .as_ref()
            .and_then(|last| Some(Cursor { key: key_of(last)?, due_at: due_at_of(last)? }));
        Ok(DuePage { keys, next })
    }
}

/// Attributes that an item has only at times.
const OPTIONAL_ATTRIBUTES: [&str; 3] = ["due_shard", "due_at", "expires_at"];

fn item_from_row(row: &Row) -> Result<DynamoDbItem, PortError> {
    let job = serde_json::to_string(row).map_err(|error| PortError(format!("the row can't be written: {error}")))?;
    let due = row
        .due_at()
        .map(|due_at| [("due_shard", number_value(u64::from(shard_of(&row.key)))), ("due_at", time_value(due_at))]);
    // DynamoDB's TTL counts seconds.
    let expires = row.expires_at().map(|at| ("expires_at", number_value(at.as_millis().unsigned_abs() / 1000)));
    let always = [
        ("pk", string_value(row.key.as_str())),
        ("rev", number_value(row.rev)),
        ("writer", string_value(&row.writer)),
        ("schema", number_value(u64::from(SCHEMA))),
        ("status", string_value(row.status().as_str())),
        ("project", string_value(row.request.project.as_str())),
        ("job", string_value(&job)),
    ];
    let all = always.into_iter().chain(due.into_iter().flatten()).chain(expires);
    Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn row_from_item(item: &DynamoDbItem) -> Result<Row, LoadError> {
    let schema = item.get("schema").and_then(|value| value.as_n().ok()).and_then(|text| text.parse::<u32>().ok());
    match schema {
        Some(schema) if schema > SCHEMA => return Err(LoadError::NewerSchema(schema)),
        Some(_) => {}
        None => return Err(LoadError::Corrupt("it has no schema".to_owned())),
    }
    let job = item.get("job").and_then(|value| value.as_s().ok());
    let job = job.ok_or_else(|| LoadError::Corrupt("it has no job".to_owned()))?;
    serde_json::from_str(job).map_err(|error| LoadError::Corrupt(error.to_string()))
}

fn key_of(item: &DynamoDbItem) -> Option<JobKey> {
    item.get("pk")?.as_s().ok()?.parse().ok()
}

fn due_at_of(item: &DynamoDbItem) -> Option<Timestamp> {
    item.get("due_at")?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

fn string_value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number_value(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn time_value(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millis().to_string())
}
