use std::time::Duration;

use doorbell_engine::domain::{DeliveryOutcome, ForgeRepository, RefResolution, ReportTarget, StatusReport};
use doorbell_engine::ports::{RefResolver, StatusReporter, Unauthorized};
use doorbell_messages::GitRef;
use doorbell_registry::{ForgeKind, ForgeUrl};
use reqwest::{Client, ClientBuilder, Url, redirect};
use secrecy::SecretString;

use crate::forge::address::{PublicResolver, is_public};
use crate::forge::network::ForgeNetwork;
use crate::forge::pagure;

/// All forges that a registry can name.
#[derive(Debug, Clone)]
pub struct PagureReporter {
    /// Connects to public addresses only.
    public_only: Client,
    /// Connects to those that the owner has named, wherever they are.
    unrestricted: Client,
    /// What the owner has named: host:port.
    allowed_hosts: Vec<String>,
}

/// Until a TCP connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A whole call, its body included: a forge that sends a byte a second holds a permit no longer.
///
/// A Pagure without its redis answers only after 19 s; the worker treats it as one that is down.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

impl PagureReporter {
    /// Forges at public addresses, and at those that the owner has named by host and port.
    ///
    /// # Errors
    /// No HTTPS client can be made.
    pub fn new(network: ForgeNetwork) -> Result<Self, reqwest::Error> {
        let builder = || network.certificates.add_to(client_builder());
        let public_only = match &network.proxy {
            // The proxy resolves names, and decides which addresses can be reached. Its own address may be private.
            Some(proxy) => builder().proxy(proxy.for_client()?),
            None => builder().dns_resolver(PublicResolver),
        };
        Ok(Self {
            public_only: public_only.build()?,
            unrestricted: builder().build()?,
            allowed_hosts: network.private_hosts,
        })
    }

    /// Whether the forge can be reached and takes the token for flags on this repository; nothing is written there.
    pub async fn verify_token(
        &self,
        repository: &ForgeRepository,
        token: &SecretString,
    ) -> Result<Result<(), String>, Unauthorized> {
        match self.client(&repository.url) {
            Ok((client, url)) => match repository.kind {
                ForgeKind::Pagure => pagure::probe_flag_api(client, &url, repository, token).await,
                ForgeKind::PagureCi => pagure::probe_plugin(client, &url, repository, token).await,
            },
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// The client for a forge.
    ///
    /// # Errors
    /// An address that the owner has not allowed, in words for a row's trail.
    fn client(&self, forge: &ForgeUrl) -> Result<(&Client, Url), String> {
        let url = Url::parse(forge.as_str()).map_err(|error| format!("the forge's address can't be read: {error}"))?;
        let host = url.host().ok_or("the forge's address has no host")?;
        let host_and_port = format!("{host}:{}", url.port_or_known_default().unwrap_or(443)).to_ascii_lowercase();
        if self.allowed_hosts.contains(&host_and_port) {
            return Ok((&self.unrestricted, url));
        }
        let literal = match host {
            url::Host::Ipv4(address) => Some(address.into()),
            url::Host::Ipv6(address) => Some(address.into()),
            url::Host::Domain(_) => None,
        };
        if literal.is_some_and(|address| !is_public(address)) {
            return Err(format!(
                "{host_and_port} is not a public address; DOORBELL_ALLOW_PRIVATE_FORGES allows others"
            ));
        }
        Ok((&self.public_only, url))
    }
}

/// What every call to a forge keeps to.
pub(super) fn client_builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("doorbell/", env!("CARGO_PKG_VERSION")))
}

impl StatusReporter for PagureReporter {
    async fn report_status(
        &self,
        target: &ReportTarget,
        report: &StatusReport,
        token: &SecretString,
    ) -> Result<DeliveryOutcome, Unauthorized> {
        match self.client(&target.to.url) {
            Ok((client, url)) => match target.to.kind {
                ForgeKind::Pagure => pagure::post_flag(client, &url, target, report, token).await,
                ForgeKind::PagureCi => pagure::post_to_plugin(client, &url, target, report, token).await,
            },
            Err(reason) => Ok(DeliveryOutcome::Failed { reason, retry_after: None }),
        }
    }
}

impl RefResolver for PagureReporter {
    async fn resolve_ref(
        &self,
        repository: &ForgeRepository,
        git_ref: &GitRef,
        token: Option<&SecretString>,
    ) -> Result<RefResolution, Unauthorized> {
        match self.client(&repository.url) {
            Ok((client, url)) => match repository.kind {
                ForgeKind::Pagure => pagure::resolve_ref(client, &url, repository, git_ref, token).await,
                // A hook's token opens nothing but the plugin's route, and is not shown to any other.
                ForgeKind::PagureCi => pagure::resolve_ref(client, &url, repository, git_ref, None).await,
            },
            Err(reason) => Ok(RefResolution::Unavailable(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use doorbell_messages::Status;

    use super::*;

    /// Something inside the account's network, which counts who comes.
    async fn private_listener() -> (u16, Arc<AtomicU32>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        (port, connections)
    }

    async fn deliver(forges: &PagureReporter, url: &str) -> String {
        let forge = ForgeRepository {
            kind: ForgeKind::Pagure,
            url: url.parse().unwrap(),
            repo: "demo".parse().unwrap(),
            token_secret: "doorbell/report/demo".parse().unwrap(),
            username: "Doorbell".to_owned(),
        };
        let commit = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba".parse().unwrap();
        let target = ReportTarget { to: forge, commit, external_id: "u".to_owned() };
        let report =
            StatusReport { status: Status::Success, comment: String::new(), url: "https://log.example".to_owned() };
        let token = SecretString::from("canary-token".to_owned());
        format!("{:?}", forges.report_status(&target, &report, &token).await)
    }

    #[tokio::test]
    async fn private_address_in_any_notation_is_not_connected_to() {
        let (port, connections) = private_listener().await;
        let forges = PagureReporter::new(ForgeNetwork::default()).unwrap();
        for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "2130706433"] {
            let answer = deliver(&forges, &format!("https://{host}:{port}")).await;
            assert!(answer.starts_with("Ok(Failed"), "{host}: {answer}");
            assert!(answer.contains("DOORBELL_ALLOW_PRIVATE_FORGES"), "{host}: {answer}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn allowlisted_private_address_is_connected_to() {
        let (port, connections) = private_listener().await;
        let forges = PagureReporter::new(ForgeNetwork {
            private_hosts: vec![format!("localhost:{port}")],
            ..ForgeNetwork::default()
        })
        .unwrap();
        deliver(&forges, &format!("https://localhost:{port}")).await;
        assert!(connections.load(Ordering::SeqCst) > 0);
        let before = connections.load(Ordering::SeqCst);
        deliver(&forges, &format!("https://127.0.0.1:{port}")).await;
        assert_eq!(connections.load(Ordering::SeqCst), before, "by that name only");
    }
}
