//! `docs/ci`: each snippet parses, and its lines ring the bell in the environment that its vendor sets.
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use doorbell_messages::Request;
use serde_json::Value;
use tempfile::TempDir;

use crate::invocation::{SECRET_KEY, TOPIC};
use crate::stub::{Stub, StubResponse};
use crate::vendors;

const ROLE: &str = "arn:aws:iam::123456789012:role/doorbell-publisher";
const TOKEN: &str = "header.payload.signature";

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/ci").join(name)
}

/// Whom a snippet publishes as, and how the vendor hands that over.
enum SnippetCredentials {
    AccessKey,
    GithubToken,
    TokenVariable(&'static str),
    BuildkiteAgent,
}

/// The lines that a vendor would give to a shell, in order.
fn shell_lines(name: &str) -> String {
    let text = std::fs::read_to_string(page(name)).unwrap();
    if name == "Jenkinsfile" {
        let inside: Vec<&str> = text.split("'''").skip(1).step_by(2).collect();
        assert_eq!((text.matches('{').count(), inside.len()), (text.matches('}').count(), 1), "{name}");
        return inside.concat();
    }
    let document: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut lines = Vec::new();
    collect(&document, &mut lines);
    lines.join("\n")
}

fn collect(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if ["run", "script", "command"].contains(&key.as_str()) => {
                        lines.push(text.clone())
                    }
                    Value::Array(texts) if ["script", "commands"].contains(&key.as_str()) => {
                        lines.extend(texts.iter().map(|text| text.as_str().unwrap().to_owned()));
                    }
                    // Bitbucket's steps are defined once and meant by an alias, which the parser has put in.
                    _ if key == "pipelines" => {}
                    value => collect(value, lines),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, lines)),
        _ => {}
    }
}

fn sha256_of(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// `buildkite-agent`, as far as the snippet and `trigger_job` use it.
fn install_agent(folder: &Path) {
    let program = folder.join("buildkite-agent");
    let script = format!("#!/bin/sh\ncase $1 in oidc) echo {TOKEN} ;; *) cat >/dev/null ;; esac\n");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn credentials(who: &SnippetCredentials, github: &Stub) -> Vec<(&'static str, String)> {
    let key = |name: &'static str, value: &str| (name, value.to_owned());
    match who {
        SnippetCredentials::AccessKey => {
            vec![key("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), key("AWS_SECRET_ACCESS_KEY", SECRET_KEY)]
        }
        SnippetCredentials::GithubToken => vec![
            key("DOORBELL_ROLE_ARN", ROLE),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?v=2", github.url())),
            key("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "bearer"),
        ],
        SnippetCredentials::TokenVariable(name) => vec![key("DOORBELL_ROLE_ARN", ROLE), (name, TOKEN.to_owned())],
        SnippetCredentials::BuildkiteAgent => vec![key("DOORBELL_ROLE_ARN", ROLE)],
    }
}

async fn check(name: &str, vendor: &str, who: SnippetCredentials) {
    let lines = match vendor {
        "buildkite" => shell_lines(name).replace("$$", "$"),
        _ => shell_lines(name),
    };
    let github = Stub::start(&[StubResponse::Json(format!(r#"{{"value":"{TOKEN}"}}"#))]).await;
    let aws = Stub::start(&[StubResponse::Success]).await;
    let (home, tools) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    install_agent(tools.path());
    let program = Path::new(env!("CARGO_BIN_EXE_trigger_job"));
    // GitHub's and most others' shells end at the first error.
    let output = tokio::process::Command::new("sh")
        .args(["-euc", &lines])
        .env_clear()
        .envs(vendors::environment(vendor, "push"))
        .envs(credentials(&who, &github))
        .env("PATH", format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap()))
        .env("DOORBELL_TOPIC_ARN", TOPIC)
        .env("TRIGGER_JOB_URL", format!("file://{}", program.display()).replace(' ', "%20"))
        .env("TRIGGER_JOB_SHA256", sha256_of(program))
        .env("AWS_ENDPOINT_URL", aws.url())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HOME", home.path())
        .current_dir(home.path())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}\n{lines}");
    let published = aws.requests().last().unwrap().fields["Message"].clone();
    let request = Request::parse(&published).unwrap();
    assert_eq!((request.project.as_str(), &*request.git_ref.full()), ("demo", "refs/heads/main"), "{name}");
    assert!(request.commit.is_some() && request.id.unwrap().as_str().starts_with(vendor), "{name}: {published}");
    let as_role = aws.requests()[0].fields["Action"] == "AssumeRoleWithWebIdentity";
    assert_eq!(as_role, !matches!(who, SnippetCredentials::AccessKey), "{name}");
}

#[tokio::test]
async fn keyless_snippets_publish_a_request() {
    check("github.yml", "github", SnippetCredentials::GithubToken).await;
    check("gitlab.yml", "gitlab", SnippetCredentials::TokenVariable("DOORBELL_ID_TOKEN")).await;
    check("circleci.yml", "circleci", SnippetCredentials::TokenVariable("CIRCLE_OIDC_TOKEN_V2")).await;
    check("bitbucket.yml", "bitbucket", SnippetCredentials::TokenVariable("BITBUCKET_STEP_OIDC_TOKEN")).await;
    check("buildkite.yml", "buildkite", SnippetCredentials::BuildkiteAgent).await;
}

#[tokio::test]
async fn access_key_snippets_publish_a_request() {
    for vendor in ["travis", "woodpecker", "drone", "azure", "gitea"] {
        check(&format!("{vendor}.yml"), vendor, SnippetCredentials::AccessKey).await;
    }
    check("gitea.yml", "forgejo", SnippetCredentials::AccessKey).await;
    check("Jenkinsfile", "jenkins", SnippetCredentials::AccessKey).await;
}

#[test]
fn every_snippet_is_tested_and_documented() {
    let tested = include_str!("snippets.rs");
    let page_text = std::fs::read_to_string(page("README.md")).unwrap();
    for entry in std::fs::read_dir(page("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.trim_end_matches(".yml");
        assert!(name == "README.md" || tested.contains(&format!("\"{stem}")), "{name} is not tested");
        assert!(name == "README.md" || page_text.contains(&format!("({name})")), "{name} is not on the page");
    }
}
