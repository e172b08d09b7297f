use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fixture::{RunResult, RunnerBuild, RunnerFixture, read, wait_until};
use crate::server::{GitHttpServer, ServerBehavior};

const CANARY: &str = "c4n4ryOfThe5ecret";
/// For the test that reads every process's environment, and would find other tests' secrets there.
const OWN_CANARY: &str = "c4n4ryOfTheReader";

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn serve(fixture: &RunnerFixture, expected_authorization: Option<&str>) -> GitHttpServer {
    GitHttpServer::start(ServerBehavior::Serve {
        root: fixture.path(""),
        expected_authorization: expected_authorization.map(str::to_owned),
    })
}

fn build(fixture: &RunnerFixture, server: &GitHttpServer) -> RunnerBuild {
    fixture.build().with("DOORBELL_GIT_URL", &format!("{}/.git", server.url())).with("DOORBELL_GIT_PROTOCOLS", "http")
}

fn document(canary: &str) -> String {
    format!(r#"{{"gitUrl":"x","authToken":"{canary}","basicPassword":"p"}}"#)
}

#[track_caller]
fn assert_no_secret(text: &str) {
    let secrets = [CANARY, OWN_CANARY].into_iter();
    for secret in secrets.flat_map(|canary| [canary.to_owned(), basic("oauth2", canary), basic("me", canary)]) {
        assert!(!text.contains(secret.trim_start_matches("Basic ")), "{secret} is in:\n{text}");
    }
}

#[test]
fn every_credential_form_authenticates_git_without_leaking() {
    let fixture = RunnerFixture::new();
    let first = fixture.git(&["rev-parse", "HEAD"]);
    fixture.commits(60);
    let check = |name: &str, value: &str, expected_authorization: &str| {
        let server = serve(&fixture, Some(expected_authorization));
        // Two fetches, and then a command that shows every environment and command line it can read.
        let build = build(&fixture, &server).with(name, value).with("DOORBELL_COMMIT", &first).shell(
            "cat /proc/$PPID/environ /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env; grep -r c4n4ry . && exit 7; exit 0",
        );
        let result = build.assert_exit(0);
        let recorded = server.recorded();
        assert!(
            recorded.authorizations.len() >= 4
                && recorded.authorizations.iter().all(|sent| sent == expected_authorization),
            "{:?}",
            recorded.authorizations
        );
        assert!(recorded.command_lines.contains("fetch --quiet --no-tags"), "{}", recorded.command_lines);
        assert!(
            result.stdout.contains("DOORBELL_JOB_ID=here:demo#1#abc\nDOORBELL_"),
            "the runner's own environment was read: {}",
            result.stdout
        );
        let texts = [&recorded.command_lines, &result.stdout, &result.log];
        let secrets = [OWN_CANARY, expected_authorization.trim_start_matches("Basic ")];
        for (text, secret) in texts.iter().flat_map(|text| secrets.map(|secret| (text, secret))) {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
        }
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    let (token, password) = (basic("oauth2", OWN_CANARY), basic("me", OWN_CANARY));
    let bearer = format!("Bearer {OWN_CANARY}");
    check("DOORBELL_GIT_CREDENTIALS", OWN_CANARY, &token);
    check("DOORBELL_GIT_CREDENTIALS", &format!(r#"{{"token":"{OWN_CANARY}"}}"#), &token);
    check("DOORBELL_GIT_CREDENTIALS", &format!(r#"{{"username":"me","password":"{OWN_CANARY}"}}"#), &password);
    check("DOORBELL_PROJECT_DOCUMENT", &document(OWN_CANARY), &bearer);
    check("DOORBELL_DEFAULT_DOCUMENT", &document(OWN_CANARY), &bearer);
    let inline = format!(r#"{{"basicUsername":"me","basicPassword":"{OWN_CANARY}"}}"#);
    check("DOORBELL_DEFAULT_DOCUMENT", &inline, &password);
}

#[test]
fn runner_memory_has_no_credential_while_command_runs() {
    let fixture = RunnerFixture::new();
    let header = basic("oauth2", CANARY);
    let server = serve(&fixture, Some(&header));
    let build = build(&fixture, &server).with("DOORBELL_GIT_CREDENTIALS", CANARY);
    let child = build.shell("touch ../running; until test -e ../go; do sleep 0.05; done").start();
    wait_until("the command runs", || fixture.path("build/running").exists());
    let process = format!("/proc/{}", child.id());
    let memory = File::open(format!("{process}/mem")).unwrap();
    let mut found_itself = false;
    for line in read(format!("{process}/maps")).lines().filter(|line| line.contains(" rw-p ")) {
        let range: Vec<_> =
            line.split([' ', '-']).take(2).map(|number| u64::from_str_radix(number, 16).unwrap()).collect();
        let mut bytes = vec![0; (range[1] - range[0]) as usize];
        if memory.read_exact_at(&mut bytes, range[0]).is_ok() {
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds(CANARY) && !holds(header.trim_start_matches("Basic ")), "{line}");
            found_itself |= holds("here:demo#1#abc");
        }
    }
    assert!(found_itself, "the job's id is in the memory that was read");
    fs::write(fixture.path("build/go"), "").unwrap();
    assert_eq!(RunResult::from_output(child.wait_with_output().unwrap()).code, Some(0));
}

#[test]
fn missing_credential_sends_no_authorization() {
    let fixture = RunnerFixture::new();
    let server = serve(&fixture, None);
    build(&fixture, &server).assert_exit(0);
    assert!(server.recorded().authorizations.iter().all(|sent| sent == "-"));
}

#[test]
fn rejected_credential_is_explained_without_being_shown() {
    let fixture = RunnerFixture::new();
    let server = serve(&fixture, Some("Basic other"));
    let result = build(&fixture, &server)
        .with("DOORBELL_GIT_CREDENTIALS", CANARY)
        .assert_exit(241)
        .assert_log("wants a credential, or another one");
    assert_no_secret(&result.log);
    build(&fixture, &server).assert_exit(241).assert_log("wants a credential, or another one");
}

#[test]
fn credential_echoed_by_server_is_redacted() {
    let fixture = RunnerFixture::new();
    let server = GitHttpServer::start(ServerBehavior::Echo);
    for (name, value) in [("DOORBELL_GIT_CREDENTIALS", CANARY), ("DOORBELL_PROJECT_DOCUMENT", &document(CANARY))] {
        let result =
            build(&fixture, &server).with(name, value).assert_exit(241).assert_log("you sent").assert_log("[secret]");
        assert_no_secret(&result.log);
        for part in CANARY.as_bytes().windows(6).map(|part| std::str::from_utf8(part).unwrap()) {
            let hex: String = part.bytes().map(|b| format!("{b:02x}")).collect();
            let percent: String = part.bytes().map(|b| format!("%{b:02X}")).collect();
            for form in [part.to_owned(), hex, percent] {
                assert!(!result.log.contains(&form), "{form} is in:\n{}", result.log);
            }
        }
        for base64_part in ["YzRuNHJ5", "M0bjRyeU", "jNG40cnl", "E1ZWNyZX", "U1ZWNyZX", "VlY3JldA"] {
            assert!(!result.log.contains(base64_part), "{base64_part} is in:\n{}", result.log);
        }
    }
}

#[test]
fn git_redirect_is_not_followed_and_gets_no_credential() {
    let fixture = RunnerFixture::new();
    let elsewhere = serve(&fixture, None);
    let server = GitHttpServer::start(ServerBehavior::Redirect { to: format!("http://{}", elsewhere.address) });
    let result = build(&fixture, &server)
        .with("DOORBELL_GIT_CREDENTIALS", CANARY)
        .assert_exit(241)
        .assert_log("redirects are not followed");
    assert_no_secret(&result.log);
    assert!(elsewhere.recorded().authorizations.is_empty());
}

#[test]
fn unreadable_credential_stops_build_without_being_quoted() {
    let fixture = RunnerFixture::new();
    let check = |name: &str, value: &str| {
        let result = fixture.build().with(name, value).assert_exit(240).assert_log(name);
        assert_no_secret(&result.log);
    };
    check("DOORBELL_GIT_CREDENTIALS", &format!(r#"{{"token":"{CANARY}"#));
    check("DOORBELL_GIT_CREDENTIALS", &format!("{CANARY}\nX-Other: 1"));
    check("DOORBELL_PROJECT_DOCUMENT", CANARY);
    check("DOORBELL_DEFAULT_DOCUMENT", &format!(r#"{{"authToken":["{CANARY}"]}}"#));
    let short = fixture.build().with("DOORBELL_GIT_CREDENTIALS", "5hort").assert_exit(240);
    assert!(!short.assert_log("at least 8 bytes").log.contains("5hort"));
}

#[test]
fn command_stage_refuses_environment_with_secrets() {
    let fixture = RunnerFixture::new();
    fs::create_dir(fixture.path("build/checkout")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorbell-runner"));
    command
        .arg("--after-checkout")
        .env_clear()
        .envs(&fixture.build().with("DOORBELL_GIT_CREDENTIALS", CANARY).variables);
    let result = RunResult::from_output(command.current_dir(fixture.path("build")).output().unwrap());
    assert_eq!(result.code, Some(240));
    assert_no_secret(&result.assert_log("must not be set after the checkout").log);
}
