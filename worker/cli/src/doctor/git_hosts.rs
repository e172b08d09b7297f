use std::collections::BTreeMap;

use doorbell_messages::GitUrl;
use doorbell_registry::ProjectDocument;
use futures_util::StreamExt;
use futures_util::stream;

use super::check::Check;
use crate::git_host::{self, AddressState};
use crate::printer::pluralize;

/// Addresses that are asked at once.
const MAX_CONCURRENT_REQUESTS: usize = 8;

/// Checks that no repository's address redirects. `read` are names with their documents.
pub(super) async fn check(read: &[(&str, ProjectDocument, bool)]) -> Vec<Check> {
    let mut projects: BTreeMap<&str, (&str, &GitUrl)> = BTreeMap::new();
    for (name, document, _) in read {
        projects.entry(document.git_url.as_str()).or_insert((*name, &document.git_url));
    }
    let client = match git_host::client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Check::failure(
                "git-hosts",
                format!("cannot create an HTTPS client: {error}"),
                "check SSL_CERT_FILE",
            )];
        }
    };
    let asked = projects.into_values().map(|(name, url)| {
        let client = &client;
        async move { (name, url, git_host::check_address(client, url).await) }
    });
    let states: Vec<_> = stream::iter(asked).buffered(MAX_CONCURRENT_REQUESTS).collect().await;
    let direct = states.iter().filter(|(.., state)| *state == AddressState::Direct).count();
    let direct = (direct > 0)
        .then(|| Check::ok("git-hosts", format!("{} without a redirect", pluralize(direct, "repository address"))));
    direct.into_iter().chain(states.iter().filter_map(|(name, url, state)| check_of(name, url, state))).collect()
}

/// The check of an address that may not be right.
fn check_of(project: &str, url: &GitUrl, state: &AddressState) -> Option<Check> {
    let name = format!("git-host-{project}");
    match state {
        AddressState::Direct | AddressState::OtherProtocol => None,
        AddressState::Redirected(_) => {
            let fix = "set gitUrl to the repository's current address; doorbell project put NAME FILE";
            state.redirect_problem().map(|problem| Check::failure(name, problem, fix))
        }
        AddressState::Unreachable(reason) => {
            let text = format!("{url} did not answer this machine: {reason}");
            Some(Check::skipped(name, text, "run doctor where the builds' network is, or check gitUrl"))
        }
    }
}
