//! Where the product's binaries are: the sandbox runs them unchanged.
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The directory that cargo has built all binaries into.
#[derive(Debug, Clone)]
pub struct Programs {
    dir: PathBuf,
}

/// Names another directory than the one that this program lies in, for example that of a release build.
pub const DIR_VARIABLE: &str = "DOORBELL_BIN_DIR";

impl Programs {
    /// Those in [`DIR_VARIABLE`]'s directory, else those that were built together with this program or test.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn find() -> anyhow::Result<Self> {
        let dir = match std::env::var_os(DIR_VARIABLE) {
            Some(dir) => PathBuf::from(dir),
            None => own_directory()?,
        };
        let programs = Self { dir };
        for program in [programs.worker(), programs.trigger_job(), programs.runner(), programs.doorbell()] {
            ensure!(
                program.is_file(),
                "{} is missing: run `cargo build --workspace --all-targets` first",
                program.display()
            );
        }
        Ok(programs)
    }

    /// The directory itself; builds have it on their `PATH`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn worker(&self) -> PathBuf {
        self.dir.join("worker")
    }

    pub fn trigger_job(&self) -> PathBuf {
        self.dir.join("trigger_job")
    }

    pub fn doorbell(&self) -> PathBuf {
        self.dir.join("doorbell")
    }

    fn runner(&self) -> PathBuf {
        self.dir.join("doorbell-runner")
    }
}

/// Tests lie in `deps/`, one below.
fn own_directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let dir = program.parent().context("this program lies in no directory")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
