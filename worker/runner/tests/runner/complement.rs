use std::fs;

use crate::fixture::RunnerFixture;

/// Three commits on `main`: `v1.0.0`, annotated, on the first, and `v1.1.0` on the last.
fn fixture_with_tags() -> RunnerFixture {
    let fixture = RunnerFixture::new();
    fixture.git(&["tag", "--annotate", "--message", "one", "v1.0.0"]);
    fixture.commits(2);
    fixture.git(&["tag", "v1.1.0"]);
    fixture
}

#[track_caller]
fn check(fixture: &RunnerFixture, variables: &[(&str, &str)], script: &str, expected: &str) {
    let build = variables.iter().fold(fixture.build(), |build, (name, value)| build.with(name, value));
    let result = build.shell(script).assert_exit(0);
    fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    assert!(result.stdout.trim().starts_with(expected), "{}\n{}", result.stdout, result.log);
}

#[test]
fn build_of_a_tag_has_the_tag() {
    let fixture = fixture_with_tags();
    let describe = "git describe --tags --exact-match";
    check(&fixture, &[("DOORBELL_REF", "refs/tags/v1.1.0")], describe, "v1.1.0");
    check(&fixture, &[("DOORBELL_REF", "refs/tags/v1.0.0")], "git describe --exact-match", "v1.0.0");
    check(&fixture, &[("DOORBELL_REF", "refs/tags/v1.0.0")], "git cat-file -t v1.0.0", "tag");
    check(&fixture, &[("DOORBELL_REF", "refs/tags/v1.1.0")], "git tag | wc -l", "1");
}

#[test]
fn tags_option_fetches_tags_and_the_history_they_need() {
    let fixture = fixture_with_tags();
    let describe = "git describe --tags --match 'v1.0*'";
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"tags":true}"#)], describe, "v1.0.0-2-g");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"tags":true,"depth":0}"#)], describe, "v1.0.0-2-g");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"tags":true,"depth":3}"#)], describe, "v1.0.0-2-g");
    // Of a shorter history only its own tags.
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"tags":true,"depth":2}"#)], "git tag", "v1.1.0");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"tags":true,"depth":2}"#)], "git tag | wc -l", "1");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":0}"#)], "git tag | wc -l", "0");
}

#[test]
fn checkout_without_options_has_one_commit_and_no_tag() {
    let fixture = fixture_with_tags();
    check(&fixture, &[], "git rev-list --count HEAD", "1");
    check(&fixture, &[], "git tag | wc -l; git branch --all | grep -v HEAD | wc -l", "0\n0");
}

#[test]
fn depth_option_fetches_so_many_commits_of_any_commit() {
    let fixture = RunnerFixture::new();
    fixture.commits(100);
    let count = "git rev-list --count HEAD";
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":7}"#)], count, "7");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":0}"#)], count, "101");
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":1000}"#)], count, "101");
    // The commit before the last 50: at least as many commits before it.
    let commit = fixture.git(&["rev-parse", "main~49"]);
    let script = "test $(git rev-list --count HEAD) -ge 20 && git rev-parse HEAD";
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":20}"#), ("DOORBELL_COMMIT", &commit)], script, &commit);
    check(&fixture, &[("DOORBELL_CHECKOUT", r#"{"depth":0}"#), ("DOORBELL_COMMIT", &commit)], count, "52");
}

#[test]
fn remote_lets_the_command_fetch_what_it_lacks() {
    let fixture = fixture_with_tags();
    let script = "git fetch --quiet --unshallow --tags origin && git describe --tags --match 'v1.0*'";
    check(&fixture, &[], script, "v1.0.0-2-g");
}

#[test]
fn unknown_checkout_option_is_rejected() {
    let fixture = RunnerFixture::new();
    let build = fixture.build().with("DOORBELL_CHECKOUT", r#"{"sparse":true}"#);
    build.assert_exit(240).assert_log("DOORBELL_CHECKOUT: unknown key");
}

/// The command's git reaches what the runner's git reached; the image's own choice stands.
#[test]
fn command_git_trusts_the_owners_certificates() {
    let fixture = RunnerFixture::new();
    let script = "echo ${GIT_SSL_CAINFO:-none}";
    check(&fixture, &[], script, "none");
    check(&fixture, &[("SSL_CERT_FILE", "/etc/owner.pem")], script, "/etc/owner.pem");
    let image = [("SSL_CERT_FILE", "/etc/owner.pem"), ("GIT_SSL_CAINFO", "/etc/image.pem")];
    check(&fixture, &image, script, "/etc/image.pem");
}
