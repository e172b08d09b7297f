use std::time::Duration;

use doorbell_engine::domain::{ForgeSide, HeadSeen, Report, Target, TellSeen};
use doorbell_engine::ports::{Answer, Forge};
use doorbell_messages::{ForgeUrl, GitRef, ReportKind};
use reqwest::{Client, ClientBuilder, Url, redirect};
use secrecy::SecretString;

use crate::forge::address::{PublicOnly, is_public};
use crate::forge::pagure;

/// All forges that a registry can name.
#[derive(Debug)]
pub struct Forges {
    /// Connects to public addresses only.
    guarded: Client,
    /// Connects to those that the owner has named, wherever they are.
    trusted: Client,
    /// What the owner has named: host:port.
    allowed: Vec<String>,
}

/// Until a TCP connection stands.
const CONNECT: Duration = Duration::from_secs(5);

/// A whole call, its body included. A Pagure without its redis answers only after 19 s.
const CALL: Duration = Duration::from_secs(25);

impl Forges {
    /// Forges at public addresses, and at those that the owner has named by host and port.
    ///
    /// # Errors
    /// No HTTPS client can be made.
    pub fn new(allowed: Vec<String>) -> Result<Self, reqwest::Error> {
        Ok(Self { guarded: builder().dns_resolver(PublicOnly).build()?, trusted: builder().build()?, allowed })
    }

    /// Whether the forge can be reached and takes the token for flags on this repository; nothing is written there.
    pub async fn try_token(&self, side: &ForgeSide, token: &SecretString) -> Answer<Result<(), String>> {
        match self.client(&side.url) {
            Ok((client, url)) => match side.kind {
                ReportKind::Pagure => pagure::try_flag(client, &url, side, token).await,
                ReportKind::PagureCi => pagure::try_notify(client, &url, side, token).await,
            },
            Err(reason) => Answer::Seen(Err(reason)),
        }
    }

    /// The client for a forge.
    ///
    /// # Errors
    /// An address that the owner has not allowed, in words for a row's trail.
    fn client(&self, forge: &ForgeUrl) -> Result<(&Client, Url), String> {
        let url = Url::parse(forge.as_str()).map_err(|error| format!("the forge's address can't be read: {error}"))?;
        let host = url.host().ok_or("the forge's address has no host")?;
        let place = format!("{host}:{}", url.port_or_known_default().unwrap_or(443)).to_ascii_lowercase();
        if self.allowed.contains(&place) {
            return Ok((&self.trusted, url));
        }
        let literal = match host {
            url::Host::Ipv4(address) => Some(address.into()),
            url::Host::Ipv6(address) => Some(address.into()),
            url::Host::Domain(_) => None,
        };
        if literal.is_some_and(|address| !is_public(address)) {
            return Err(format!("{place} is not a public address; DOORBELL_FORGE_ALLOW allows others"));
        }
        Ok((&self.guarded, url))
    }
}

/// What every call to a forge keeps to.
pub(super) fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(CALL)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("doorbell/", env!("CARGO_PKG_VERSION")))
}

impl Forge for Forges {
    async fn tell(&self, target: &Target, report: &Report, token: &SecretString) -> Answer<TellSeen> {
        match self.client(&target.forge.url) {
            Ok((client, url)) => match target.forge.kind {
                ReportKind::Pagure => pagure::flag(client, &url, target, report, token).await,
                ReportKind::PagureCi => pagure::notify(client, &url, target, report, token).await,
            },
            Err(reason) => Answer::Seen(TellSeen::Refused { reason, retry_after: None }),
        }
    }

    async fn head(&self, side: &ForgeSide, git_ref: &GitRef, token: Option<&SecretString>) -> Answer<HeadSeen> {
        match self.client(&side.url) {
            Ok((client, url)) => match side.kind {
                ReportKind::Pagure => pagure::head(client, &url, side, git_ref, token).await,
                // A hook's token opens nothing but the plugin's route, and is not shown to any other.
                ReportKind::PagureCi => pagure::head(client, &url, side, git_ref, None).await,
            },
            Err(reason) => Answer::Seen(HeadSeen::Unavailable(reason)),
        }
    }
}
