use std::collections::VecDeque;

use doorbell_engine::domain::{Row, Timestamp};
use doorbell_engine::ports::project_shards;
use doorbell_messages::{JobKey, ProjectName};
use futures_util::future::try_join_all;

use super::item::{DynamoDbItem, key_of, row_from_item, string_value};
use super::project_item::{PROJECT_KEY_PREFIX, PROJECTS_LISTED};
use super::{DynamoDbLedger, PROJECT_INDEX};
use crate::aws::connection::{AwsCallError, aws_error};

/// The number of calls that are sent at once.
const MAX_CONCURRENT_CALLS: usize = 32;

/// The number of keys on one page of the index.
const MAX_PAGE_SIZE: usize = 1000;

/// Rows by their keys.
#[derive(Debug, Clone, Default)]
pub struct LedgerRows {
    /// The rows that can be read, in the order of the keys. One that expired since is missing.
    pub rows: Vec<Row>,
    /// The number of others: of a newer schema, or damaged.
    pub unreadable: usize,
}

/// The keys of some projects' jobs, newest first, read from the index `by_project` page by page.
#[derive(Debug)]
pub struct LatestJobKeys<'a> {
    ledger: &'a DynamoDbLedger,
    shards: Vec<ShardKeys>,
}

/// One partition of the index: the keys that were read and not yet returned, newest first.
#[derive(Debug)]
struct ShardKeys {
    listed: String,
    read: VecDeque<(Timestamp, JobKey)>,
    /// The last item of the last page.
    after: Option<DynamoDbItem>,
    is_at_end: bool,
}

impl DynamoDbLedger {
    /// All projects that have jobs, by their items.
    ///
    /// # Errors
    /// The index could not be read.
    pub async fn projects(&self) -> Result<Vec<ProjectName>, AwsCallError> {
        let mut projects = Vec::new();
        let mut after = None;
        loop {
            let (items, next) = self.query_projects(PROJECTS_LISTED, MAX_PAGE_SIZE, after).await?;
            projects.extend(items.iter().filter_map(project_of));
            if next.is_none() {
                return Ok(projects);
            }
            after = next;
        }
    }

    /// The jobs of these projects.
    pub fn latest_job_keys(&self, projects: &[ProjectName]) -> LatestJobKeys<'_> {
        let shards = projects.iter().flat_map(project_shards).map(ShardKeys::new).collect();
        LatestJobKeys { ledger: self, shards }
    }

    /// The rows of these keys, each read consistently.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn rows(&self, keys: &[JobKey]) -> Result<LedgerRows, AwsCallError> {
        let mut found = LedgerRows::default();
        for keys in keys.chunks(MAX_CONCURRENT_CALLS) {
            let items = try_join_all(keys.iter().map(|key| self.item(key))).await?;
            for row in items.iter().flatten().map(row_from_item) {
                match row {
                    Ok(row) => found.rows.push(row),
                    Err(_) => found.unreadable += 1,
                }
            }
        }
        Ok(found)
    }

    /// One page of a partition of the index, newest first, and where the next one begins.
    async fn query_projects(
        &self,
        listed: &str,
        page_size: usize,
        after: Option<DynamoDbItem>,
    ) -> Result<(Vec<DynamoDbItem>, Option<DynamoDbItem>), AwsCallError> {
        let call = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(PROJECT_INDEX)
            .key_condition_expression("listed = :listed")
            .expression_attribute_values(":listed", string_value(listed))
            .scan_index_forward(false)
            .limit(i32::try_from(page_size).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after);
        let answer = call.send().await.map_err(|error| aws_error("Query", error))?;
        Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
    }
}

impl LatestJobKeys<'_> {
    /// The next keys, at most `count`. No more than `count` are read of a partition at once. Empty at the end.
    ///
    /// # Errors
    /// The index could not be read.
    pub async fn next(&mut self, count: usize) -> Result<Vec<JobKey>, AwsCallError> {
        let mut keys = Vec::new();
        while keys.len() < count {
            // The newest key is known once each partition shows its newest.
            self.fill(count - keys.len()).await?;
            let newest = self.shards.iter_mut().max_by(|a, b| a.read.front().cmp(&b.read.front()));
            match newest.and_then(|shard| shard.read.pop_front()) {
                Some((_, key)) => keys.push(key),
                None => break,
            }
        }
        Ok(keys)
    }

    /// Reads on where all keys of a partition were returned.
    async fn fill(&mut self, count: usize) -> Result<(), AwsCallError> {
        let page_size = count.clamp(1, MAX_PAGE_SIZE);
        let mut empty: Vec<_> = self.shards.iter_mut().filter(|shard| shard.is_unread()).collect();
        for shards in empty.chunks_mut(MAX_CONCURRENT_CALLS) {
            try_join_all(shards.iter_mut().map(|shard| shard.read_on(self.ledger, page_size))).await?;
        }
        Ok(())
    }
}

impl ShardKeys {
    fn new(listed: String) -> Self {
        Self { listed, read: VecDeque::new(), after: None, is_at_end: false }
    }

    fn is_unread(&self) -> bool {
        self.read.is_empty() && !self.is_at_end
    }

    /// Reads pages until there is a key, or no further page.
    async fn read_on(&mut self, ledger: &DynamoDbLedger, page_size: usize) -> Result<(), AwsCallError> {
        while self.is_unread() {
            let (items, next) = ledger.query_projects(&self.listed, page_size, self.after.take()).await?;
            self.read.extend(items.iter().filter_map(|item| Some((received_at_of(item)?, key_of(item)?))));
            self.is_at_end = next.is_none();
            self.after = next;
        }
        Ok(())
    }
}

fn project_of(item: &DynamoDbItem) -> Option<ProjectName> {
    item.get("pk")?.as_s().ok()?.strip_prefix(PROJECT_KEY_PREFIX)?.parse().ok()
}

fn received_at_of(item: &DynamoDbItem) -> Option<Timestamp> {
    item.get("received_at")?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}
