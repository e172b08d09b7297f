//! ListBuildsForProject: newest first, a hundred per page, with a delay.
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::CodeBuildError;
use super::state::CodeBuildState;

/// Ids per page, and builds of a project that may still be sorted (CodeBuild's API reference).
const MAX_PAGE_SIZE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListBuildsInput {
    project_name: String,
    sort_order: Option<SortOrder>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum SortOrder {
    Ascending,
    Descending,
}

impl CodeBuildState {
    pub(super) fn list_builds(&self, call: &ListBuildsInput, now: Timestamp) -> Result<Value, CodeBuildError> {
        self.project(&call.project_name)?;
        let lag = self.settings.listing_lag;
        let listed = |build: &&super::build::SimulatedBuild| {
            build.project == call.project_name
                && !build.forgotten
                && now.duration_since(build.started).unsigned_abs() >= lag
        };
        let mut ids: Vec<&str> = self.builds().iter().rev().filter(listed).map(|build| build.id.as_str()).collect();
        if call.sort_order.is_some() && ids.len() > MAX_PAGE_SIZE {
            return Err(CodeBuildError::invalid_input(
                "Sorting is not supported for projects with more than 100 builds",
            ));
        }
        if call.sort_order == Some(SortOrder::Ascending) {
            ids.reverse();
        }
        page(&ids, call.next_token.as_deref())
    }
}

/// The token is the last id of the page: newer builds neither repeat nor hide an older one.
fn page(ids: &[&str], token: Option<&str>) -> Result<Value, CodeBuildError> {
    let begin = match token {
        None => 0,
        Some(token) => match ids.iter().position(|id| *id == token) {
            Some(last) => last + 1,
            None => return Err(CodeBuildError::invalid_input("Invalid next token")),
        },
    };
    let rest = &ids[begin..];
    let shown = &rest[..rest.len().min(MAX_PAGE_SIZE)];
    let mut response = json!({"ids": shown});
    if let (true, Some(last)) = (rest.len() > MAX_PAGE_SIZE, shown.last()) {
        response["nextToken"] = json!(last);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::options::CodeBuildSettings;
    use super::super::state::tests::{at, start_many, start_one, state};
    use super::*;

    fn list(state: &CodeBuildState, more: &Value, second: i64) -> Result<(Vec<String>, Option<String>), String> {
        let mut call = json!({"projectName": "demo"});
        if let (Some(call), Some(more)) = (call.as_object_mut(), more.as_object()) {
            call.extend(more.clone());
        }
        let response = state.list_builds(&serde_json::from_value(call).unwrap(), at(second));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let shown = |response: Value| {
            (response["ids"].as_array().unwrap().iter().filter_map(text).collect(), text(&response["nextToken"]))
        };
        response.map(shown).map_err(|error| error.code)
    }

    fn with_builds(count: i64, lag: u64) -> CodeBuildState {
        let settings = CodeBuildSettings {
            account_limit: 1000,
            listing_lag: Duration::from_secs(lag),
            ..CodeBuildSettings::default()
        };
        let mut state = state(settings, None);
        start_many(&mut state, count);
        state
    }

    #[test]
    fn listing_pages_return_every_build_once_newest_first() {
        let mut state = with_builds(250, 0);
        let (mut all, mut token) = list(&state, &json!({}), 1000).unwrap();
        assert_eq!(all.len(), 100);
        // A build that starts between two pages shifts nothing.
        start_one(&mut state, "newer");
        while let Some(next) = token {
            let (page, following) = list(&state, &json!({"nextToken": next}), 1000).unwrap();
            all.extend(page);
            token = following;
        }
        let expected: Vec<_> = (0..250).rev().map(|second| format!("demo:uuid-{second}")).collect();
        assert_eq!(all, expected);
        assert_eq!(list(&state, &json!({"nextToken": "made up"}), 1000), Err("InvalidInputException".to_owned()));
    }

    #[test]
    fn a_new_build_is_listed_only_after_the_lag() {
        let state = with_builds(3, 10);
        let check = |second: i64, expected: &[&str]| assert_eq!(list(&state, &json!({}), second).unwrap().0, expected);
        check(9, &[]);
        check(11, &["demo:uuid-1", "demo:uuid-0"]);
        check(12, &["demo:uuid-2", "demo:uuid-1", "demo:uuid-0"]);
    }

    #[test]
    fn sort_order_with_over_one_hundred_builds_is_rejected() {
        let ascending = json!({"sortOrder": "ASCENDING"});
        let (ids, _) = list(&with_builds(100, 0), &ascending, 1000).unwrap();
        assert_eq!(ids.first().map(String::as_str), Some("demo:uuid-0"));
        let many = with_builds(101, 0);
        for order in ["ASCENDING", "DESCENDING"] {
            let refused = list(&many, &json!({"sortOrder": order}), 1000);
            assert_eq!(refused, Err("InvalidInputException".to_owned()));
        }
        assert!(list(&many, &json!({}), 1000).is_ok());
    }
}
