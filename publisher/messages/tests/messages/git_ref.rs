use std::process::{Command, Stdio};

use doorbell_messages::{GitRef, RefName, RefPattern};
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
fn every_ref_name_that_we_take_is_one_that_git_takes() {
    let names = edge_case_names();
    let accepted: Vec<&String> = names.iter().filter(|name| name.parse::<RefName>().is_ok()).collect();
    assert!(accepted.len() > 60, "the corpus has lost its good names: {}", accepted.len());
    assert!(names.len() - accepted.len() > 60, "the corpus has lost its bad names");
    let rejected_by_git: Vec<_> = accepted.into_iter().filter(|name| !git_accepts(name)).collect();
    assert_eq!(rejected_by_git, Vec::<&String>::new());
}

#[test]
fn git_itself_refuses_a_broken_name_so_that_the_comparison_means_something() {
    assert!(git_accepts("main") && !git_accepts("a..b"));
}

#[test]
fn a_full_name_that_we_never_write_is_not_read() {
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
fn a_pattern_allows_its_own_refs_and_no_others() {
    let check = |pattern: &str, full: &str, allowed: bool| {
        let pattern = RefPattern::try_from(pattern.to_owned()).unwrap();
        assert_eq!(pattern.matches(&GitRef::parse_full(full).unwrap()), allowed, "{pattern} and {full}");
    };
    check("main", "refs/heads/main", true);
    check("heads/main", "refs/heads/main", true);
    check("main", "refs/tags/main", false);
    check("main", "refs/heads/main2", false);
    check("main", "refs/heads/feature/main", false);
    check("release/*", "refs/heads/release/1/x", true);
    check("release/*", "refs/heads/release", false);
    check("release/*", "refs/heads/releases/1", false);
    check("tags/v*", "refs/tags/v1", true);
    check("tags/v*", "refs/tags/v", true);
    check("tags/v*", "refs/heads/v1", false);
    check("tags/v*", "refs/heads/tags/v1", false);
    check("*", "refs/heads/x/y", true);
    check("*", "refs/tags/x", false);
    check("tags/*", "refs/heads/x", false);
    check("heads/*", "refs/pull/7/head", false);
    check("*", "refs/pull/7/head", false);
    check("pull/*", "refs/pull/7/head", false);
}

#[test]
fn the_short_name_is_what_a_command_gets() {
    let check = |full: &str, short: &str| assert_eq!(GitRef::parse_full(full).unwrap().short(), short);
    check("refs/heads/feature/x", "feature/x");
    check("refs/tags/v1", "v1");
    check("refs/pull/17/head", "pull/17");
}

proptest! {
    #[test]
    fn a_full_name_is_read_back(git_ref in git_ref()) {
        prop_assert_eq!(GitRef::parse_full(&git_ref.full()), Ok(git_ref));
    }

    #[test]
    fn what_is_read_from_any_text_is_written_as_that_text(text in "refs/(heads|tags|pull)/[!-~]{0,8}(/head)?|\\PC{0,20}") {
        if let Ok(git_ref) = GitRef::parse_full(&text) {
            prop_assert_eq!(git_ref.full(), text);
        }
    }

    #[test]
    fn no_ref_name_can_be_taken_for_an_option_or_leave_its_folder(text in "[-./@a~^:]{1,8}|\\PC{1,20}") {
        if let Ok(name) = text.parse::<RefName>() {
            prop_assert!(name.as_str().is_ascii());
            for part in name.as_str().split('/') {
                prop_assert!(!part.is_empty() && !part.starts_with(['-', '.']));
            }
        }
    }

    #[test]
    fn no_text_panics_the_patterns(text in "[-*./a@]{0,8}|\\PC{0,20}") {
        if let Ok(pattern) = RefPattern::try_from(text) {
            prop_assert_eq!(RefPattern::try_from(String::from(pattern.clone())), Ok(pattern));
        }
    }
}
