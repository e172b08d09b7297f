//! Headless Chromium.
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The page's content after its scripts have run.
pub(super) fn page(url: &str) -> String {
    let output = chromium(&["--dump-dom", url]);
    String::from_utf8_lossy(&output).into_owned()
}

/// Writes a screenshot of the page into the file that `DOORBELL_SCREENSHOT` names.
pub(super) fn screenshot(url: &str) {
    let file = PathBuf::from(std::env::var_os("DOORBELL_SCREENSHOT").expect("DOORBELL_SCREENSHOT names a file"));
    chromium(&["--window-size=1100,760", "--hide-scrollbars", &format!("--screenshot={}", file.display()), url]);
    let picture = std::fs::read(&file).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} is not a valid screenshot", file.display());
}

fn chromium(arguments: &[&str]) -> Vec<u8> {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        // As root Chromium's own sandbox does not start; the page and the certificate are ours.
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"])
        // No DNS queries: a page's avatars are on other hosts.
        .args(["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("chromium starts");
    assert!(output.status.success(), "chromium: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
