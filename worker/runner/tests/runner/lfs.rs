use crate::fixture::{RunnerFixture, read};

/// A git with an LFS of its own, which writes down how it was called and which `Authorization` git's configuration
/// gives it for the repository.
fn script(fixture: &RunnerFixture) -> String {
    format!(
        "case $1 in lfs) shift; echo \"$*\" $($GIT config --get-urlmatch http.extraHeader https://git.example.org/x) \
         >> {}; exit 0;; esac; exec $GIT \"$@\"",
        fixture.path("lfs").display()
    )
}

#[test]
fn lfs_option_needs_git_lfs_in_the_image() {
    let fixture = RunnerFixture::new();
    let missing = "case $1 in lfs) echo \"git: 'lfs' is not a git command.\" >&2; exit 1;; esac; exec $GIT \"$@\"";
    let build = fixture.build_with_git(missing);
    build.clone().assert_exit(0);
    std::fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    let build = build.with("DOORBELL_CHECKOUT", r#"{"lfs":true}"#);
    build.assert_exit(241).assert_log("the build image has no git-lfs: install it there");
    assert!(!build.checkout_exists());
}

#[test]
fn lfs_option_pulls_files_without_hooks() {
    let fixture = RunnerFixture::new();
    let build = fixture.build_with_git(&script(&fixture));
    build.clone().assert_exit(0);
    assert_eq!(read(fixture.path("lfs")), "", "nothing that is not asked for");
    std::fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    build.with("DOORBELL_CHECKOUT", r#"{"lfs":true}"#).assert_exit(0).assert_log("fetched the LFS files");
    assert_eq!(read(fixture.path("lfs")), "version\ninstall --local --skip-repo\npull\n");
}
