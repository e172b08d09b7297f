use std::collections::BTreeMap;

use doorbell_messages::{
    CommitId, GitRef, Request, RequestAction, RequestCommitRule, RequestOrigin, VariableName, Variables,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// Values of any of our checked texts, from a pattern that may hit values which the check refuses.
fn checked<T: std::str::FromStr + std::fmt::Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("refused by the type's own check", |text: String| text.parse().ok())
}

pub(crate) fn git_ref() -> impl Strategy<Value = GitRef> {
    prop_oneof![
        checked("[!-~]{1,12}(/[!-~]{1,8}){0,3}").prop_map(GitRef::Branch),
        checked("[!-~]{1,12}(/[!-~]{1,8}){0,3}").prop_map(GitRef::Tag),
        (1..=u32::MAX).prop_map(|number| GitRef::PullRequest(number.to_string().parse().unwrap())),
    ]
}

pub(crate) fn commit() -> impl Strategy<Value = CommitId> {
    checked("[0-9a-fA-F]{40}|[0-9a-f]{64}")
}

fn variables() -> impl Strategy<Value = Variables> {
    let value = any::<String>().prop_map(|text| text.replace('\0', ""));
    btree_map(checked::<VariableName>("[A-Za-z_][A-Za-z0-9_]{0,20}"), value, 0..5)
        .prop_map(|map: BTreeMap<_, _>| Variables::try_from(map).unwrap())
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let action = prop_oneof![Just(RequestAction::Start), Just(RequestAction::Cancel)];
    let origin = (option::of(checked("\\PC{0,30}")), option::of(checked("\\PC{0,30}")))
        .prop_map(|(vendor, build_url)| RequestOrigin { vendor, build_url });
    (
        checked("[A-Za-z0-9][A-Za-z0-9._-]{0,62}"),
        git_ref(),
        option::of(checked("[A-Za-z0-9._-]{1,64}")),
        action,
        option::of(commit()),
        option::of(checked("\\PC{0,60}")),
        option::of(origin),
        (option::of(checked("[0-9a-f]{64}")), any::<bool>(), any::<bool>(), option::of(Just(RequestCommitRule::Tip))),
        variables(),
    )
        .prop_map(|(project, git_ref, id, action, commit, cause, origin, rest, variables)| Request {
            project,
            git_ref,
            id,
            action,
            commit,
            cause,
            origin,
            watch: rest.0,
            once: rest.1,
            allow_older: rest.2,
            commit_rule: rest.3,
            variables,
        })
}

pub(crate) fn argv() -> impl Strategy<Value = Vec<String>> {
    let part = any::<String>().prop_map(|text| text.replace('\0', ""));
    (part.clone().prop_filter("never empty", |first| !first.is_empty()), vec(part, 0..4))
        .prop_map(|(first, rest)| std::iter::once(first).chain(rest).collect())
}
