use std::str::FromStr;

use reqwest::{Certificate, Client, ClientBuilder};

/// Certificates of private authorities (CAs) that forges, or a collector, may use beside the public ones.
///
/// Only the calls for which they were set trust them: a CA of the owner's network must not vouch for AWS.
#[derive(Debug, Clone, Default)]
pub struct CaCertificates(Vec<Certificate>);

impl CaCertificates {
    /// The client trusts them, too.
    pub(crate) fn add_to(&self, builder: ClientBuilder) -> ClientBuilder {
        if self.0.is_empty() { builder } else { builder.tls_certs_merge(self.0.iter().cloned()) }
    }
}

/// From certificates in PEM, one after the other.
impl FromStr for CaCertificates {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = |reason: String| format!("{reason}; expected certificates in PEM (-----BEGIN CERTIFICATE-----)");
        let certificates = Certificate::from_pem_bundle(text.as_bytes()).map_err(|error| invalid(error.to_string()))?;
        if certificates.is_empty() {
            return Err(invalid("no certificate".to_owned()));
        }
        // The bundle is only split so far. A client reads what each certificate holds.
        let certificates = Self(certificates);
        certificates.add_to(Client::builder()).build().map_err(|_| invalid("not a certificate".to_owned()))?;
        Ok(certificates)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::{SocketAddr, TcpListener};

    use axum::Router;
    use axum::routing::get;
    use axum_server::Handle;
    use axum_server::tls_rustls::RustlsConfig;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;
    use crate::forge::client::client_builder;

    /// A forge behind a private CA: its address, and the CA's certificate.
    pub(crate) async fn private_forge() -> (String, String, Handle<SocketAddr>) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let tls = RustlsConfig::from_pem(server.pem().into_bytes(), key.serialize_pem().into_bytes()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let handle = Handle::new();
        let router = Router::new().route("/", get(|| async { "a forge" }));
        let serving = axum_server::from_tcp_rustls(listener, tls).unwrap().handle(handle.clone());
        tokio::spawn(serving.serve(router.into_make_service()));
        (format!("https://localhost:{port}/"), authority.pem(), handle)
    }

    async fn call(url: &str, certificates: &CaCertificates) -> Result<String, reqwest::Error> {
        certificates.add_to(client_builder()).build()?.get(url).send().await?.text().await
    }

    #[tokio::test]
    async fn forge_of_a_private_ca_is_trusted_only_with_its_certificate() {
        let (url, pem, _server) = private_forge().await;
        assert!(call(&url, &CaCertificates::default()).await.is_err());
        let (_, other, _other_server) = private_forge().await;
        assert!(call(&url, &other.parse().unwrap()).await.is_err());
        assert_eq!(call(&url, &pem.parse().unwrap()).await.unwrap(), "a forge");
        assert_eq!(call(&url, &format!("{other}{pem}").parse().unwrap()).await.unwrap(), "a forge");
    }

    #[tokio::test]
    async fn setting_without_a_certificate_is_rejected() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "/etc/ssl/ca.pem", broken] {
            let rule = text.parse::<CaCertificates>().unwrap_err();
            assert!(rule.contains("BEGIN CERTIFICATE"), "{text}: {rule}");
        }
    }
}
