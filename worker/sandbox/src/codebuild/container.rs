//! Where a build's commands run: among this machine's files, or in those of an image.
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The root of an image's files, if there is one.
#[derive(Debug, Clone)]
pub(super) struct Container(pub(super) Option<PathBuf>);

/// Enters the image in a mount namespace of its own; its mounts end with its last process, so the image does not
/// change.
const ENTER_SCRIPT: &str =
    r#"mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" sh "$@""#;

impl Container {
    /// The path by which the build's commands name a file.
    pub(super) fn path_inside(&self, path: &Path) -> PathBuf {
        match self.0.as_ref().and_then(|root| path.strip_prefix(root).ok()) {
            Some(inside) => Path::new("/").join(inside),
            None => path.to_owned(),
        }
    }

    /// A shell there; the caller adds its arguments.
    pub(super) fn shell(&self) -> Command {
        let Some(root) = &self.0 else { return Command::new("sh") };
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", ENTER_SCRIPT]).arg(root);
        command
    }
}
