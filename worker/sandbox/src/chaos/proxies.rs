//! Fault-injecting proxies before the sandbox's servers.
use std::collections::BTreeMap;

use crate::proxy::{Proxy, ProxyFault};
use crate::sandbox::Sandbox;

/// One proxy for each server that the product's binaries call.
#[derive(Debug)]
pub(super) struct FaultProxies {
    account: Proxy,
    codebuild: Proxy,
    forge: Proxy,
}

impl FaultProxies {
    pub(super) async fn start(sandbox: &Sandbox, seed: u64) -> anyhow::Result<Self> {
        let ca = sandbox.account.ca();
        let (account, codebuild, forge) =
            (sandbox.account.emulator().endpoint(), sandbox.codebuild.url(), sandbox.forge.url());
        Ok(Self {
            account: Proxy::start(account, ca, seed).await?,
            codebuild: Proxy::start(codebuild, ca, seed).await?,
            forge: Proxy::start(forge, ca, seed).await?,
        })
    }

    fn all(&self) -> [&Proxy; 3] {
        [&self.account, &self.codebuild, &self.forge]
    }

    /// The base URL by which workers reach the forge.
    pub(super) fn forge_url(&self) -> &str {
        self.forge.url()
    }

    /// The environment by which a worker's calls pass the proxies.
    pub(super) fn worker_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.account.url().to_owned()),
            ("AWS_ENDPOINT_URL_CODEBUILD", self.codebuild.url().to_owned()),
            ("DOORBELL_ALLOW_PRIVATE_FORGES", self.forge.url().trim_start_matches("https://").to_owned()),
        ]
    }

    /// The environment by which `trigger_job`'s calls pass the proxies.
    pub(super) fn publisher_environment(&self) -> [(&'static str, String); 1] {
        [("AWS_ENDPOINT_URL", self.account.url().to_owned())]
    }

    pub(super) fn set_percent(&self, percent: u8) {
        for proxy in self.all() {
            proxy.set_percent(percent);
        }
    }

    /// Waits until no request can still arrive.
    pub(super) async fn wait_until_idle(&self) {
        for proxy in self.all() {
            proxy.wait_until_idle().await;
        }
    }

    pub(super) fn fault_counts(&self) -> BTreeMap<ProxyFault, u64> {
        let mut all = BTreeMap::from(ProxyFault::ALL.map(|fault| (fault, 0)));
        for (fault, count) in self.all().into_iter().flat_map(Proxy::fault_counts) {
            *all.entry(fault).or_default() += count;
        }
        all
    }
}
