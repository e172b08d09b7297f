//! `DOORBELL_NOT_OLDER_THAN`: a build steps aside for a newer commit of its ref.

use crate::fixture::{RunnerBuild, RunnerFixture};

fn build_of(fixture: &RunnerFixture, commit: &str, not_older_than: &[&str]) -> RunnerBuild {
    fixture.build().with("DOORBELL_COMMIT", commit).with("DOORBELL_NOT_OLDER_THAN", &not_older_than.join(","))
}

#[test]
fn older_commit_ends_with_247_before_the_command() {
    let fixture = RunnerFixture::new();
    let older = fixture.git(&["rev-parse", "HEAD"]);
    let newer = fixture.commit("newer");
    fixture.commit("tip");
    let unknown = "0123456789".repeat(4);
    let build = build_of(&fixture, &older, &[&unknown, &newer]);
    let result = build.assert_exit(247).assert_log(&format!("commit {older} is older than commit {newer}"));
    assert!(!result.stdout.contains("deployed") && !build.checkout_exists());
}

#[test]
fn equal_newer_or_unrelated_commit_is_built() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    let second = fixture.commit("second");
    let tip = fixture.commit("tip");
    fixture.git(&["checkout", "--quiet", "-b", "other", &first]);
    // Of another branch: not on the ref, although it descends from one that is.
    let off_ref = fixture.commit("off the ref");
    let unknown = "0123456789".repeat(4);
    let check = |commit: &str, listed: &[&str]| {
        let build = build_of(&fixture, commit, listed);
        build.assert_exit(0);
        std::fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    check(&second, &[&second]);
    check(&second, &[&first, &second]);
    check(&second, &[&unknown]);
    check(&first, &[&off_ref]);
    check(&second, &[&off_ref]);
    check(&tip, &[&first, &second, &tip, &unknown]);
}

#[test]
fn newer_commit_beyond_the_fetched_history_is_found() {
    let fixture = RunnerFixture::new();
    let older = fixture.git(&["rev-parse", "HEAD"]);
    fixture.commits(60);
    let newer = fixture.git(&["rev-parse", "main~30"]);
    // A short way from the tip to the older commit, beside the long one on which the newer commit lies.
    fixture.git(&["checkout", "--quiet", "-b", "side", &older]);
    fixture.commit("side");
    fixture.git(&["checkout", "--quiet", "main"]);
    fixture.commits(60);
    fixture.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "side"]);
    let build = build_of(&fixture, &older, &[&newer]);
    build.assert_exit(247).assert_log(&newer);
}

#[test]
fn newer_commit_that_left_the_ref_is_ignored() {
    let fixture = RunnerFixture::new();
    let older = fixture.git(&["rev-parse", "HEAD"]);
    let dropped = fixture.commit("dropped by a force push");
    fixture.git(&["reset", "--quiet", "--hard", &older]);
    fixture.commit("instead");
    build_of(&fixture, &older, &[&dropped]).assert_exit(0);
}

#[test]
fn tip_fetches_no_history_for_the_check() {
    let fixture = RunnerFixture::new();
    fixture.commits(10);
    let listed = fixture.git(&["rev-parse", "main~5"]);
    let tip = fixture.git(&["rev-parse", "main"]);
    let build = build_of(&fixture, &tip, &[&listed]).shell("git rev-list --count HEAD");
    assert_eq!(build.assert_exit(0).stdout, "1\n");
}
