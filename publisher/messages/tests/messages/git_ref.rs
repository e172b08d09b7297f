use std::process::{Command, Stdio};

use doorbell_messages::{GitRef, RefName};
use proptest::prelude::*;

use crate::strategies::git_ref;

/// Whether the real git takes `refs/heads/<name>`.
fn git_accepts(name: &str) -> bool {
    Command::new("git")
        .args(["check-ref-format", &format!("refs/heads/{name}")])
        .stderr(Stdio::null())
        .status()
        .expect("git is needed for this test")
        .success()
}

/// Names that stand at the edges of git's rules: each fragment alone, at the begin, in the middle and at the end.
fn edge_case_names() -> Vec<String> {
    const FRAGMENTS: &[&str] = &[
        ".",
        "..",
        "-",
        "/",
        "//",
        "@",
        "@{",
        "{",
        "}",
        "~",
        "^",
        ":",
        "?",
        "*",
        "[",
        "]",
        "\\",
        ".lock",
        ".LOCK",
        "lock",
        "HEAD",
        "+",
        "'",
        "\"",
        "$",
        "`",
        "%",
        "&",
        "|",
        ";",
        "<",
        ">",
        "(",
        ")",
        "!",
        "#",
        "=",
        ",",
        "_",
        "refs/heads/",
        " ",
        "\t",
        "\n",
        "\u{7f}",
        "ä",
        "\u{202e}",
    ];
    FRAGMENTS
        .iter()
        .flat_map(|f| {
            [f.to_string(), format!("{f}b"), format!("a{f}b"), format!("a{f}"), format!("a/{f}"), format!("{f}/b")]
        })
        .collect()
}

#[test]
fn accepted_ref_name_is_valid_for_git() {
    let names = edge_case_names();
    let accepted: Vec<&String> = names.iter().filter(|name| name.parse::<RefName>().is_ok()).collect();
    assert!(accepted.len() > 60, "the corpus has lost its good names: {}", accepted.len());
    assert!(names.len() - accepted.len() > 60, "the corpus has lost its bad names");
    let rejected_by_git: Vec<_> = accepted.into_iter().filter(|name| !git_accepts(name)).collect();
    assert_eq!(rejected_by_git, Vec::<&String>::new());
}

#[test]
fn git_rejects_malformed_ref_name() {
    assert!(git_accepts("main") && !git_accepts("a..b"));
}

#[test]
fn noncanonical_full_ref_name_is_rejected() {
    let check = |text: &str| assert!(GitRef::parse_full(text).is_err(), "{text}");
    check("");
    check("main");
    check("heads/main");
    check("refs/heads/");
    check("refs/heads/-x");
    check("refs/remotes/origin/main");
    check("refs/pull/0/head");
    check("refs/pull/7/merge");
    check("refs/pull//head");
    check("refs/pull/+7/head");
    check("refs/pull/007/head");
    check("refs/pull/4294967296/head");
    check("refs/pull/7/x/head");
    check(" refs/heads/main");
}

#[test]
fn short_ref_name_omits_prefix() {
    let check = |full: &str, short: &str| assert_eq!(GitRef::parse_full(full).unwrap().short(), short);
    check("refs/heads/feature/x", "feature/x");
    check("refs/tags/v1", "v1");
    check("refs/pull/17/head", "pull/17");
}

proptest! {
    #[test]
    fn full_ref_name_round_trips(git_ref in git_ref()) {
        prop_assert_eq!(GitRef::parse_full(&git_ref.full()), Ok(git_ref));
    }

    #[test]
    fn parsed_full_ref_name_prints_unchanged(text in "refs/(heads|tags|pull)/[!-~]{0,8}(/head)?|\\PC{0,20}") {
        if let Ok(git_ref) = GitRef::parse_full(&text) {
            prop_assert_eq!(git_ref.full(), text);
        }
    }

    #[test]
    fn ref_name_never_looks_like_option_or_parent_path(text in "[-./@a~^:]{1,8}|\\PC{1,20}") {
        if let Ok(name) = text.parse::<RefName>() {
            prop_assert!(name.as_str().is_ascii());
            for part in name.as_str().split('/') {
                prop_assert!(!part.is_empty() && !part.starts_with(['-', '.']));
            }
        }
    }
}
