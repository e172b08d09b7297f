//! What the forge remembers of its callers.
use doorbell_sandbox::forge::ForgeServer;

/// How many requests of git it has had.
pub(crate) fn git_requests(forge: &ForgeServer) -> usize {
    forge.calls().iter().filter(|call| call.path.contains(".git/")).count()
}
