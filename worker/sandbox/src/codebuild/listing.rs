//! ListBuildsForProject: newest first, a hundred a page, and late.
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::books::Books;
use super::refusal::Refusal;

/// Ids in one answer, and builds in a project that may still be sorted (CodeBuild's API reference).
const PAGE: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListBuilds {
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

impl Books {
    pub(super) fn list_builds(&self, call: &ListBuilds, now: Timestamp) -> Result<Value, Refusal> {
        self.project(&call.project_name)?;
        let lag = self.settings.listing_lag;
        let listed = |build: &&super::build::Build| {
            build.project == call.project_name
                && !build.forgotten
                && now.duration_since(build.started).unsigned_abs() >= lag
        };
        let mut ids: Vec<&str> = self.builds().iter().rev().filter(listed).map(|build| build.id.as_str()).collect();
        if call.sort_order.is_some() && ids.len() > PAGE {
            return Err(Refusal::invalid_input("Sorting is not supported for projects with more than 100 builds"));
        }
        if call.sort_order == Some(SortOrder::Ascending) {
            ids.reverse();
        }
        page(&ids, call.next_token.as_deref())
    }
}

/// The token is the last id that was shown: builds that came since then neither repeat nor hide an older one.
fn page(ids: &[&str], token: Option<&str>) -> Result<Value, Refusal> {
    let begin = match token {
        None => 0,
        Some(token) => match ids.iter().position(|id| *id == token) {
            Some(last) => last + 1,
            None => return Err(Refusal::invalid_input("Invalid next token")),
        },
    };
    let rest = &ids[begin..];
    let shown = &rest[..rest.len().min(PAGE)];
    let mut answer = json!({"ids": shown});
    if let (true, Some(last)) = (rest.len() > PAGE, shown.last()) {
        answer["nextToken"] = json!(last);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::books::tests::{at, books, start_many, start_one};
    use super::super::options::Settings;
    use super::*;

    fn list(books: &Books, more: &Value, second: i64) -> Result<(Vec<String>, Option<String>), String> {
        let mut call = json!({"projectName": "demo"});
        if let (Some(call), Some(more)) = (call.as_object_mut(), more.as_object()) {
            call.extend(more.clone());
        }
        let answer = books.list_builds(&serde_json::from_value(call).unwrap(), at(second));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let shown = |answer: Value| {
            (answer["ids"].as_array().unwrap().iter().filter_map(text).collect(), text(&answer["nextToken"]))
        };
        answer.map(shown).map_err(|refusal| refusal.kind)
    }

    fn with_builds(count: i64, lag: u64) -> Books {
        let settings = Settings { account_limit: 1000, listing_lag: Duration::from_secs(lag), ..Settings::default() };
        let mut books = books(settings, None);
        start_many(&mut books, count);
        books
    }

    #[test]
    fn pages_of_a_hundred_show_every_build_once_newest_first() {
        let mut books = with_builds(250, 0);
        let (mut all, mut token) = list(&books, &json!({}), 1000).unwrap();
        assert_eq!(all.len(), 100);
        // One that comes between two pages moves nothing.
        start_one(&mut books, "newer");
        while let Some(next) = token {
            let (page, following) = list(&books, &json!({"nextToken": next}), 1000).unwrap();
            all.extend(page);
            token = following;
        }
        let expected: Vec<_> = (0..250).rev().map(|second| format!("demo:uuid-{second}")).collect();
        assert_eq!(all, expected);
        assert_eq!(list(&books, &json!({"nextToken": "made up"}), 1000), Err("InvalidInputException".to_owned()));
    }

    #[test]
    fn a_new_build_is_listed_only_after_the_lag() {
        let books = with_builds(3, 10);
        let check = |second: i64, expected: &[&str]| assert_eq!(list(&books, &json!({}), second).unwrap().0, expected);
        check(9, &[]);
        check(11, &["demo:uuid-1", "demo:uuid-0"]);
        check(12, &["demo:uuid-2", "demo:uuid-1", "demo:uuid-0"]);
    }

    #[test]
    fn a_sort_order_is_refused_when_there_are_more_than_a_hundred_builds() {
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
