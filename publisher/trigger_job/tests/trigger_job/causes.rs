//! `--cause` with the texts that CIs have at hand: commit messages.
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::invocation::{Invocation, TOPIC};

const MAX_BYTES: usize = 500;

/// One line of `causes.json`: a text, and what is published of it.
struct Cause {
    text: String,
    /// Nothing: as much of the text as fits.
    published: Option<String>,
}

fn causes() -> Vec<Cause> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("causes.json")).unwrap();
    let cause = |case: &Value| match &case["repeat"] {
        Value::Object(repeat) => {
            let (unit, times) = repeat.iter().next().unwrap();
            Cause { text: unit.repeat(times.as_u64().unwrap().try_into().unwrap()), published: None }
        }
        _ => Cause {
            text: case["text"].as_str().unwrap().to_owned(),
            published: Some(case["cause"].as_str().unwrap().to_owned()),
        },
    };
    cases.iter().map(cause).collect()
}

impl Cause {
    #[track_caller]
    fn check(&self, body: &str, stderr: &str) {
        let request = doorbell_messages::Request::parse(body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let published = request.cause.unwrap().to_string();
        match &self.published {
            Some(want) => assert_eq!(&published, want),
            None => {
                assert!(self.text.starts_with(&published), "{published}");
                assert!((MAX_BYTES - 4..=MAX_BYTES).contains(&published.len()), "{}", published.len());
            }
        }
        assert_eq!(stderr.contains("--cause"), published != self.text, "{stderr}");
    }
}

#[tokio::test]
async fn long_or_multi_line_cause_is_cut_and_noted() {
    for cause in causes() {
        let option = format!("--cause={}", cause.text);
        let run = Invocation::new(&["demo", "main", TOPIC, "--id=7", "--dry-run", "--output=json", &option]);
        let result = run.run().await;
        assert_eq!(result.exit_code, Some(0), "{result:?}");
        let output: Value = serde_json::from_str(&result.stdout).unwrap();
        cause.check(&output["message"].to_string(), &result.stderr);
    }
}

#[tokio::test]
async fn cause_without_any_line_is_left_out() {
    for text in ["", "\n \n", "\u{202e}\u{feff}"] {
        let option = format!("--cause={text}");
        let run = Invocation::new(&["demo", "main", TOPIC, "--id=7", "--dry-run", "--output=json", &option]);
        let result = run.run().await;
        assert_eq!(result.exit_code, Some(0), "{result:?}");
        assert!(!result.stdout.contains("cause"), "{}", result.stdout);
    }
}

/// Latin-1, as in a commit message of another century.
fn not_utf8() -> OsString {
    OsString::from_vec(b"--cause=Gr\xf6\xdfe: fix".to_vec())
}

#[tokio::test]
async fn cause_that_is_not_utf8_is_published_readably() {
    let run = Invocation::new(&["demo", "main", TOPIC, "--id=7", "--dry-run", "--output=json"]).argument(&not_utf8());
    let result = run.run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    assert!(result.stdout.contains("e: fix\""), "{}", result.stdout);
}

/// What `bin/trigger_job.sh` would publish, and its notes.
fn script(cause: &OsString) -> (String, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../bin/trigger_job.sh");
    let output = Command::new("sh")
        .arg(script)
        .args(["demo", "main", TOPIC, "--id=7", "--dry-run"])
        .arg(cause)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn script_cuts_cause_as_the_program_does() {
    for cause in causes() {
        let (body, stderr) = script(&format!("--cause={}", cause.text).into());
        cause.check(&body, &stderr);
    }
    let (body, _) = script(&not_utf8());
    assert!(body.contains("e: fix\""), "{body}");
    assert!(!script(&"--cause=\n \n".into()).0.contains("cause"));
}

#[test]
fn script_cause_has_no_unsafe_character() {
    let is_unsafe = |c: &char| doorbell_messages::text::is_unsafe_in_line(*c);
    let all: Vec<char> = ('\u{1}'..=char::MAX).filter(is_unsafe).filter(|c| !matches!(c, '\n' | '\r')).collect();
    for some in all.chunks(120) {
        let (body, _) = script(&format!("--cause=a{}b", some.iter().collect::<String>()).into());
        let request = doorbell_messages::Request::parse(&body).unwrap();
        assert_eq!(request.cause.unwrap().to_string(), format!("a{}b", " ".repeat(some.len())), "{some:?}");
    }
}
