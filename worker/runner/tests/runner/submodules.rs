use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fixture::{RunnerBuild, RunnerFixture};
use crate::server::{Failure, GitHttpServer, ServerBehavior};

const CANARY: &str = "c4n4ryOfSubm0dules";

/// `top.git`, which has `part.git` as the submodule `part` by this address.
fn fixture(address: &str) -> RunnerFixture {
    let fixture = RunnerFixture::new();
    fixture.write("file", "here\n");
    let part = fixture.commit("part");
    fixture.publish("part.git");
    fixture
        .write(".gitmodules", &format!("[submodule \"part\"]\n\tpath = part\n\turl = {address}\n\tupdate = rebase\n"));
    fixture.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{part},part")]);
    fixture.git(&["add", ".gitmodules"]);
    fixture.git(&["commit", "--quiet", "--message", "top"]);
    fixture.publish("top.git");
    fixture
}

fn serve(fixture: &RunnerFixture, authorization: Option<&str>) -> GitHttpServer {
    let expected_authorization = authorization.map(str::to_owned);
    GitHttpServer::start(ServerBehavior::Serve { root: fixture.path(""), expected_authorization })
}

fn build(fixture: &RunnerFixture, server: &GitHttpServer) -> RunnerBuild {
    let build = fixture.build().with("DOORBELL_GIT_URL", &format!("http://{}/top.git", server.address));
    build.with("DOORBELL_GIT_PROTOCOLS", "http")
}

fn header() -> String {
    format!("Basic {}", STANDARD.encode(format!("oauth2:{CANARY}")))
}

#[test]
fn relative_submodule_can_be_fetched_by_the_command() {
    let fixture = fixture("../part.git");
    let server = serve(&fixture, None);
    let build = build(&fixture, &server).shell("git submodule --quiet update --init && cat part/file");
    assert_eq!(build.assert_exit(0).stdout, "here\n");
}

#[test]
fn checkout_without_options_leaves_submodules_empty() {
    let fixture = fixture("../part.git");
    let server = serve(&fixture, None);
    build(&fixture, &server).shell("test -z \"$(ls part)\"").assert_exit(0);
    assert!(server.recorded().requests.iter().all(|request| request.contains("/top.git/")));
}

#[test]
fn private_submodule_is_fetched_without_leaving_a_credential() {
    let fixture = fixture("../part.git");
    let server = serve(&fixture, Some(&header()));
    let encoded = header().trim_start_matches("Basic ").to_owned();
    let script = "cat part/file; env; git config --list --show-origin; git -C part config --list; \
                  grep -r c4n4ry . && exit 7; git -C part fetch --quiet origin && exit 8; exit 0";
    let build = build(&fixture, &server).with("DOORBELL_GIT_CREDENTIALS", CANARY).shell(script);
    let build = build.with("GIT_TERMINAL_PROMPT", "0").with("DOORBELL_CHECKOUT", r#"{"submodules":true}"#);
    let result = build.assert_exit(0).assert_log("checked out the submodules");
    assert!(result.stdout.starts_with("here\n"), "{}", result.stdout);
    for text in [&result.stdout, &result.log, &server.recorded().command_lines] {
        for secret in [CANARY, &encoded, "extraheader"] {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
        }
    }
}

#[test]
fn submodule_of_another_host_gets_no_credential() {
    let other = fixture("../part.git");
    let elsewhere = serve(&other, None);
    let fixture = fixture(&format!("http://{}/part.git", elsewhere.address));
    let server = serve(&fixture, Some(&header()));
    let build = build(&fixture, &server).with("DOORBELL_GIT_CREDENTIALS", CANARY);
    // The two histories differ by their time: the submodule's commit may be missing there.
    let _ = build.with("DOORBELL_CHECKOUT", r#"{"submodules":true}"#).run();
    let recorded = elsewhere.recorded().authorizations;
    assert!(!recorded.is_empty() && recorded.iter().all(|sent| sent == "-"), "{recorded:?}");
}

#[test]
fn redirect_of_a_submodule_is_not_followed() {
    let other = fixture("../part.git");
    let elsewhere = serve(&other, None);
    let redirect = ServerBehavior::Redirect { to: format!("http://{}", elsewhere.address) };
    let redirecting = GitHttpServer::start(redirect);
    let fixture = fixture(&format!("http://{}/part.git", redirecting.address));
    let server = serve(&fixture, None);
    let build = build(&fixture, &server).with("DOORBELL_CHECKOUT", r#"{"submodules":true}"#);
    build.assert_exit(241).assert_log("redirects are not followed");
    assert!(elsewhere.recorded().requests.is_empty());
    assert!(!build.checkout_exists());
}

#[test]
fn failing_host_of_a_submodule_is_tried_again() {
    let other = fixture("../part.git");
    // git itself clones a submodule a second time, at once.
    let failures = [(); 3].map(|()| Failure::Status("503 Service Unavailable", ""));
    let failing = GitHttpServer::failing(other.path(""), failures);
    let fixture = fixture(&format!("http://{}/part.git", failing.address));
    let server = serve(&fixture, None);
    let build = build(&fixture, &server).with("DOORBELL_CHECKOUT", r#"{"submodules":true}"#);
    let result = build.with("DOORBELL_GIT_RETRY_SECONDS", "5").run();
    assert!(result.log.contains("trying again in"), "{}", result.log);
    assert!(failing.recorded().requests.len() > 2, "{}", result.log);
}

#[test]
fn hostile_submodule_runs_nothing() {
    let check = |address: &str, extra: &str| {
        let fixture = RunnerFixture::new();
        let canary = fixture.path("canary");
        let commit = fixture.git(&["rev-parse", "HEAD"]);
        let touch = format!("touch {}", canary.display());
        let modules = format!("[submodule \"s\"]\n\tpath = s\n\turl = {address}\n{extra}");
        fixture.write(".gitmodules", &modules.replace("{touch}", &touch));
        fixture.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},s")]);
        fixture.git(&["add", ".gitmodules"]);
        fixture.git(&["commit", "--quiet", "--message", "hostile"]);
        let build = fixture.build().argv(&["true"]).with("DOORBELL_CHECKOUT", r#"{"submodules":true}"#);
        build.with("DOORBELL_GIT_RETRY_SECONDS", "0").run();
        assert!(!canary.exists(), "{modules}");
    };
    check("ext::{touch}", "");
    check("ext::sh -c {touch}", "\tupdate = !{touch}\n");
    check("file:///nowhere", "\tupdate = !{touch}\n");
    check("--upload-pack={touch}", "");
    check("ssh://-oProxyCommand={touch}/x", "");
    check("../repository", "\tupdate = !{touch}\n\tbranch = --upload-pack={touch}\n");
}
