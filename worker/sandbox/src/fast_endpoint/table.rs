//! One table: items by `pk`, and its global secondary indexes.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::api_error::ApiError;
use super::expression::{Condition, Item, number};

/// The table's only key attribute.
const KEY: &str = "pk";

/// A table whose key is the string `pk`.
#[derive(Debug)]
pub(super) struct FastTable {
    items: HashMap<String, Item>,
    indexes: Vec<TableIndex>,
    /// As DescribeTable shows it.
    description: Value,
}

/// An index, keys only: a string or number to hash by, and a number to sort by.
#[derive(Debug)]
struct TableIndex {
    name: String,
    hash_key: String,
    range_key: String,
    entries: BTreeMap<String, BTreeSet<(i64, String)>>,
}

/// What a Query asks.
#[derive(Debug)]
pub(super) struct IndexQuery<'a> {
    pub(super) index: &'a str,
    pub(super) condition: &'a Condition,
    pub(super) hash: &'a Value,
    pub(super) is_forward: bool,
    pub(super) limit: usize,
    pub(super) start_after: Option<Item>,
}

/// A page of keys, and the key after which the next page begins.
#[derive(Debug)]
pub(super) struct KeyPage {
    pub(super) keys: Vec<Item>,
    pub(super) last: Option<Item>,
}

impl FastTable {
    /// A table as CreateTable defines it.
    ///
    /// # Errors
    /// The definition has an index that is not of the form above.
    pub(super) fn new(definition: &Value, arn: &str) -> anyhow::Result<Self> {
        let mut indexes = Vec::new();
        for index in definition["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
            let key = |number: usize| index["KeySchema"][number]["AttributeName"].as_str().map(str::to_owned);
            let (Some(name), Some(hash_key), Some(range_key)) = (index["IndexName"].as_str(), key(0), key(1)) else {
                anyhow::bail!("an index of the table has no name or no two keys: {index}");
            };
            indexes.push(TableIndex { name: name.to_owned(), hash_key, range_key, entries: BTreeMap::new() });
        }
        let mut description = definition.clone();
        description["TableArn"] = json!(arn);
        description["TableStatus"] = json!("ACTIVE");
        Ok(Self { items: HashMap::new(), indexes, description })
    }

    pub(super) fn description(&self) -> &Value {
        &self.description
    }

    pub(super) fn get(&self, key: &str) -> Option<&Item> {
        self.items.get(key)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// Changes one item if the condition holds; an item that is left without its key does not exist.
    ///
    /// # Errors
    /// `ConditionalCheckFailedException`, or what the change returns.
    pub(super) fn write(
        &mut self,
        key: &str,
        condition: Option<&Condition>,
        change: impl FnOnce(&mut Item) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut item = self.items.get(key).cloned().unwrap_or_default();
        if condition.is_some_and(|condition| !condition.holds(&item)) {
            return Err(ApiError::new("ConditionalCheckFailedException", "The conditional request failed"));
        }
        let before = item.clone();
        change(&mut item)?;
        for index in &mut self.indexes {
            index.replace(key, &before, &item);
        }
        match item.contains_key(KEY) {
            true => drop(self.items.insert(key.to_owned(), item)),
            false => drop(self.items.remove(key)),
        }
        Ok(())
    }

    /// One page of an index, keys only.
    ///
    /// # Errors
    /// There is no such index.
    pub(super) fn query(&self, query: &IndexQuery<'_>) -> Result<KeyPage, ApiError> {
        let index = self.index(query.index)?;
        let empty = BTreeSet::new();
        let partition = index.entries.get(&scalar_text(query.hash)).unwrap_or(&empty);
        let mut entries: Vec<&(i64, String)> = partition.iter().collect();
        if !query.is_forward {
            entries.reverse();
        }
        let start = query.start_after.as_ref().and_then(|item| index.entry_of(key_of(item)?, item));
        let is_later = |entry: &&(i64, String)| match &start {
            Some((_, after)) if query.is_forward => *entry > after,
            Some((_, after)) => *entry < after,
            None => true,
        };
        let mut keys = Vec::new();
        let mut last = None;
        let max = query.condition.at_most(&index.range_key).unwrap_or(f64::MAX);
        // Most rows are due later: they cost one comparison.
        let candidates = entries.into_iter().filter(|(range, _)| *range as f64 <= max).filter(is_later);
        for (range, key) in candidates {
            let item = index.keys(query.hash, *range, key);
            if !query.condition.holds(&item) {
                continue;
            }
            if keys.len() == query.limit {
                last = keys.last().cloned();
                break;
            }
            keys.push(item);
        }
        Ok(KeyPage { keys, last })
    }

    /// The hash attribute of an index.
    ///
    /// # Errors
    /// There is no such index.
    pub(super) fn hash_key(&self, index: &str) -> Result<&str, ApiError> {
        Ok(&self.index(index)?.hash_key)
    }

    fn index(&self, name: &str) -> Result<&TableIndex, ApiError> {
        let missing = || ApiError::validation(format!("The table does not have the specified index: {name}"));
        self.indexes.iter().find(|index| index.name == name).ok_or_else(missing)
    }
}

impl TableIndex {
    fn replace(&mut self, key: &str, before: &Item, after: &Item) {
        let (old, new) = (self.entry_of(key, before), self.entry_of(key, after));
        if old == new {
            return;
        }
        if let Some((hash, entry)) = old
            && let Some(partition) = self.entries.get_mut(&hash)
        {
            partition.remove(&entry);
        }
        if let Some((hash, entry)) = new {
            self.entries.entry(hash).or_default().insert(entry);
        }
    }

    /// The entry of an item: none if it lacks an attribute of the index.
    fn entry_of(&self, key: &str, item: &Item) -> Option<(String, (i64, String))> {
        let range = item.get(&self.range_key)?.get("N")?.as_str()?.parse().ok()?;
        Some((scalar_text(item.get(&self.hash_key)?), (range, key.to_owned())))
    }

    fn keys(&self, hash: &Value, range: i64, key: &str) -> Item {
        Item::from_iter([
            (KEY.to_owned(), json!({ "S": key })),
            (self.hash_key.clone(), hash.clone()),
            (self.range_key.clone(), json!({ "N": range.to_string() })),
        ])
    }
}

/// The key of an item or of a call's `Key`.
pub(super) fn key_of(item: &Item) -> Option<&str> {
    item.get(KEY)?.get("S")?.as_str()
}

/// A string or number that partitions an index; `1` and `1.0` are the same number.
fn scalar_text(value: &Value) -> String {
    match number(value) {
        Some(number) => number.to_string(),
        None => value["S"].as_str().unwrap_or_default().to_owned(),
    }
}
