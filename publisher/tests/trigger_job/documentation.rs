//! The command lines of the documentation: they are run, and where their output is shown, it is that.
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::invocation::{Invocation, SECRET_KEY, TOPIC};
use crate::stub::{Stub, StubResponse};
use crate::vendors;

fn page(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// The lines between fences of this kind.
fn fenced(page: &str, kind: &str) -> Vec<String> {
    let fence = format!("```{kind}");
    let mut blocks = Vec::new();
    let mut inside: Option<Vec<&str>> = None;
    for line in page.lines() {
        match &mut inside {
            Some(block) if line == "```" => {
                blocks.push(block.join("\n"));
                inside = None;
            }
            Some(block) => block.push(line),
            None if line == fence => inside = Some(Vec::new()),
            None => {}
        }
    }
    blocks
}

/// Runs a shell's line in a build on GitHub, with the program on its PATH; what it printed, stderr included.
async fn shell(line: &str, on_github: bool) -> String {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let home = TempDir::new().unwrap();
    std::fs::create_dir_all(home.path().join(".local/share/bash-completion/completions")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_trigger_job")).parent().unwrap();
    let build = if on_github { vendors::environment("github", "push") } else { Vec::new() };
    let output = tokio::process::Command::new("sh")
        // A pager is for people.
        .args(["-euc", &format!("exec 2>&1\nman() {{ cat; }}\n{line}")])
        .env_clear()
        .envs(build)
        .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()))
        .env("HOME", home.path())
        .env("BRANCH", "main")
        .env("COMMIT", "8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6")
        .env("BUILD_ID", "17")
        .env("DOORBELL_TOPIC_ARN", TOPIC)
        .env("AWS_ENDPOINT_URL_SNS", sns.url())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .current_dir(home.path())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let meant_to_fail = text.lines().any(|line| line.starts_with("error: "));
    assert!(output.status.success() || meant_to_fail, "{line}: {:?}\n{text}", output.status);
    text
}

/// `$ command`, and what it prints up to the next one.
fn sessions(block: &str) -> Vec<(String, String)> {
    let mut sessions: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), sessions.last_mut()) {
            (Some(command), _) => sessions.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("{line:?} stands before any command"),
        }
    }
    sessions
}

#[tokio::test]
async fn publisher_readme_sessions_match_real_output() {
    let blocks = fenced(&page("publisher/README.md"), "text");
    let all: Vec<_> = blocks.iter().flat_map(|block| sessions(block)).collect();
    assert!(all.len() >= 6, "{all:?}");
    for (command, shown) in all {
        let printed = shell(&command, command.contains("--show-context")).await;
        assert_eq!(printed.trim_end(), shown.trim_end(), "{command}");
    }
}

/// What would publish is only drafted; everything else is as it stands.
fn as_dry_run(line: &str) -> String {
    let function = r#"trigger_job() {
        case ${1-} in man | completions) ;; *) set -- "$@" --dry-run ;; esac
        command trigger_job "$@"
    }"#;
    format!("{function}\n{line}")
}

async fn check_line(line: &str) {
    // The two don't go together, and this one publishes nothing either.
    let line = if line.contains("--show-context") { line.to_owned() } else { as_dry_run(line) };
    let printed = shell(&line, true).await;
    assert!(!printed.contains("error: ") && !printed.is_empty(), "{line}: {printed}");
}

#[tokio::test]
async fn documented_examples_are_accepted() {
    let mut lines = Vec::new();
    for arguments in [&["--help"][..], &["man", "--help"], &["completions", "--help"]] {
        let help = Invocation::new(arguments).run().await.stdout;
        let examples = help.split("Example").nth(1).unwrap();
        lines.extend(
            examples.lines().filter(|line| line.starts_with("  trigger_job")).map(|line| line.trim().to_owned()),
        );
    }
    for name in ["README.md", "publisher/README.md", "docs/ci/README.md"] {
        let blocks = fenced(&page(name), "sh");
        let all = blocks.iter().flat_map(|block| block.lines());
        lines.extend(all.filter(|line| line.starts_with("trigger_job")).map(str::to_owned));
    }
    assert!(lines.len() >= 9, "{lines:?}");
    for line in lines {
        // The completions go to a file.
        let line = line.replace(">~/", "| tee ~/");
        check_line(&line).await;
    }
}

#[tokio::test]
async fn documented_script_example_is_accepted() {
    let blocks = fenced(&page("publisher/README.md"), "sh");
    let line = blocks.iter().find(|block| block.starts_with("bin/trigger_job.sh")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bin/trigger_job.sh");
    let line = line.replace("bin/trigger_job.sh", &format!("'{}' --dry-run", script.display()));
    let printed = shell(&line, true).await;
    let request = doorbell_messages::Request::parse(printed.trim()).unwrap();
    assert_eq!((&*request.git_ref.full(), request.id.unwrap().as_str()), ("refs/heads/main", "9876543210"));
}
