use doorbell_messages::{GitRef, RefPattern};
use proptest::prelude::*;

#[test]
fn ref_pattern_matches_only_its_own_refs() {
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

proptest! {
    #[test]
    fn any_text_parses_as_ref_pattern_without_panic(text in "[-*./a@]{0,8}|\\PC{0,20}") {
        if let Ok(pattern) = RefPattern::try_from(text) {
            prop_assert_eq!(RefPattern::try_from(String::from(pattern.clone())), Ok(pattern));
        }
    }
}
