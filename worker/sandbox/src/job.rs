//! A job as the ledger shows it, for assertions and screens.
use serde_json::Value;

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Job(Value);

impl Job {
    /// Reads an item of the table.
    pub fn from_item(item: &Value) -> Self {
        let text = item["row"].as_str().unwrap_or_default();
        let mut row: Value = serde_json::from_str(text).unwrap_or_default();
        row["status"] = item["status"].clone();
        row["due_at"] = item["due_at"].clone();
        row["expires_at"] = item["expires_at"].clone();
        Self(row)
    }

    pub fn key(&self) -> &str {
        self.0["key"].as_str().unwrap_or_default()
    }

    pub fn project(&self) -> &str {
        self.0["request"]["project"].as_str().unwrap_or_default()
    }

    /// `queued`, `running`, …
    pub fn status(&self) -> &str {
        self.0["status"].as_str().unwrap_or_default()
    }

    /// `received`, `accepted`, …
    pub fn phase(&self) -> &str {
        self.0["phase"]["name"].as_str().unwrap_or_default()
    }

    /// Nobody needs to look at it again.
    pub fn is_settled(&self) -> bool {
        self.0["settled_at"].is_number()
    }

    /// The provider's id of its build.
    pub fn build(&self) -> Option<&str> {
        self.0["phase"]["build"]["id"].as_str()
    }

    /// Why it was refused.
    pub fn rejection(&self) -> Option<&str> {
        self.0["phase"]["reason"].as_str()
    }

    /// How it ended, in words.
    pub fn ending(&self) -> Option<&str> {
        self.0["phase"]["result"]["message"].as_str()
    }

    /// What happened, line by line.
    pub fn trail(&self) -> Vec<&str> {
        let notes = self.0["trail"].as_array().into_iter().flatten();
        notes.filter_map(|note| note["message"].as_str()).collect()
    }

    /// The whole row.
    pub fn json(&self) -> &Value {
        &self.0
    }
}
