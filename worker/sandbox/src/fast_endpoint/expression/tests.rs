use serde_json::json;

use super::*;

fn bindings(values: Value) -> Bindings {
    let names = [("#rev", "rev"), ("#jobs", "jobs"), ("#a", "a")];
    Bindings {
        names: names.map(|(name, bound)| (name.to_owned(), bound.to_owned())).into(),
        values: values.as_object().unwrap().clone().into_iter().collect(),
    }
}

fn item() -> Item {
    json!({ "pk": { "S": "job-1" }, "rev": { "N": "10" }, "jobs": { "SS": ["x", "y"] } }).as_object().unwrap().clone()
}

#[track_caller]
fn check(text: &str, values: Value, expected: bool) {
    let holds = ExpressionParser::condition(text, &bindings(values)).unwrap().holds(&item());
    assert_eq!(holds, expected, "{text}");
}

#[test]
fn condition_compares_numbers_as_numbers() {
    check("#rev = :b", json!({ ":b": { "N": "10" } }), true);
    check("#rev > :b", json!({ ":b": { "N": "9" } }), true);
    check("#rev <= :b AND pk = :k", json!({ ":b": { "N": "9" }, ":k": { "S": "job-1" } }), false);
    check("rev BETWEEN :l AND :h", json!({ ":l": { "N": "2" }, ":h": { "N": "10" } }), true);
    check("rev IN (:l, :h)", json!({ ":l": { "N": "2" }, ":h": { "N": "11" } }), false);
}

#[test]
fn condition_on_missing_attribute_is_false() {
    check("attribute_not_exists(pk)", json!({}), false);
    check("missing = :b", json!({ ":b": { "N": "10" } }), false);
    check("attribute_not_exists(missing) AND attribute_exists(#rev)", json!({}), true);
    check("NOT attribute_exists(missing)", json!({}), true);
}

#[test]
fn condition_operators_have_dynamodb_precedence() {
    let values = json!({ ":t": { "N": "10" }, ":f": { "N": "0" } });
    check("rev = :t OR rev = :t AND rev = :f", values.clone(), true);
    check("(rev = :t OR rev = :t) AND rev = :f", values, false);
}

#[test]
fn condition_reads_sets_by_size_and_contains() {
    let text = "attribute_not_exists(#jobs) OR contains(#jobs, :job) OR size(#jobs) < :max";
    check(text, json!({ ":job": { "S": "z" }, ":max": { "N": "2" } }), false);
    check(text, json!({ ":job": { "S": "y" }, ":max": { "N": "2" } }), true);
    check(text, json!({ ":job": { "S": "z" }, ":max": { "N": "3" } }), true);
    check("begins_with(pk, :p)", json!({ ":p": { "S": "job-" } }), true);
}

#[test]
fn update_sets_removes_adds_and_deletes() {
    let values = json!({
        ":a": { "S": "new" }, ":one": { "N": "1" }, ":jobs": { "SS": ["y", "z"] }, ":x": { "SS": ["x"] },
    });
    let update = |text: &str, item: &mut Item| {
        ExpressionParser::update(text, &bindings(values.clone())).unwrap().apply(item).unwrap();
    };
    let mut changed = item();
    update("SET #a = :a, pk = if_not_exists(pk, :a) REMOVE missing ADD #rev :one, #jobs :jobs", &mut changed);
    let expected = json!({
        "a": { "S": "new" }, "pk": { "S": "job-1" }, "rev": { "N": "11" }, "jobs": { "SS": ["x", "y", "z"] },
    });
    assert_eq!(Value::Object(changed.clone()), expected);
    update("SET rev = rev - :one DELETE jobs :jobs", &mut changed);
    assert_eq!((&changed["rev"], &changed["jobs"]), (&json!({ "N": "10" }), &json!({ "SS": ["x"] })));
    update("DELETE jobs :x", &mut changed);
    assert!(!changed.contains_key("jobs"), "an empty set does not exist");
}

#[test]
fn invalid_expression_is_a_validation_error() {
    let values = bindings(json!({ ":b": { "N": "10" } }));
    for text in ["", "rev", "rev = ", "#missing = :b", "rev = :missing", "rev = :b pk", "a.b = :b", "(rev = :b"] {
        let error = ExpressionParser::condition(text, &values).unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{text}");
    }
    for text in ["CHANGE rev = :b", "SET rev", "ADD rev = :b", "SET rev = :b,"] {
        assert!(ExpressionParser::update(text, &values).is_err(), "{text}");
    }
}
