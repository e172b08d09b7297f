//! The fault-injecting proxy: the server's and the caller's view of each fault.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use doorbell_sandbox::proxy::{Proxy, ProxyFault};
use doorbell_sandbox::server::{LoopbackServer, serve};
use doorbell_sandbox::test_ca::TestCa;

struct ProxyFixture {
    client: reqwest::Client,
    proxy: Proxy,
    /// The calls that the server has executed.
    done: Arc<AtomicU64>,
    _server: LoopbackServer,
}

async fn fixture(seed: u64) -> ProxyFixture {
    let ca = TestCa::new().unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let carry_out = |State(done): State<Arc<AtomicU64>>| async move {
        done.fetch_add(1, Ordering::SeqCst);
        "executed"
    };
    let server = serve(Router::new().fallback(carry_out).with_state(Arc::clone(&done)), &ca).await.unwrap();
    let proxy = Proxy::start(&server.url, &ca, seed).await.unwrap();
    let certificate = reqwest::Certificate::from_pem(ca.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([certificate])
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    ProxyFixture { client, proxy, done, _server: server }
}

impl ProxyFixture {
    /// The caller's result: the response's status and body, or nothing.
    async fn call(&self) -> Option<(u16, String)> {
        let call = self.client.post(self.proxy.url()).header("x-amz-target", "AmazonSQS.SendMessage").send();
        let response = call.await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn proxy_without_faults_forwards_every_call() {
    let fixture = fixture(1).await;
    for _ in 0..20 {
        assert_eq!(fixture.call().await, Some((200, "executed".to_owned())));
    }
    assert_eq!(fixture.done(), 20);
    assert!(fixture.proxy.fault_counts().is_empty());
    assert_eq!(fixture.proxy.call_counts(), [("AmazonSQS.SendMessage".to_owned(), 20)].into());
}

/// With a fault in every call, each kind shows by the server's and the caller's view.
#[tokio::test]
async fn each_proxy_fault_has_its_documented_effect() {
    let fixture = fixture(7).await;
    fixture.proxy.set_percent(100);
    let mut met: Vec<ProxyFault> = Vec::new();
    let mut lost_before_and_after = [false; 2];
    while met.len() < ProxyFault::ALL.len() || lost_before_and_after != [true; 2] {
        let (before, faults) = (fixture.done(), fixture.proxy.fault_counts());
        let got = fixture.call().await;
        let was_done = fixture.done() > before;
        let met_now = fixture.proxy.fault_counts();
        let fault = *met_now.iter().find(|(fault, count)| faults.get(fault) != Some(count)).unwrap().0;
        match (fault, &got) {
            (ProxyFault::Before, Some((500, _))) => assert!(!was_done),
            (ProxyFault::After, Some((500, _))) => assert!(was_done),
            (ProxyFault::Delay, Some((200, _))) => assert!(was_done),
            (ProxyFault::Stall, None) => assert!(was_done),
            (ProxyFault::Reset, None) => lost_before_and_after[usize::from(was_done)] = true,
            (ProxyFault::Throttle, Some((400, text))) => assert!(!was_done && text.contains("ThrottlingException")),
            _ => panic!("{fault:?} got {got:?}"),
        }
        if !met.contains(&fault) {
            met.push(fault);
        }
    }
}

#[tokio::test]
async fn proxy_is_idle_after_callers_disconnect() {
    let fixture = fixture(1).await;
    tokio::time::timeout(Duration::from_secs(5), fixture.proxy.wait_until_idle()).await.unwrap();
    fixture.proxy.set_percent(100);
    // Stalls among these hold the call for longer than the caller waits.
    for _ in 0..30 {
        let call = fixture.client.post(fixture.proxy.url()).timeout(Duration::from_millis(50)).send();
        let _ = call.await;
    }
    tokio::time::timeout(Duration::from_secs(5), fixture.proxy.wait_until_idle()).await.unwrap();
}
