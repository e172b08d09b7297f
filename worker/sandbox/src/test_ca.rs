//! A certificate authority (CA) for one sandbox.
//!
//! The product's binaries use HTTPS only, and the account's queues deny anything else. Instead of disabling
//! verification, the binaries trust the sandbox's CA by `SSL_CERT_FILE`.
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// Signs the certificates of this sandbox's servers. Its key never leaves the process. Cheap to clone.
#[derive(Clone)]
pub struct TestCa(Arc<CaKeyPair>);

struct CaKeyPair {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

/// A server's certificate and its private key, both as PEM.
#[derive(Clone)]
pub struct ServerCertificate {
    /// The certificate alone, without the CA's.
    pub cert_pem: String,
    /// PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for TestCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestCa").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerCertificate").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

impl TestCa {
    /// Creates a CA with a new key.
    pub fn new() -> anyhow::Result<TestCa> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "Doorbell sandbox test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pem = issuer.pem();
        Ok(TestCa(Arc::new(CaKeyPair { issuer, pem })))
    }

    /// The CA's own certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.0.pem
    }

    /// Issues a certificate for `localhost` and `127.0.0.1`.
    pub fn issue(&self) -> anyhow::Result<ServerCertificate> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.0.issuer)?;
        Ok(ServerCertificate { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Writes a trust bundle of this CA only, for `SSL_CERT_FILE`: a process with it cannot leave the sandbox by
    /// mistake.
    pub fn write_trust_bundle(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, self.ca_pem()).with_context(|| format!("cannot write the trust bundle {}", path.display()))
    }
}
