use std::str::FromStr;

use reqwest::{Proxy, Url};

use crate::forge::ca_certificates::CaCertificates;

/// How forges are reached. By default: those at public addresses, directly, with certificates of public authorities.
#[derive(Debug, Clone, Default)]
pub struct ForgeNetwork {
    /// `host:port` of forges that may have private addresses. They are never reached through the proxy.
    pub private_hosts: Vec<String>,
    /// Certificates of private authorities.
    pub certificates: CaCertificates,
    /// For all forges but those.
    pub proxy: Option<ForgeProxy>,
}

/// An HTTP proxy. It has no user or password: a worker's settings hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeProxy(Url);

impl ForgeProxy {
    pub(super) fn for_client(&self) -> Result<Proxy, reqwest::Error> {
        Proxy::all(self.0.clone())
    }
}

impl FromStr for ForgeProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rule = "expected http://<host>:<port>, without user, password or path";
        let url = Url::parse(text).map_err(|_| rule.to_owned())?;
        let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        let is_whole =
            url.scheme() == "http" && url.host().is_some() && url.query().is_none() && url.fragment().is_none();
        if is_bare && is_whole { Ok(Self(url)) } else { Err(rule.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use doorbell_engine::domain::ForgeRepository;
    use doorbell_engine::ports::RefResolver;
    use doorbell_messages::GitRef;
    use doorbell_registry::ForgeKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::forge::PagureReporter;

    /// A proxy that refuses each connection, and returns the first line that it was sent.
    async fn refusing_proxy() -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let request = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let length = connection.read(&mut head).await.unwrap();
            connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&head[..length]).lines().next().unwrap_or_default().to_owned()
        });
        (address, request)
    }

    #[tokio::test]
    async fn public_forge_is_reached_through_the_proxy() {
        let (address, request) = refusing_proxy().await;
        let proxy = format!("http://{address}").parse().unwrap();
        let forge = PagureReporter::new(ForgeNetwork { proxy: Some(proxy), ..ForgeNetwork::default() }).unwrap();
        let repository = ForgeRepository {
            kind: ForgeKind::Pagure,
            url: "https://forge.example".parse().unwrap(),
            repo: "demo".parse().unwrap(),
            token_secret: "doorbell/report/demo".parse().unwrap(),
            username: "doorbell".to_owned(),
        };
        let resolution = forge.resolve_ref(&repository, &GitRef::parse_full("refs/heads/main").unwrap(), None).await;
        assert_eq!(request.await.unwrap(), "CONNECT forge.example:443 HTTP/1.1", "{resolution:?}");
    }

    #[test]
    fn proxy_with_a_password_or_a_path_is_rejected() {
        assert!("http://proxy.example.org:3128".parse::<ForgeProxy>().is_ok());
        for text in
            ["", "proxy:3128", "https://proxy:3128", "http://ada:secret@proxy:3128", "http://proxy/x", "http://p?q"]
        {
            let rule = text.parse::<ForgeProxy>().unwrap_err();
            assert!(rule.starts_with("expected http://") && !rule.contains("secret"), "{text}: {rule}");
        }
    }
}
