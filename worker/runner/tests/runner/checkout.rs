use std::fs;

use crate::world::World;

#[test]
fn the_tip_is_built_when_no_commit_is_named() {
    let world = World::new();
    let tip = world.commit("second");
    let ran =
        world.build().shell("git rev-parse HEAD; echo $DOORBELL_COMMIT; git log --oneline | wc -l").exits(0).says(&tip);
    assert_eq!(ran.stdout, format!("{tip}\n{tip}\n1\n"));
}

#[test]
fn a_commit_of_the_ref_is_built_however_deep_it_lies() {
    let world = World::new();
    let first = world.git(&["rev-parse", "HEAD"]);
    let build = world.build().with("DOORBELL_COMMIT", &first).shell("git rev-parse HEAD; echo $DOORBELL_COMMIT");
    for added in [0, 1, 40, 200, 700] {
        world.commits(added);
        let ran = build.exits(0);
        assert_eq!(ran.stdout, format!("{first}\n{first}\n"), "{added} more commits");
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
    }
}

#[test]
fn a_commit_that_is_not_on_the_ref_is_not_built_though_its_object_is_in_the_repository() {
    let world = World::new();
    let first = world.git(&["rev-parse", "HEAD"]);
    world.commits(100);
    let tip = world.git(&["rev-parse", "HEAD"]);
    world.git(&["checkout", "--quiet", "-b", "other", &first]);
    let other = world.commit("on another branch");
    // What a git host keeps of a fork: an object of the parent repository that no branch leads to.
    let fork = world.git(&["commit-tree", "-p", &tip, "-m", "of a fork", "HEAD^{tree}"]);
    world.git(&["update-ref", "refs/pull/7/head", &fork]);
    let unknown = "0123456789".repeat(4);
    let tree = world.git(&["rev-parse", "main^{tree}"]);
    for commit in [&other, &fork, &unknown, &tree] {
        let build = world.build().with("DOORBELL_COMMIT", commit);
        build.exits(242).says(&format!("commit {commit} is neither the tip of branch main nor among its ancestors"));
        assert!(!build.checkout_exists());
    }
    world.build().with("DOORBELL_REF", "refs/heads/other").with("DOORBELL_COMMIT", &other).exits(0);
}

#[test]
fn the_rule_tip_wants_the_tip() {
    let world = World::new();
    let first = world.git(&["rev-parse", "HEAD"]);
    let tip = world.commit("second");
    let build = world.build().with("DOORBELL_COMMIT_RULE", "tip");
    build
        .clone()
        .with("DOORBELL_COMMIT", &first)
        .exits(242)
        .says(&format!("not the tip of branch main, which is {tip}"));
    build.with("DOORBELL_COMMIT", &tip.to_uppercase()).exits(0);
}

#[test]
fn an_annotated_tag_is_the_commit_behind_it() {
    let world = World::new();
    let tagged = world.git(&["rev-parse", "HEAD"]);
    world.git(&["tag", "--annotate", "--message", "x", "v1"]);
    world.commit("later");
    let build = world
        .build()
        .with("DOORBELL_REF", "refs/tags/v1")
        .with("DOORBELL_COMMIT_RULE", "tip")
        .shell("git rev-parse HEAD; echo $GIT_BRANCH");
    assert_eq!(build.clone().with("DOORBELL_COMMIT", &tagged).exits(0).stdout, format!("{tagged}\nv1\n"));
    // The tag object itself is no commit.
    let tag = world.git(&["rev-parse", "refs/tags/v1"]);
    fs::remove_dir_all(world.path("build/checkout")).unwrap();
    build.with("DOORBELL_COMMIT", &tag).exits(242);
}

#[test]
fn a_tag_of_a_tree_is_no_commit_to_build() {
    let world = World::new();
    world.git(&["tag", "tree", "HEAD^{tree}"]);
    world.build().with("DOORBELL_REF", "refs/tags/tree").exits(241).says("is not a commit");
}

#[test]
fn a_pull_request_is_fetched_by_its_ref() {
    let world = World::new();
    let proposed = world.git(&["commit-tree", "-p", "HEAD", "-m", "proposed", "HEAD^{tree}"]);
    world.git(&["update-ref", "refs/pull/12/head", &proposed]);
    let build = world.build().with("DOORBELL_REF", "refs/pull/12/head").with("DOORBELL_COMMIT", &proposed);
    assert_eq!(build.shell("git rev-parse HEAD; echo $GITBRANCH").exits(0).stdout, format!("{proposed}\npull/12\n"));
}

#[test]
fn a_sha256_repository_is_built_when_the_commit_is_named() {
    let world = World::new();
    fs::remove_dir_all(world.path("repository")).unwrap();
    fs::create_dir(world.path("repository")).unwrap();
    world.git(&["init", "--quiet", "--object-format=sha256", "--initial-branch=main"]);
    world.script("deploy", "#!/bin/sh\n");
    let commit = world.commit("first");
    world.commits(3);
    assert_eq!(commit.len(), 64);
    world.build().with("DOORBELL_COMMIT", &commit).exits(0);
}

#[test]
fn what_can_not_be_fetched_is_said_and_leaves_nothing_behind() {
    let world = World::new();
    let check = |name: &str, value: &str, words: &str| {
        let build = world.build().with(name, value);
        build.exits(241).says(words).says("exit code 241: the checkout failed");
        assert!(!build.checkout_exists());
    };
    check("DOORBELL_REF", "refs/heads/missing", "branch missing is not in the repository");
    check("DOORBELL_REF", "refs/pull/99/head", "pull request 99 is not in the repository");
    check("DOORBELL_GIT_URL", "file:///nowhere/at/all", "fetching branch main: git ended with 128");
    check("PATH", "/nowhere", "git is not on PATH");
    check("PATH", ".", "git is not on PATH");
}

#[test]
fn a_folder_that_is_there_already_is_neither_used_nor_removed() {
    let world = World::new();
    fs::create_dir(world.path("build/checkout")).unwrap();
    fs::write(world.path("build/checkout/kept"), "").unwrap();
    world.build().exits(241).says("exists already");
    assert!(world.path("build/checkout/kept").exists());
}

#[test]
fn other_files_in_the_build_s_folder_do_no_harm() {
    let world = World::new();
    fs::write(world.path("build/other"), "").unwrap();
    world.build().exits(0);
}

#[test]
fn an_old_git_is_refused() {
    let world = World::new();
    world.build_with_git("echo git version 2.31.8").exits(241).says("\"git version 2.31.8\" is too old");
}

#[test]
fn an_object_that_a_server_sent_unasked_is_not_on_the_ref() {
    let world = World::new();
    let fork = world.git(&["commit-tree", "-p", "HEAD", "-m", "of a fork", "HEAD^{tree}"]);
    world.commits(100);
    // After each fetch, the commit's object is there, too.
    let smuggle = format!(
        "case $1 in fetch) $GIT \"$@\" && exec $GIT fetch --quiet {} {fork}:refs/smuggled;; esac; exec $GIT \"$@\"",
        world.url()
    );
    world.build_with_git(&smuggle).with("DOORBELL_COMMIT", &fork).exits(242).says("nor among its ancestors");
}

#[test]
fn a_full_disk_is_the_machine_s_fault() {
    let world = World::new();
    let full = "case $1 in checkout) echo 'fatal: write error: No space left on device' >&2; exit 128;; esac; exec $GIT \"$@\"";
    let build = world.build_with_git(full);
    build.exits(246).says("no disk or memory left");
    assert!(!build.checkout_exists());
}

#[test]
fn a_checkout_of_something_else_is_noticed() {
    let world = World::new();
    let wrong = "case $1 in checkout) exec $GIT commit --quiet --allow-empty --message x --author 'T <t@example.org>';; esac; exec $GIT \"$@\"";
    let lie = format!("export GIT_COMMITTER_NAME=T GIT_COMMITTER_EMAIL=t@example.org; {wrong}");
    world.build_with_git(&lie).exits(241).says("checked out something else");
}
