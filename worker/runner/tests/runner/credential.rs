use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::server::{Manner, Server};
use crate::world::{Build, Ran, World, read, wait_until};

const CANARY: &str = "c4n4ryOfThe5ecret";
/// For the test that reads every process's environment, and would find other tests' secrets there.
const OWN_CANARY: &str = "c4n4ryOfTheReader";

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn serve(world: &World, wants: Option<&str>) -> Server {
    Server::start(Manner::Serve { root: world.path(""), wants: wants.map(str::to_owned) })
}

fn build(world: &World, server: &Server) -> Build {
    world.build().with("DOORBELL_GIT_URL", &format!("{}/.git", server.url())).with("DOORBELL_GIT_PROTOCOLS", "http")
}

fn document(canary: &str) -> String {
    format!(r#"{{"gitUrl":"x","authToken":"{canary}","basicPassword":"p"}}"#)
}

#[track_caller]
fn holds_no_secret(text: &str) {
    let secrets = [CANARY, OWN_CANARY].into_iter();
    for secret in secrets.flat_map(|canary| [canary.to_owned(), basic("oauth2", canary), basic("me", canary)]) {
        assert!(!text.contains(secret.trim_start_matches("Basic ")), "{secret} is in:\n{text}");
    }
}

#[test]
fn every_form_of_credential_lets_git_in_and_is_seen_nowhere() {
    let world = World::new();
    let first = world.git(&["rev-parse", "HEAD"]);
    world.commits(60);
    let check = |name: &str, value: &str, wants: &str| {
        let server = serve(&world, Some(wants));
        // Two fetches, and then a command that shows every environment and command line it can read.
        let build = build(&world, &server).with(name, value).with("DOORBELL_COMMIT", &first).shell(
            "cat /proc/$PPID/environ /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env; grep -r c4n4ry . && exit 7; exit 0",
        );
        let ran = build.exits(0);
        let seen = server.seen();
        assert!(
            seen.authorizations.len() >= 4 && seen.authorizations.iter().all(|sent| sent == wants),
            "{:?}",
            seen.authorizations
        );
        assert!(seen.command_lines.contains("fetch --quiet --no-tags"), "{}", seen.command_lines);
        assert!(
            ran.stdout.contains("DOORBELL_JOB_ID=here:demo#1#abc\nDOORBELL_"),
            "the runner's own environment was read: {}",
            ran.stdout
        );
        let texts = [&seen.command_lines, &ran.stdout, &ran.log];
        let secrets = [OWN_CANARY, wants.trim_start_matches("Basic ")];
        for (text, secret) in texts.iter().flat_map(|text| secrets.map(|secret| (text, secret))) {
            assert!(!text.contains(secret), "{secret} is in:\n{text}");
        }
        fs::remove_dir_all(world.path("build/checkout")).unwrap();
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
fn the_runner_holds_the_credential_nowhere_in_its_memory_while_the_command_runs() {
    let world = World::new();
    let header = basic("oauth2", CANARY);
    let server = serve(&world, Some(&header));
    let build = build(&world, &server).with("DOORBELL_GIT_CREDENTIALS", CANARY);
    let child = build.shell("touch ../running; until test -e ../go; do sleep 0.05; done").start();
    wait_until("the command runs", || world.path("build/running").exists());
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
    fs::write(world.path("build/go"), "").unwrap();
    assert_eq!(Ran::of(child.wait_with_output().unwrap()).code, Some(0));
}

#[test]
fn without_a_credential_none_is_sent() {
    let world = World::new();
    let server = serve(&world, None);
    build(&world, &server).exits(0);
    assert!(server.seen().authorizations.iter().all(|sent| sent == "-"));
}

#[test]
fn a_refused_credential_is_explained_and_not_shown() {
    let world = World::new();
    let server = serve(&world, Some("Basic other"));
    let ran = build(&world, &server)
        .with("DOORBELL_GIT_CREDENTIALS", CANARY)
        .exits(241)
        .says("wants a credential, or another one");
    holds_no_secret(&ran.log);
    build(&world, &server).exits(241).says("wants a credential, or another one");
}

#[test]
fn a_credential_that_the_server_prints_back_is_redacted() {
    let world = World::new();
    let server = Server::start(Manner::Echo);
    for (name, value) in [("DOORBELL_GIT_CREDENTIALS", CANARY), ("DOORBELL_PROJECT_DOCUMENT", &document(CANARY))] {
        let ran = build(&world, &server).with(name, value).exits(241).says("you sent").says("[secret]");
        holds_no_secret(&ran.log);
    }
}

#[test]
fn a_redirect_is_not_followed_and_takes_no_credential_along() {
    let world = World::new();
    let elsewhere = serve(&world, None);
    let server = Server::start(Manner::Redirect { to: format!("http://{}", elsewhere.address) });
    let ran =
        build(&world, &server).with("DOORBELL_GIT_CREDENTIALS", CANARY).exits(241).says("redirects are not followed");
    holds_no_secret(&ran.log);
    assert!(elsewhere.seen().authorizations.is_empty());
}

#[test]
fn a_credential_that_can_not_be_read_stops_the_build_unquoted() {
    let world = World::new();
    let check = |name: &str, value: &str| {
        let ran = world.build().with(name, value).exits(240).says(name);
        holds_no_secret(&ran.log);
    };
    check("DOORBELL_GIT_CREDENTIALS", &format!(r#"{{"token":"{CANARY}"#));
    check("DOORBELL_GIT_CREDENTIALS", &format!("{CANARY}\nX-Other: 1"));
    check("DOORBELL_PROJECT_DOCUMENT", CANARY);
    check("DOORBELL_DEFAULT_DOCUMENT", &format!(r#"{{"authToken":["{CANARY}"]}}"#));
}

#[test]
fn the_second_life_refuses_to_begin_with_a_secret() {
    let world = World::new();
    fs::create_dir(world.path("build/checkout")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_doorbell-runner"));
    command.arg("--after-checkout").env_clear().envs(&world.build().with("DOORBELL_GIT_CREDENTIALS", CANARY).variables);
    let ran = Ran::of(command.current_dir(world.path("build")).output().unwrap());
    assert_eq!(ran.code, Some(240));
    holds_no_secret(&ran.says("must not be set after the checkout").log);
}
