use std::path::Path;
use std::time::{Duration, Instant};

use crate::fixture::{RunnerBuild, RunnerFixture};
use crate::server::{Failure, GitHttpServer, ServerBehavior};

fn build(fixture: &RunnerFixture, server: &GitHttpServer) -> RunnerBuild {
    fixture.build().with("DOORBELL_GIT_URL", &format!("{}/.git", server.url())).with("DOORBELL_GIT_PROTOCOLS", "http")
}

#[test]
fn git_host_that_fails_once_is_tried_again() {
    let check = |failure: Failure, words: &str| {
        let fixture = RunnerFixture::new();
        let server = GitHttpServer::failing(fixture.path(""), [failure.clone()]);
        let build = build(&fixture, &server).with("DOORBELL_GIT_RETRY_SECONDS", "10");
        let result = build.assert_exit(0).assert_log("trying again in").assert_log(words);
        assert_eq!(result.log.matches("trying again in").count(), 1, "{failure:?}: {}", result.log);
    };
    check(Failure::Status("503 Service Unavailable", "try later\n"), "The requested URL returned error: 503");
    check(Failure::Status("502 Bad Gateway", ""), "The requested URL returned error: 502");
    check(Failure::Status("500 Internal Server Error", ""), "The requested URL returned error: 500");
    check(Failure::Status("429 Too Many Requests\r\nRetry-After: 1", ""), "The requested URL returned error: 429");
    check(Failure::Reset, "the git host failed");
    check(Failure::CutPack, "the git host failed");
}

#[test]
fn git_host_that_keeps_failing_ends_the_build() {
    let fixture = RunnerFixture::new();
    let failure = Failure::Status("503 Service Unavailable", "");
    let server = GitHttpServer::failing(fixture.path(""), vec![failure; 100]);
    let build = build(&fixture, &server).with("DOORBELL_GIT_RETRY_SECONDS", "5");
    let start = Instant::now();
    let result = build.assert_exit(241).assert_log("The requested URL returned error: 503");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(server.recorded().requests.len(), 3, "{}", result.log);
    assert!(!build.checkout_exists());
}

#[test]
fn retries_of_a_git_host_end_with_the_checkouts_time() {
    let fixture = RunnerFixture::new();
    let failure = Failure::Status("503 Service Unavailable", "");
    let server = GitHttpServer::failing(fixture.path(""), vec![failure; 100]);
    let start = Instant::now();
    build(&fixture, &server).with("DOORBELL_TIMEOUT_SECONDS", "2").assert_exit(241);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn lasting_refusal_of_a_git_host_is_not_tried_again() {
    let check = |server: GitHttpServer, git_ref: &str, requests: usize| {
        let fixture = RunnerFixture::new();
        let result = build(&fixture, &server).with("DOORBELL_REF", git_ref).assert_exit(241);
        assert!(!result.log.contains("trying again"), "{}", result.log);
        assert_eq!(server.recorded().requests.len(), requests, "{}", result.log);
    };
    let fixture = RunnerFixture::new();
    let refusals = ["401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"", "403 Forbidden", "404 Not Found"];
    for status in refusals {
        check(GitHttpServer::failing(fixture.path(""), vec![Failure::Status(status, ""); 9]), "refs/heads/main", 1);
    }
    let redirect = ServerBehavior::Redirect { to: "http://127.0.0.1:9".to_owned() };
    check(GitHttpServer::start(redirect), "refs/heads/main", 1);
    check(GitHttpServer::failing(fixture.path(""), []), "refs/heads/missing", 2);
}

#[test]
fn words_of_a_git_host_do_not_choose_the_exit_code() {
    let fixture = RunnerFixture::new();
    let words = "No space left on device\nfatal: write error: No space left on device\nfatal: Out of memory, malloc";
    let check = |server: GitHttpServer| {
        let result = build(&fixture, &server).with("DOORBELL_GIT_RETRY_SECONDS", "0").assert_exit(241);
        assert!(!result.log.contains("no disk or memory left"), "{}", result.log);
    };
    check(GitHttpServer::start(ServerBehavior::ErrorPacket { text: words.to_owned() }));
    check(GitHttpServer::failing(fixture.path(""), [Failure::Status("403 Forbidden", words)]));
    check(GitHttpServer::failing(fixture.path(""), [Failure::Status("503 Service Unavailable", words)]));
}

#[test]
fn git_host_that_serves_files_only_is_fetched_whole() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    fixture.commits(60);
    fixture.git(&["tag", "v1"]);
    fixture.git_in(Path::new("repository"), &["update-server-info"]);
    let server = GitHttpServer::start(ServerBehavior::Files { root: fixture.path("") });
    let check = |name: &str, value: &str, script: &str, expected: &str| {
        let build = build(&fixture, &server).with(name, value).shell(script);
        let result = build.assert_exit(0).assert_log("cannot send a part of a history: fetching all of it");
        assert_eq!(result.stdout.trim(), expected);
        std::fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    check("DOORBELL_COMMIT", "", "git rev-list --count HEAD", "61");
    check("DOORBELL_COMMIT", &first, "git rev-parse HEAD", &first);
    check("DOORBELL_REF", "refs/tags/v1", "git describe --tags --exact-match", "v1");
    let build = build(&fixture, &server).with("DOORBELL_REF", "refs/heads/missing");
    build.assert_exit(241).assert_log("branch missing is not in the repository");
}

#[test]
fn git_host_without_shallow_fetch_is_fetched_whole() {
    let fixture = RunnerFixture::new();
    fixture.commits(5);
    let script = "case \"$*\" in *--depth*) echo 'fatal: Server does not support shallow clients' >&2; exit 128;; esac; exec $GIT \"$@\"";
    let build = fixture.build_with_git(script).shell("git rev-list --count HEAD");
    assert_eq!(build.assert_exit(0).stdout, "6\n");
}

/// What the checkout adds for all (the remote, the tag that is built) must cost no byte.
#[test]
fn checkout_without_options_fetches_bytes_of_one_plain_fetch() {
    let fixture = RunnerFixture::new();
    fixture.commits(30);
    fixture.git(&["tag", "--annotate", "--message", "x", "v1", "HEAD~3"]);
    fixture.git(&["tag", "v2"]);
    let serve = || GitHttpServer::start(ServerBehavior::Serve { root: fixture.path(""), expected_authorization: None });
    let plain = |git_ref: &str| {
        let server = serve();
        let repository = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = std::process::Command::new("git");
            command.args(args).current_dir(repository.path()).env("GIT_CONFIG_GLOBAL", "/dev/null");
            assert!(command.env("GIT_CONFIG_NOSYSTEM", "1").status().unwrap().success());
        };
        git(&["init", "--quiet", "--template="]);
        let (url, refspec) = (format!("{}/.git", server.url()), format!("+{git_ref}:refs/doorbell/ref"));
        git(&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--depth=1", &url, &refspec]);
        server.recorded()
    };
    for git_ref in ["refs/heads/main", "refs/tags/v1", "refs/tags/v2"] {
        let (server, expected) = (serve(), plain(git_ref));
        build(&fixture, &server).with("DOORBELL_REF", git_ref).assert_exit(0);
        let recorded = server.recorded();
        assert_eq!((recorded.requests, recorded.sent_bytes), (expected.requests, expected.sent_bytes), "{git_ref}");
        std::fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    }
}
