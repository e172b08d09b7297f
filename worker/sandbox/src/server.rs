//! HTTP servers on the loopback interface, each stopped when its handle is dropped.
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

use crate::test_ca::{ServerCertificate, TestCa};

/// How long a dropped server may still hold its port, and the interval between attempts to bind it.
const PORT_RELEASE_TIMEOUT: Duration = Duration::from_secs(10);
const PORT_POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A running server. Dropping it stops the server and closes open connections.
#[derive(Debug)]
pub struct LoopbackServer {
    /// `https://127.0.0.1:<port>` or `http://…`, without a slash at the end.
    pub url: String,
    handle: Handle<SocketAddr>,
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// Serves `router` over HTTPS on a free port, with a certificate of `ca`.
pub async fn serve(router: Router, ca: &TestCa) -> anyhow::Result<LoopbackServer> {
    serve_on(bind(0)?, router, ca)
}

/// As [`serve`], at the port of a server that has just been dropped: its callers see a restart.
pub async fn serve_at_port(router: Router, ca: &TestCa, port: u16) -> anyhow::Result<LoopbackServer> {
    let deadline = Instant::now() + PORT_RELEASE_TIMEOUT;
    loop {
        match bind(port) {
            Ok(bound) => return serve_on(bound, router, ca),
            // The previous server ends in a task of its own.
            Err(_) if Instant::now() < deadline => tokio::time::sleep(PORT_POLL_INTERVAL).await,
            Err(error) => return Err(error),
        }
    }
}

fn serve_on(bound: (TcpListener, SocketAddr), router: Router, ca: &TestCa) -> anyhow::Result<LoopbackServer> {
    let (listener, address) = bound;
    let tls = RustlsConfig::from_config(Arc::new(tls_config(&ca.issue()?)?));
    let handle = Handle::new();
    // Without it, a response's second packet waits for the acknowledgement of the first: 40 ms for git's larger ones.
    let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
    let server = axum_server::from_tcp(listener)?.acceptor(acceptor).handle(handle.clone());
    tokio::spawn(run(address, async move { server.serve(router.into_make_service()).await }));
    Ok(LoopbackServer { url: format!("https://{address}"), handle })
}

/// Serves `router` over plain HTTP on a free port.
pub async fn serve_plain(router: Router) -> anyhow::Result<LoopbackServer> {
    let (listener, address) = bind(0)?;
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?.handle(handle.clone());
    tokio::spawn(run(address, async move { server.serve(router.into_make_service()).await }));
    Ok(LoopbackServer { url: format!("http://{address}"), handle })
}

async fn run(address: SocketAddr, serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%address, %error, "a sandbox server stopped with an error");
    }
}

/// Binds a socket that listens at once, so that a client that connects early waits instead of being refused.
fn bind(port: u16) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).context("no free port on 127.0.0.1")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn tls_config(certificate: &ServerCertificate) -> anyhow::Result<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(certificate.cert_pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes())?;
    // Named, because rustls has no default provider when cargo has built it with two.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // AWS's own endpoints for these services support HTTP/1.1 only.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
