//! The product's binaries, which the sandbox runs unchanged.
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// The directory into which cargo has built all binaries.
#[derive(Debug, Clone)]
pub struct Programs {
    dir: PathBuf,
}

/// The variable that names another directory than that of this program, for example that of a release build.
pub const DIR_VARIABLE: &str = "DOORBELL_BIN_DIR";

impl Programs {
    /// The binaries in [`DIR_VARIABLE`]'s directory, or else those built together with this program or test.
    ///
    /// # Errors
    /// A binary is missing.
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

    /// The directory; builds have it on their `PATH`.
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

/// The directory of this program; tests are one level below, in `deps/`.
fn own_directory() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program's path")?;
    let dir = program.parent().context("this program's path has no directory")?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
