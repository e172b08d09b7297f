//! A person's terminal: one directory, and variables that last from block to block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// A shell session in a checkout.
#[derive(Debug)]
pub(super) struct Terminal {
    checkout: PathBuf,
    environment: BTreeMap<String, String>,
    /// The variables that earlier blocks exported, as shell commands.
    exported: PathBuf,
}

impl Terminal {
    /// `scratch` is a directory for the session's own files; it is also the person's home.
    pub(super) fn new(
        checkout: PathBuf,
        scratch: &Path,
        mut environment: BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        environment.insert("HOME".to_owned(), scratch.display().to_string());
        let exported = scratch.join("exported.sh");
        std::fs::write(&exported, "").with_context(|| format!("cannot write {}", exported.display()))?;
        Ok(Self { checkout, environment, exported })
    }

    /// A file of the checkout.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.checkout.join(name)
    }

    /// Runs a block; returns what it printed to standard output.
    ///
    /// # Errors
    /// One of its commands failed; the error holds all output.
    pub(super) async fn run(&self, block: &str) -> anyhow::Result<Vec<u8>> {
        let exported = self.exported.display();
        let script = format!("set -eu\n. '{exported}'\n{block}\nexport -p >'{exported}'\n");
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&self.checkout)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot start sh")?;
        let [printed, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        ensure!(output.status.success(), "{} in the block\n{block}\n{printed}{errors}", output.status);
        Ok(output.stdout)
    }
}

#[cfg(test)]
mod tests {
    use super::Terminal;

    #[tokio::test]
    async fn variables_last_and_a_failed_command_ends_the_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = ("PATH".to_owned(), std::env::var("PATH").unwrap());
        let terminal = Terminal::new(dir.path().to_owned(), dir.path(), [path].into()).unwrap();
        terminal.run("eval \"export NAME='a value'\"").await.unwrap();
        assert_eq!(terminal.run("echo \"$NAME\"").await.unwrap(), b"a value\n");
        let error = terminal.run("echo shown\nfalse\ntouch later").await.unwrap_err();
        assert!(error.to_string().contains("shown"), "{error}");
        assert!(!terminal.file("later").exists());
    }
}
