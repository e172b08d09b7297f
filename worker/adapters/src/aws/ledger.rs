mod bounded_set;
mod heartbeat;
mod hour;
mod item;
mod order;
mod project_index;
mod project_item;
mod project_names;
mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::{Cursor, DuePage, InsertOutcome, JobLedger, LoadError, PortError, UpdateOutcome};
use doorbell_messages::JobKey;
use futures_util::future::{join, join_all};

use crate::aws::clock::AwsClock;
use crate::aws::connection::{AwsCallError, aws_error, port_error};

use item::{
    DynamoDbItem, OPTIONAL_ATTRIBUTES, SCHEMA, due_at_of, item_from_row, key_of, number_value, row_from_item,
    string_value, time_value,
};
use project_item::ProjectItems;

pub use heartbeat::{HeartbeatWorker, LastSweep};
pub use project_index::{LatestJobKeys, LedgerRows};

/// The ledger in DynamoDB: one item for each job, with the key `pk`.
///
/// `row` holds the row as JSON. `rev`, `writer`, `schema`, `status` and `project` stand beside it for conditions and for
/// people. `due_shard` and `due_at` exist while the row is due, and make the sparse index `due`. `listed` and
/// `received_at` make the index `by_project`; they are written with the insert and never change. `expires_at` exists
/// once the row is settled. An update names the attributes that it changes, so that what a newer worker adds stays.
///
/// The key of an item that is no job begins with `#`: `#heartbeat`, `#registry` with the registered names,
/// `#project#<name>`, which makes the projects enumerable, and `#order#<project>#<ref>`, the lock of a ref. Each has
/// `schema`, `rev` and `expires_at`.
#[derive(Debug, Clone)]
pub struct DynamoDbLedger {
    client: Client,
    name: String,
    project_items: Arc<Mutex<ProjectItems>>,
}

/// The attributes that are written with an insert and never changed.
const CONSTANT_ATTRIBUTES: [&str; 2] = ["listed", "received_at"];

/// The name of the index over due times.
pub const DUE_INDEX: &str = "due";

/// The name of the index over projects.
pub const PROJECT_INDEX: &str = "by_project";

/// The number of keys on one page of the index.
const DUE_PAGE_SIZE: i32 = 100;

impl DynamoDbLedger {
    /// The table of that name. `clock` learns the time from its responses.
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, name: String) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), name, project_items: Arc::default() }
    }

    /// The table's ARN, which identifies this installation. Fails without the table or its index `due`.
    pub async fn arn(&self) -> Result<String, PortError> {
        let answer = self.client.describe_table().table_name(&self.name).send().await;
        let table = answer.map_err(|error| port_error(&format!("DescribeTable {}", self.name), error))?.table;
        let table = table.ok_or_else(|| PortError(format!("DescribeTable {}: no answer", self.name)))?;
        if !table.global_secondary_indexes().iter().any(|index| index.index_name() == Some(DUE_INDEX)) {
            return Err(PortError(format!("the table {} has no index \"{DUE_INDEX}\"", self.name)));
        }
        table.table_arn.ok_or_else(|| PortError(format!("the table {} has no ARN", self.name)))
    }

    /// One row, read consistently; none where there is no such job, or only one that this version cannot read.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn row(&self, key: &JobKey) -> Result<Option<Row>, AwsCallError> {
        Ok(self.item(key).await?.and_then(|item| row_from_item(&item).ok()))
    }

    async fn item(&self, key: &JobKey) -> Result<Option<DynamoDbItem>, AwsCallError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(key.as_str())).consistent_read(true);
        Ok(call.send().await.map_err(|error| aws_error("GetItem", error))?.item)
    }

    /// Sets the attributes of an item that is no job, and raises its `rev`. The attribute `once` keeps its first value.
    async fn write_item<const N: usize>(
        &self,
        key: &str,
        set: [(&str, AttributeValue); N],
        once: &str,
    ) -> Result<(), SdkError<UpdateItemError, HttpResponse>> {
        let set: Vec<_> = set.into_iter().chain([("schema", number_value(u64::from(SCHEMA)))]).collect();
        let assign = |name: &str| match name == once {
            true => format!("#{name} = if_not_exists(#{name}, :{name})"),
            false => format!("#{name} = :{name}"),
        };
        let assignments: Vec<String> = set.iter().map(|(name, _)| assign(name)).collect();
        let mut call = self.client.update_item().table_name(&self.name).key("pk", string_value(key));
        for (name, value) in set {
            call = call.expression_attribute_names(format!("#{name}"), name);
            call = call.expression_attribute_values(format!(":{name}"), value);
        }
        call.update_expression(format!("SET {} ADD #rev :one", assignments.join(", ")))
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_values(":one", number_value(1))
            .send()
            .await?;
        Ok(())
    }

    async fn insert_one(&self, row: &Row) -> Result<InsertOutcome, PortError> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(item_from_row(row)?));
        // Concurrently: the project's item adds no delay.
        let insert = call.condition_expression("attribute_not_exists(pk)").send();
        match join(insert, self.list_project(row)).await.0 {
            Ok(_) => Ok(InsertOutcome::Inserted),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(InsertOutcome::AlreadyExists),
            Err(error) => Err(port_error("PutItem", error)),
        }
    }

    async fn update_one(&self, row: &Row) -> Result<UpdateOutcome, PortError> {
        let mut attributes = item_from_row(row)?;
        let key = attributes.remove("pk").into_iter().map(|pk| ("pk".to_owned(), pk)).collect();
        attributes.retain(|name, _| !CONSTANT_ATTRIBUTES.contains(&name.as_str()));
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
        // The insert lists few projects of which nothing was read yet: an accepted job's is listed now.
        let listed = async {
            if row.launch().is_some() {
                self.list_project(row).await;
            }
        };
        match join(call.send(), listed).await.0 {
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
