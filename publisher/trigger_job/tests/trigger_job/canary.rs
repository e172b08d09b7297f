//! Services that repeat all that they were sent: no answer brings a secret to a screen, into JSON, or into a CI's files.
use std::path::Path;

use crate::invocation::{Invocation, SECRET_KEY, SESSION_TOKEN, TOPIC};
use crate::stub::{Stub, StubResponse};
use crate::vendors::in_build;

const ROLE: &str = "arn:aws:iam::123456789012:role/doorbell-publisher";
const KEY_ID: &str = "AKIDC4N4RYKEYID00";
const ID_TOKEN: &str = "eyJhbGciOi.C4N4RYpayl0ad.C4N4RYs1gnature";
const BEARER: &str = "C4N4RYbearer0fGithub";
const CONTAINER_TOKEN: &str = "C4N4RYc0ntainerT0ken";
const PROXY_PASSWORD: &str = "C4N4RYpr0xyPa55word";
const KEYS: [&str; 3] = [SECRET_KEY, SESSION_TOKEN, KEY_ID];

/// How often the library's source makes each kind of call: all are covered here. A new one needs a test and its line.
const CALLS: [(&str, usize); 4] =
    [(".send()", 2), (".provide_credentials()", 1), ("connector.call(", 1), ("Client::from_conf(", 1)];

#[test]
fn each_call_of_the_library_is_covered() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("client/src");
    let sources: Vec<String> =
        std::fs::read_dir(client).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for (call, count) in CALLS {
        let calls = sources.iter().map(|source| source.split("#[cfg(test)]").next().unwrap().matches(call).count());
        assert_eq!(calls.sum::<usize>(), count, "{call}: a test here has to cover a new call");
    }
}

#[track_caller]
fn assert_redacted(secrets: &[&str], shown: &str) {
    for part in secrets.iter().flat_map(|secret| secret.as_bytes().windows(8)) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!shown.contains(part), "{part} is in {shown}");
    }
}

/// The secrets as services repeat them: as they are, in a URL, and where the text is cut.
fn echoes(secrets: &[&str]) -> [&'static str; 3] {
    let plain = secrets.join(" ");
    let escaped: String = plain.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let echoes = [format!("sent {plain}"), format!("sent {escaped}"), format!("{}{plain}", "x ".repeat(140))];
    echoes.map(|echo| &*Box::leak(echo.into_boxed_str()))
}

/// Runs against a service that answers with each echo, in text and in JSON, and in a CI that reads commands from the log.
async fn check(
    secrets: &[&str],
    answers: impl Fn(&'static str) -> Vec<StubResponse>,
    run: impl Fn(&Stub, &[&str]) -> Invocation,
) {
    for echo in echoes(secrets) {
        let service = Stub::start(&answers(echo)).await;
        let text = in_build(run(&service, &["demo", "main", TOPIC]), "github", "push").run().await;
        let service = Stub::start(&answers(echo)).await;
        let json = run(&service, &["demo", "main", TOPIC, "--output", "json"]).run().await;
        for result in [text, json] {
            assert_eq!(result.exit_code, Some(4), "{result:?}");
            assert_redacted(secrets, &format!("{}{}", result.stdout, result.stderr));
        }
    }
}

fn with_keys(run: Invocation) -> Invocation {
    run.with_credentials().env("AWS_ACCESS_KEY_ID", KEY_ID)
}

fn with_role(service: &Stub, arguments: &[&str]) -> Invocation {
    Invocation::new(arguments)
        .env("AWS_ENDPOINT_URL", &service.url())
        .env("DOORBELL_ROLE_ARN", ROLE)
        .env("DOORBELL_ID_TOKEN", ID_TOKEN)
}

#[tokio::test]
async fn answer_of_sns_shows_no_credential() {
    let run =
        |sns: &Stub, arguments: &[&str]| with_keys(Invocation::new(arguments)).env("AWS_ENDPOINT_URL_SNS", &sns.url());
    for code in ["AuthorizationError", "KMSAccessDenied", "ExpiredToken", "SignatureDoesNotMatch", "OptInRequired"] {
        check(&KEYS, |echo| vec![StubResponse::Error(403, code, echo)], run).await;
    }
    for (code, exit) in [("NotFound", 2), ("InvalidParameter", 2), ("KMSDisabled", 5), (SESSION_TOKEN, 5)] {
        let sns = Stub::start(&[StubResponse::Error(400, code, echoes(&KEYS)[0])]).await;
        let result = run(&sns, &["demo", "main", TOPIC]).run().await;
        assert_eq!(result.exit_code, Some(exit), "{result:?}");
        assert_redacted(&KEYS, &result.stderr);
    }
}

#[tokio::test]
async fn answer_of_sts_shows_no_token() {
    for code in ["AccessDenied", "InvalidIdentityToken", ID_TOKEN] {
        check(&[ID_TOKEN], |echo| vec![StubResponse::Error(400, code, echo)], with_role).await;
    }
    // The credentials that STS gave, and the token for them, in SNS's answer.
    let given = [SECRET_KEY, SESSION_TOKEN, ID_TOKEN];
    let denied = |echo| vec![StubResponse::Success, StubResponse::Error(403, "AuthorizationError", echo)];
    check(&given, denied, with_role).await;
}

#[tokio::test]
async fn credential_chain_shows_no_token_of_a_file() {
    let with_file = |sts: &Stub, arguments: &[&str]| {
        let run = Invocation::new(arguments).env("AWS_ENDPOINT_URL", &sts.url()).env("AWS_ROLE_ARN", ROLE);
        let path = run.directory().join("token");
        std::fs::write(&path, format!("{ID_TOKEN}\n")).unwrap();
        run.env("AWS_WEB_IDENTITY_TOKEN_FILE", path.to_str().unwrap())
    };
    for code in ["AccessDenied", "InvalidIdentityToken", ID_TOKEN] {
        check(&[ID_TOKEN], |echo| vec![StubResponse::Error(400, code, echo)], with_file).await;
    }
}

#[tokio::test]
async fn credential_chain_shows_no_token_of_a_container() {
    let with_container = |service: &Stub, arguments: &[&str]| {
        Invocation::new(arguments)
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("{}/credentials", service.url()))
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN)
    };
    let answer = |echo| vec![StubResponse::Json(format!(r#"{{"Code":"AccessDenied","Message":"{echo}"}}"#))];
    check(&[CONTAINER_TOKEN], answer, with_container).await;
}

#[tokio::test]
async fn credential_chain_shows_no_key_of_a_profile() {
    let with_profile = |sts: &Stub, arguments: &[&str]| {
        let run = Invocation::new(arguments).env("AWS_ENDPOINT_URL", &sts.url()).env("AWS_REGION", "eu-west-1");
        std::fs::create_dir(run.directory().join(".aws")).unwrap();
        let config = format!("[default]\nrole_arn = {ROLE}\nsource_profile = base\n");
        std::fs::write(run.directory().join(".aws/config"), config).unwrap();
        let keys = format!(
            "[base]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET_KEY}\naws_session_token={SESSION_TOKEN}\n"
        );
        std::fs::write(run.directory().join(".aws/credentials"), keys).unwrap();
        run
    };
    check(&KEYS, |echo| vec![StubResponse::Error(403, "SignatureDoesNotMatch", echo)], with_profile).await;
}

#[tokio::test]
async fn answer_of_github_shows_no_token() {
    let step = |service: &Stub, arguments: &[&str]| {
        Invocation::new(arguments)
            .env("AWS_ENDPOINT_URL", &service.url())
            .env("DOORBELL_ROLE_ARN", ROLE)
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &format!("{}/token?a=b", service.url()))
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER)
    };
    check(&[BEARER], |echo| vec![StubResponse::Error(403, "no", echo)], step).await;
    check(&[BEARER], |echo| vec![StubResponse::Json(format!(r#"{{"message":"{echo}"}}"#))], step).await;
    // The token in the answers of STS.
    let token = || StubResponse::Json(format!(r#"{{"value":"{ID_TOKEN}"}}"#));
    let denied = |echo| vec![token(), StubResponse::Error(400, "AccessDenied", echo)];
    check(&[BEARER, ID_TOKEN], denied, step).await;
    let refused = |echo| vec![token(), StubResponse::Success, StubResponse::Error(403, "AuthorizationError", echo)];
    check(&[BEARER, ID_TOKEN], refused, step).await;
}

/// The settings are words, too: an error names the proxy that it did not reach.
#[tokio::test]
async fn password_of_a_proxy_is_not_shown() {
    let sns = Stub::start(&[StubResponse::Error(403, "AuthorizationError", PROXY_PASSWORD)]).await;
    for proxy in [sns.url(), "http://127.0.0.1:1".to_owned()] {
        let proxy = proxy.replace("//", &format!("//builder:{PROXY_PASSWORD}@"));
        let result = with_keys(Invocation::new(&["demo", "main", TOPIC]))
            .env("AWS_ENDPOINT_URL_SNS", "http://sns.example")
            .env("HTTP_PROXY", &proxy)
            .run()
            .await;
        assert!(matches!(result.exit_code, Some(4 | 5)), "{result:?}");
        assert_redacted(&[PROXY_PASSWORD, SECRET_KEY], &result.stderr);
    }
}

/// A message id goes into the files of a CI, one output a line.
#[tokio::test]
async fn hostile_message_id_writes_no_output() {
    for id in ["a\nadmin=true", SESSION_TOKEN, "a`b|c", &"0".repeat(300)] {
        let sns = Stub::start(&[StubResponse::Published(id.to_owned())]).await;
        let files = tempfile::TempDir::new().unwrap();
        let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
        let run = Invocation::with_sns(&sns, &["demo", "main", "--output", "json"]);
        let run = in_build(run, "github", "push")
            .env("GITHUB_OUTPUT", &path("output"))
            .env("GITHUB_STEP_SUMMARY", &path("summary"))
            .env("DOORBELL_DOTENV", &path("dotenv"));
        let result = run.run().await;
        assert_eq!(result.exit_code, Some(0), "{result:?}");
        let written = ["output", "summary", "dotenv"].map(|name| std::fs::read_to_string(path(name)).unwrap());
        let shown = format!("{}{}{}", written.join("\n"), result.stdout, result.stderr);
        assert_redacted(&[SESSION_TOKEN, SECRET_KEY], &shown);
        assert!(written[0].lines().any(|line| line == "message-id="), "{}", written[0]);
        assert!(!shown.lines().any(|line| line.starts_with("admin")) && !shown.contains("0000000000"), "{shown}");
    }
}
