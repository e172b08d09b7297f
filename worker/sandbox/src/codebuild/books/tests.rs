use serde_json::json;

use super::super::options::Undocumented;
use super::*;

fn place() -> Place {
    Place { region: "eu-central-1".to_owned(), account: "111122223333".to_owned(), url: "https://here".to_owned() }
}

pub(in crate::codebuild) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(in crate::codebuild) fn books(settings: Settings, own_limit: Option<usize>) -> Books {
    let project = json!({
        "name": "demo",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "any", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": "arn:aws:iam::111122223333:role/build",
        "concurrentBuildLimit": own_limit,
    });
    let mut books = Books::new(settings);
    books.create_project(serde_json::from_value(project).unwrap(), at(0)).unwrap();
    books
}

/// Starts with that token and value of a variable: the build's uuid, or the refusal's kind.
fn start(books: &mut Books, token: &str, value: &str, second: i64) -> Result<String, String> {
    let call = json!({
        "projectName": "demo",
        "idempotencyToken": token,
        "environmentVariablesOverride": [{"name": "A", "value": value}],
    });
    let call: StartBuild = serde_json::from_value(call).unwrap();
    let uuid = format!("uuid-{second}");
    match books.start(&call, "somebody", &uuid, &place(), at(second)) {
        Ok(Started::New(build) | Started::Known(build)) => Ok(build.uuid),
        Err(refusal) => Err(refusal.kind),
    }
}

pub(in crate::codebuild) fn start_many(books: &mut Books, count: i64) {
    for second in 0..count {
        start(books, &format!("token-{second}"), "", second).unwrap();
    }
}

pub(in crate::codebuild) fn start_one(books: &mut Books, token: &str) {
    start(books, token, "", 900).unwrap();
}

const LIMIT: &str = "AccountLimitExceededException";

#[test]
fn a_token_stands_for_one_build_as_long_as_it_lives() {
    let mut books = books(Settings::default(), None);
    let first = Ok("uuid-1".to_owned());
    assert_eq!(start(&mut books, "t", "one", 1), first);
    assert_eq!(start(&mut books, "t", "one", 2), first);
    assert_eq!(start(&mut books, "t", "two", 3), Err("InvalidInputException".to_owned()));
    assert_eq!(start(&mut books, "other", "one", 4), Ok("uuid-4".to_owned()));
    assert_eq!(start(&mut books, "t", "one", 300), first, "repeating a call does not end its token's life");
    assert_eq!(start(&mut books, "t", "two", 301), Ok("uuid-301".to_owned()));
    assert_eq!(books.builds().iter().map(|build| build.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_mismatch_is_told_as_the_settings_say() {
    let undocumented = Undocumented { mismatch_error: "Other".to_owned(), ..Undocumented::default() };
    let mut books = books(Settings { undocumented, ..Settings::default() }, None);
    start(&mut books, "t", "one", 1).unwrap();
    assert_eq!(start(&mut books, "t", "two", 2), Err("Other".to_owned()));
}

#[test]
fn a_projects_own_limit_refuses_at_once() {
    let mut books = books(Settings::default(), Some(1));
    start(&mut books, "a", "", 1).unwrap();
    assert_eq!(start(&mut books, "b", "", 2), Err(LIMIT.to_owned()));
    let id = books.builds()[0].id.clone();
    books.change(&id, |build| build.complete(at(3)));
    assert_eq!(start(&mut books, "b", "", 4), Ok("uuid-4".to_owned()));
}

#[test]
fn the_accounts_queue_is_five_times_its_limit() {
    let check = |queue: Queue, own_limit: Option<usize>, accepted: i64| {
        let mut books = books(Settings { account_limit: 2, queue, ..Settings::default() }, own_limit);
        start_many(&mut books, accepted);
        assert_eq!(start(&mut books, "more", "", 100), Err(LIMIT.to_owned()), "{queue:?}");
    };
    check(Queue::FiveTimesTheLimit, None, 12);
    check(Queue::Closed, None, 2);
    // A project with a limit of its own never waits.
    check(Queue::FiveTimesTheLimit, Some(9), 2);
}

#[test]
fn no_more_builds_run_than_the_account_may() {
    let mut books = books(Settings { account_limit: 1, ..Settings::default() }, None);
    start_many(&mut books, 2);
    let ids: Vec<_> = books.builds().iter().map(|build| build.id.clone()).collect();
    assert!(books.take_place(&ids[1]));
    assert!(!books.take_place(&ids[0]));
    books.change(&ids[1], |build| build.complete(at(9)));
    assert!(books.take_place(&ids[0]));
}

#[test]
fn what_aws_leaves_open_can_be_played_both_ways() {
    let check = |limit_before_token: bool, refusal_takes_token: bool, expected: [Result<&str, &str>; 2]| {
        let undocumented = Undocumented { limit_before_token, refusal_takes_token, ..Undocumented::default() };
        let mut books = books(Settings { undocumented, ..Settings::default() }, Some(1));
        start(&mut books, "a", "", 1).unwrap();
        start(&mut books, "b", "", 2).unwrap_err();
        let repeated = start(&mut books, "a", "", 3);
        let id = books.builds()[0].id.clone();
        books.change(&id, |build| build.complete(at(4)));
        let after_refusal = start(&mut books, "b", "", 5);
        let expected = expected.map(|outcome| outcome.map(str::to_owned).map_err(str::to_owned));
        assert_eq!([repeated, after_refusal], expected);
    };
    check(false, false, [Ok("uuid-1"), Ok("uuid-5")]);
    check(true, false, [Err(LIMIT), Ok("uuid-5")]);
    check(false, true, [Ok("uuid-1"), Err(LIMIT)]);
}

#[test]
fn a_token_without_a_life_protects_nothing() {
    let mut books = books(Settings { token_life: Duration::ZERO, ..Settings::default() }, None);
    start(&mut books, "t", "", 1).unwrap();
    assert_eq!(start(&mut books, "t", "", 2), Ok("uuid-2".to_owned()));
}
