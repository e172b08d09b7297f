//! On a terminal of 60 columns, which `script` plays.
use std::process::Command;

/// What a person would see; with this before the command.
fn on_terminal(before: &str, arguments: &str) -> String {
    let folder = tempfile::TempDir::new().unwrap();
    let line = format!("stty rows 24 cols 60; {before} '{}' {arguments}", env!("CARGO_BIN_EXE_trigger_job"));
    let output = Command::new("script")
        .args(["-q", "-c", &line, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TERM", "xterm-256color")
        .env("HOME", folder.path())
        .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap())
        .current_dir(folder.path())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn terminal_errors_are_colored_unless_no_color_is_set() {
    let shown = on_terminal("", "demo main no-topic");
    assert!(shown.contains("\u{1b}[31merror:"), "{shown:?}");
    let plain = on_terminal("NO_COLOR=1", "demo main no-topic");
    assert!(plain.contains("error: --topic-arn") && !plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn context_table_fits_terminal_width() {
    let shown = on_terminal("", "--show-context 2>/dev/null");
    assert!(shown.contains("project  -\r\n         (no project is known:"), "{shown}");
    assert!(shown.lines().all(|line| line.trim_end().len() <= 60), "{shown}");
}
