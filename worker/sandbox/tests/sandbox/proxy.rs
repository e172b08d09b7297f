//! The proxy before a server: what the server saw, and what the caller got.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use doorbell_sandbox::authority::Authority;
use doorbell_sandbox::proxy::{Fault, Proxy};
use doorbell_sandbox::server::{Server, serve};

struct Scene {
    client: reqwest::Client,
    proxy: Proxy,
    /// Calls that the server has carried out.
    done: Arc<AtomicU64>,
    _server: Server,
}

async fn scene(seed: u64) -> Scene {
    let authority = Authority::new().unwrap();
    let done = Arc::new(AtomicU64::new(0));
    let carry_out = |State(done): State<Arc<AtomicU64>>| async move {
        done.fetch_add(1, Ordering::SeqCst);
        "carried out"
    };
    let server = serve(Router::new().fallback(carry_out).with_state(Arc::clone(&done)), &authority).await.unwrap();
    let proxy = Proxy::start(&server.url, &authority, seed).await.unwrap();
    let certificate = reqwest::Certificate::from_pem(authority.ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([certificate])
        .no_proxy()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    Scene { client, proxy, done, _server: server }
}

impl Scene {
    /// What the caller got: the answer's status and text, or nothing.
    async fn call(&self) -> Option<(u16, String)> {
        let call = self.client.post(self.proxy.url()).header("x-amz-target", "AmazonSQS.SendMessage").send();
        let answer = call.await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn without_faults_every_call_is_carried_out_and_answered() {
    let scene = scene(1).await;
    for _ in 0..20 {
        assert_eq!(scene.call().await, Some((200, "carried out".to_owned())));
    }
    assert_eq!(scene.done(), 20);
    assert!(scene.proxy.faults().is_empty());
    assert_eq!(scene.proxy.calls(), [("AmazonSQS.SendMessage".to_owned(), 20)].into());
}

/// With every call faulty: each kind is told by what the server did and what the caller got.
#[tokio::test]
async fn each_fault_does_what_its_name_says() {
    let scene = scene(7).await;
    scene.proxy.set_percent(100);
    let mut met: Vec<Fault> = Vec::new();
    let mut lost_before_and_after = [false; 2];
    while met.len() < Fault::ALL.len() || lost_before_and_after != [true; 2] {
        let (before, faults) = (scene.done(), scene.proxy.faults());
        let got = scene.call().await;
        let was_done = scene.done() > before;
        let met_now = scene.proxy.faults();
        let fault = *met_now.iter().find(|(fault, count)| faults.get(fault) != Some(count)).unwrap().0;
        match (fault, &got) {
            (Fault::Before, Some((500, _))) => assert!(!was_done),
            (Fault::After, Some((500, _))) => assert!(was_done),
            (Fault::Delay, Some((200, _))) => assert!(was_done),
            (Fault::Stall, None) => assert!(was_done),
            (Fault::Reset, None) => lost_before_and_after[usize::from(was_done)] = true,
            (Fault::Throttle, Some((400, text))) => assert!(!was_done && text.contains("ThrottlingException")),
            _ => panic!("{fault:?} got {got:?}"),
        }
        if !met.contains(&fault) {
            met.push(fault);
        }
    }
}

#[tokio::test]
async fn nothing_is_under_way_once_the_caller_has_gone() {
    let scene = scene(1).await;
    tokio::time::timeout(Duration::from_secs(5), scene.proxy.until_quiet()).await.unwrap();
    scene.proxy.set_percent(100);
    // Stalls among these hold the call for longer than the caller waits for it.
    for _ in 0..30 {
        let call = scene.client.post(scene.proxy.url()).timeout(Duration::from_millis(50)).send();
        let _ = call.await;
    }
    tokio::time::timeout(Duration::from_secs(5), scene.proxy.until_quiet()).await.unwrap();
}
