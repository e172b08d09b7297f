use std::fs;

use crate::fixture::RunnerFixture;

#[test]
fn request_without_commit_builds_ref_tip() {
    let fixture = RunnerFixture::new();
    let tip = fixture.commit("second");
    let result = fixture
        .build()
        .shell("git rev-parse HEAD; echo $DOORBELL_COMMIT; git log --oneline | wc -l")
        .assert_exit(0)
        .assert_log(&tip);
    assert_eq!(result.stdout, format!("{tip}\n{tip}\n1\n"));
}

#[test]
fn ancestor_commit_at_any_depth_is_built() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    let build = fixture.build().with("DOORBELL_COMMIT", &first).shell("git rev-parse HEAD; echo $DOORBELL_COMMIT");
    for added in [0, 1, 40, 200, 700] {
        fixture.commits(added);
        let result = build.assert_exit(0);
        assert_eq!(result.stdout, format!("{first}\n{first}\n"), "{added} more commits");
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    }
}

#[test]
fn commit_outside_ref_is_rejected_even_if_object_exists() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    fixture.commits(100);
    let tip = fixture.git(&["rev-parse", "HEAD"]);
    fixture.git(&["checkout", "--quiet", "-b", "other", &first]);
    let other = fixture.commit("on another branch");
    // What a git host keeps of a fork: an object of the parent repository that no branch leads to.
    let fork = fixture.git(&["commit-tree", "-p", &tip, "-m", "of a fork", "HEAD^{tree}"]);
    fixture.git(&["update-ref", "refs/pull/7/head", &fork]);
    let unknown = "0123456789".repeat(4);
    let tree = fixture.git(&["rev-parse", "main^{tree}"]);
    for commit in [&other, &fork, &unknown, &tree] {
        let build = fixture.build().with("DOORBELL_COMMIT", commit);
        build
            .assert_exit(242)
            .assert_log(&format!("commit {commit} is neither the tip of branch main nor among its ancestors"));
        assert!(!build.checkout_exists());
    }
    fixture.build().with("DOORBELL_REF", "refs/heads/other").with("DOORBELL_COMMIT", &other).assert_exit(0);
}

#[test]
fn tip_rule_rejects_ancestor_commit() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    let tip = fixture.commit("second");
    let build = fixture.build().with("DOORBELL_COMMIT_RULE", "tip");
    build
        .clone()
        .with("DOORBELL_COMMIT", &first)
        .assert_exit(242)
        .assert_log(&format!("not the tip of branch main, which is {tip}"));
    build.with("DOORBELL_COMMIT", &tip.to_uppercase()).assert_exit(0);
}

#[test]
fn annotated_tag_resolves_to_its_commit() {
    let fixture = RunnerFixture::new();
    let tagged = fixture.git(&["rev-parse", "HEAD"]);
    fixture.git(&["tag", "--annotate", "--message", "x", "v1"]);
    fixture.commit("later");
    let build = fixture
        .build()
        .with("DOORBELL_REF", "refs/tags/v1")
        .with("DOORBELL_COMMIT_RULE", "tip")
        .shell("git rev-parse HEAD; echo $GIT_BRANCH");
    assert_eq!(build.clone().with("DOORBELL_COMMIT", &tagged).assert_exit(0).stdout, format!("{tagged}\nv1\n"));
}

#[test]
fn annotated_tag_object_id_builds_the_tags_commit() {
    let fixture = RunnerFixture::new();
    let tagged = fixture.git(&["rev-parse", "HEAD"]);
    let tag = |name: &str, target: &str| {
        fixture.git(&["tag", "--annotate", "--message", "x", name, target]);
        fixture.git(&["rev-parse", &format!("refs/tags/{name}")])
    };
    let inner = tag("v1", "HEAD");
    let outer = tag("v1-signed", &inner);
    fixture.commit("later");
    let build = fixture.build().shell("git rev-parse HEAD; echo $DOORBELL_COMMIT");
    let check = |name: &str, requested: &str| {
        for rule in ["ancestor", "tip"] {
            let build = build.clone().with("DOORBELL_REF", &format!("refs/tags/{name}"));
            let build = build.with("DOORBELL_COMMIT", requested).with("DOORBELL_COMMIT_RULE", rule);
            let result = build.assert_exit(0).assert_log(&format!("building commit {tagged}"));
            assert_eq!(result.stdout, format!("{tagged}\n{tagged}\n"), "{name} {requested} {rule}");
            fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
        }
    };
    check("v1", &inner);
    check("v1", "");
    check("v1-signed", &outer);
    check("v1-signed", &inner);
}

#[test]
fn tag_object_that_ref_does_not_lead_to_is_rejected() {
    let fixture = RunnerFixture::new();
    fixture.git(&["tag", "--annotate", "--message", "x", "v1"]);
    fixture.commit("later");
    fixture.git(&["tag", "--annotate", "--message", "x", "v2"]);
    let [first, second] = ["v1", "v2"].map(|tag| fixture.git(&["rev-parse", &format!("refs/tags/{tag}")]));
    let check = |git_ref: &str, requested: &str, rule: &str| {
        let build = fixture.build().with("DOORBELL_REF", git_ref).with("DOORBELL_COMMIT", requested);
        // With the tags fetched, the object is there, too: it still is no commit of the ref.
        let build = build.with("DOORBELL_CHECKOUT", r#"{"tags":true}"#).with("DOORBELL_COMMIT_RULE", rule);
        build.assert_exit(242).assert_log(requested);
    };
    check("refs/tags/v1", &second, "ancestor");
    check("refs/tags/v2", &first, "ancestor");
    check("refs/tags/v2", &first, "tip");
    check("refs/heads/main", &second, "ancestor");
    check("refs/heads/main", &second, "tip");
}

#[test]
fn tag_of_tree_is_rejected() {
    let fixture = RunnerFixture::new();
    fixture.git(&["tag", "tree", "HEAD^{tree}"]);
    fixture.build().with("DOORBELL_REF", "refs/tags/tree").assert_exit(241).assert_log("is not a commit");
}

#[test]
fn pull_request_is_fetched_by_its_head_ref() {
    let fixture = RunnerFixture::new();
    let proposed = fixture.git(&["commit-tree", "-p", "HEAD", "-m", "proposed", "HEAD^{tree}"]);
    fixture.git(&["update-ref", "refs/pull/12/head", &proposed]);
    let build = fixture.build().with("DOORBELL_REF", "refs/pull/12/head").with("DOORBELL_COMMIT", &proposed);
    assert_eq!(
        build.shell("git rev-parse HEAD; echo $GITBRANCH").assert_exit(0).stdout,
        format!("{proposed}\npull/12\n")
    );
}

#[test]
fn sha256_repository_with_named_commit_is_built() {
    let fixture = RunnerFixture::new();
    fs::remove_dir_all(fixture.path("repository")).unwrap();
    fs::create_dir(fixture.path("repository")).unwrap();
    fixture.git(&["init", "--quiet", "--object-format=sha256", "--initial-branch=main"]);
    fixture.script("deploy", "#!/bin/sh\n");
    let commit = fixture.commit("first");
    fixture.commits(3);
    assert_eq!(commit.len(), 64);
    fixture.build().with("DOORBELL_COMMIT", &commit).assert_exit(0);
}

#[test]
fn failed_fetch_is_explained_and_cleaned_up() {
    let fixture = RunnerFixture::new();
    let check = |name: &str, value: &str, words: &str| {
        let build = fixture.build().with(name, value);
        build.assert_exit(241).assert_log(words).assert_log("exit code 241: the checkout failed");
        assert!(!build.checkout_exists());
    };
    check("DOORBELL_REF", "refs/heads/missing", "branch missing is not in the repository");
    check("DOORBELL_REF", "refs/pull/99/head", "pull request 99 is not in the repository");
    check("DOORBELL_GIT_URL", "file:///nowhere/at/all", "fetching branch main: git ended with 128");
    check("PATH", "/nowhere", "git is not on PATH");
    check("PATH", ".", "git is not on PATH");
}

#[test]
fn existing_checkout_directory_is_neither_used_nor_removed() {
    let fixture = RunnerFixture::new();
    fs::create_dir(fixture.path("build/checkout")).unwrap();
    fs::write(fixture.path("build/checkout/kept"), "").unwrap();
    fixture.build().assert_exit(241).assert_log("exists already");
    assert!(fixture.path("build/checkout/kept").exists());
}

#[test]
fn other_files_in_build_directory_are_ignored() {
    let fixture = RunnerFixture::new();
    fs::write(fixture.path("build/other"), "").unwrap();
    fixture.build().assert_exit(0);
}

#[test]
fn git_older_than_minimum_is_rejected() {
    let fixture = RunnerFixture::new();
    fixture.build_with_git("echo git version 2.31.8").assert_exit(241).assert_log("\"git version 2.31.8\" is too old");
}

#[test]
fn unrequested_object_from_server_is_not_built() {
    let fixture = RunnerFixture::new();
    let fork = fixture.git(&["commit-tree", "-p", "HEAD", "-m", "of a fork", "HEAD^{tree}"]);
    fixture.commits(100);
    // After each fetch, the commit's object is there, too.
    let smuggle = format!(
        "case $1 in fetch) $GIT \"$@\" && exec $GIT fetch --quiet {} {fork}:refs/smuggled;; esac; exec $GIT \"$@\"",
        fixture.url()
    );
    fixture
        .build_with_git(&smuggle)
        .with("DOORBELL_COMMIT", &fork)
        .assert_exit(242)
        .assert_log("nor among its ancestors");
}

#[test]
fn full_disk_is_an_infrastructure_failure() {
    let fixture = RunnerFixture::new();
    let full = "case $1 in checkout) echo 'fatal: write error: No space left on device' >&2; exit 128;; esac; exec $GIT \"$@\"";
    let build = fixture.build_with_git(full);
    build.assert_exit(246).assert_log("no disk or memory left");
    assert!(!build.checkout_exists());
}

#[test]
fn checkout_of_wrong_commit_is_detected() {
    let fixture = RunnerFixture::new();
    let wrong = "case $1 in checkout) exec $GIT commit --quiet --allow-empty --message x --author 'T <t@example.org>';; esac; exec $GIT \"$@\"";
    let lie = format!("export GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.org; {wrong}");
    fixture.build_with_git(&lie).assert_exit(241).assert_log("checked out something else");
}
