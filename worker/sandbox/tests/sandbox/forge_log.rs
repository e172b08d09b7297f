//! The forge's record of its requests.
use doorbell_sandbox::forge::ForgeServer;

/// The number of git requests.
pub(crate) fn git_requests(forge: &ForgeServer) -> usize {
    forge.calls().iter().filter(|call| call.path.contains(".git/")).count()
}
