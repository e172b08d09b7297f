//! The flags of one forge, judged: a status must not go backwards.
use std::collections::HashMap;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::body::{FormFields, RequestBody};
use super::document;
use super::flag::{FlagStatus, PagureFlag};
use super::flag_form::{FlagForm, FlagTarget};
use super::response::{ForgeResponse, PagureError};

/// The shown flag of each commit. Every commit is one job's.
#[derive(Debug, Default)]
pub(crate) struct FlagBoard {
    flags: HashMap<String, FlagStatus>,
    posts: u64,
    backward: u64,
    successes: usize,
}

impl FlagBoard {
    /// Parses a flag's POST, with Pagure's checks of the form.
    pub(crate) async fn parse(content_type: &str, body: axum::body::Bytes) -> Result<PendingFlag, ForgeResponse> {
        let refused = |error: PagureError| error.into_forge_response("https://forge.example");
        let fields = FormFields::parse(content_type, RequestBody::Complete(body)).await.map_err(refused)?;
        FlagForm::read(&fields, FlagTarget::Commit).map(PendingFlag).map_err(refused)
    }

    /// Stores a flag; the last write wins, as at Pagure.
    pub(crate) fn store(&mut self, repository: &str, commit: &str, flag: PendingFlag) -> ForgeResponse {
        let PendingFlag(form) = flag;
        self.posts += 1;
        let before = self.flags.insert(commit.to_owned(), form.status);
        let is_success = |status: FlagStatus| usize::from(status == FlagStatus::Success);
        self.successes = self.successes + is_success(form.status) - before.map_or(0, is_success);
        if before.is_some_and(|before| before != FlagStatus::Pending && before != form.status) {
            self.backward += 1;
        }
        let now = Timestamp::now();
        let uid = form.uid.unwrap_or_default();
        let shown = PagureFlag {
            repository: repository.to_owned(),
            commit: commit.to_owned(),
            uid: uid.clone(),
            status: form.status,
            comment: form.comment,
            url: form.url,
            username: form.username,
            percent: form.percent,
            created: now,
            updated: now,
        };
        let message = if before.is_none() { "Flag added" } else { "Flag updated" };
        let body =
            json!({ "message": message, "uid": uid, "flag": document::own_flag(&shown, "https://forge.example") });
        ForgeResponse::json(StatusCode::OK, &body)
    }

    /// The status that a commit shows: `pending`, `success`, …
    pub(crate) fn status(&self, commit: &str) -> Option<&'static str> {
        self.flags.get(commit).map(|status| status.as_str())
    }

    /// The commits that show `success`.
    pub(crate) fn successes(&self) -> usize {
        self.successes
    }

    /// The stored POSTs, and those that replaced a final status by another.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.posts, self.backward)
    }
}

/// A valid flag that is not stored yet.
#[derive(Debug)]
pub(crate) struct PendingFlag(FlagForm);

#[cfg(test)]
mod tests {
    use super::*;

    async fn post(board: &mut FlagBoard, status: &str) {
        let form = format!("username=ci&comment=c&url=https%3A%2F%2Fexample.org&status={status}&uid=1");
        let flag = FlagBoard::parse("application/x-www-form-urlencoded", form.into()).await.unwrap();
        assert_eq!(board.store("demo", "abcd", flag).status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn changed_final_flag_counts_as_backward() {
        let mut board = FlagBoard::default();
        for status in ["pending", "success", "success"] {
            post(&mut board, status).await;
        }
        assert_eq!((board.counts(), board.status("abcd"), board.successes()), ((3, 0), Some("success"), 1));
        post(&mut board, "pending").await;
        assert_eq!((board.counts(), board.status("abcd"), board.successes()), ((4, 1), Some("pending"), 0));
    }

    #[tokio::test]
    async fn invalid_flag_form_is_refused() {
        let refused = FlagBoard::parse("application/x-www-form-urlencoded", "status=green".into()).await;
        assert_eq!(refused.unwrap_err().status(), StatusCode::BAD_REQUEST);
    }
}
