//! A job as the ledger shows it, for assertions and output.
use serde_json::Value;

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Job(Value);

impl Job {
    /// Parses an item of the table.
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

    /// Whether no worker needs to process it again.
    pub fn is_settled(&self) -> bool {
        self.0["settled_at"].is_number()
    }

    /// The provider's id of its build.
    pub fn build_id(&self) -> Option<&str> {
        self.0["phase"]["build"]["id"].as_str()
    }

    /// The reason of its rejection.
    pub fn rejection_reason(&self) -> Option<&str> {
        self.0["phase"]["reason"].as_str()
    }

    /// The message of its final status.
    pub fn result_message(&self) -> Option<&str> {
        self.0["phase"]["result"]["message"].as_str()
    }

    /// The trail, line by line.
    pub fn trail(&self) -> Vec<&str> {
        let notes = self.0["trail"].as_array().into_iter().flatten();
        notes.filter_map(|note| note["message"].as_str()).collect()
    }

    /// The whole row.
    pub fn json(&self) -> &Value {
        &self.0
    }
}
