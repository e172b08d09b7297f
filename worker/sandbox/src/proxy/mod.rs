//! A fault-injecting proxy between the product's binaries and a server.
//!
//! It terminates their TLS, identifies each request, applies its fault and forwards the rest. Signatures stay valid:
//! they cover the `Host` header, which is forwarded unchanged, but no certificate.
mod call;
mod counters;
mod date;
mod fault;
mod hold;
mod response;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

pub use fault::ProxyFault;

use crate::server::{LoopbackServer, serve};
use crate::test_ca::TestCa;
use call::ProxiedCall;
use counters::ProxyCounters;
use fault::InjectedFault;
use hold::{CallHold, HeldSide};

/// A running proxy before one server. Dropping it stops it and closes open connections.
#[derive(Debug)]
pub struct Proxy {
    server: LoopbackServer,
    state: Arc<ProxyState>,
}

#[derive(Debug)]
struct ProxyState {
    upstream: String,
    http: reqwest::Client,
    seed: u64,
    percent: AtomicU8,
    /// The offset of the responses' dates in seconds.
    date_offset: AtomicI64,
    hold: CallHold,
    counters: ProxyCounters,
    in_flight: watch::Sender<usize>,
}

/// The largest message in the sandbox: ten SQS messages of 256 KiB, escaped.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Longer than any caller's timeout.
const STALL_DURATION: Duration = Duration::from_secs(120);

/// Headers that belong to one connection and are not forwarded.
const HOP_BY_HOP_HEADERS: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

impl Proxy {
    /// Starts a proxy before `upstream` (`https://127.0.0.1:<port>`), whose certificate is of `ca`.
    ///
    /// Faults begin with [`Proxy::set_percent`]; the seed determines which call gets which fault.
    ///
    /// # Errors
    /// No port is free, or no HTTPS client can be created.
    pub async fn start(upstream: &str, ca: &TestCa, seed: u64) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(ca.ca_pem().as_bytes())?])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("cannot create the proxy's HTTPS client")?;
        let state = Arc::new(ProxyState {
            upstream: upstream.to_owned(),
            http,
            seed,
            percent: AtomicU8::new(0),
            date_offset: AtomicI64::new(0),
            hold: CallHold::new(),
            counters: ProxyCounters::default(),
            in_flight: watch::Sender::new(0),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&state));
        Ok(Self { server: serve(router, ca).await?, state })
    }

    /// `https://127.0.0.1:<port>`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Sets the percentage of calls with a fault.
    pub fn set_percent(&self, percent: u8) {
        self.state.percent.store(percent, Ordering::Relaxed);
    }

    /// Sets the offset of the responses' `Date` in seconds.
    pub fn set_date_offset(&self, seconds: i64) {
        self.state.date_offset.store(seconds, Ordering::Relaxed);
    }

    /// Holds the response of one call: of this name and with this text in its body, after this many others like it.
    /// The call itself is executed.
    pub fn hold_response(&self, name: &str, text: &str, calls_before: u64) {
        self.state.hold.set(HeldSide::Response, name, text, calls_before);
    }

    /// As [`Proxy::hold_response`], but the server never gets the call.
    pub fn hold_request(&self, name: &str, text: &str, calls_before: u64) {
        self.state.hold.set(HeldSide::Request, name, text, calls_before);
    }

    /// Waits until that call was executed, or caught.
    pub async fn wait_until_held(&self) {
        self.state.hold.wait_until_reached().await;
    }

    /// How often each fault was applied.
    pub fn fault_counts(&self) -> std::collections::BTreeMap<ProxyFault, u64> {
        self.state.counters.fault_counts()
    }

    /// How often each call was made, by name (`AmazonSQS.ReceiveMessage`).
    pub fn call_counts(&self) -> std::collections::BTreeMap<String, u64> {
        self.state.counters.call_counts()
    }

    /// Waits until no call is in flight: nothing that was sent can still arrive.
    pub async fn wait_until_idle(&self) {
        // The proxy's state owns the sender and outlives this.
        let _ = self.state.in_flight.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Counts a call as in flight until it is dropped, also when its caller disconnects.
struct InFlightCall<'a>(&'a watch::Sender<usize>);

impl<'a> InFlightCall<'a> {
    fn enter(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for InFlightCall<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn receive(State(state): State<Arc<ProxyState>>, request: Request) -> Response {
    let _in_flight = InFlightCall::enter(&state.in_flight);
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = ProxiedCall::identify(&parts, &body);
    let call_index = state.counters.count_call(&call.name);
    if let Some(side) = state.hold.takes(&call.name, &body) {
        if side == HeldSide::Response {
            state.forward(parts, body).await;
        }
        state.hold.mark_reached();
        tokio::time::sleep(STALL_DURATION).await;
        return response::no_response();
    }
    match fault::choose_fault(state.seed, &call.name, call_index, state.percent.load(Ordering::Relaxed)) {
        Some(injected) => {
            state.counters.count_fault(injected.fault);
            tracing::debug!(call = call.name, call_index, fault = injected.fault.name(), "fault injected");
            state.inject_fault(injected, &call, parts, body).await
        }
        None => state.forward(parts, body).await.into_response(),
    }
}

impl ProxyState {
    async fn inject_fault(&self, injected: InjectedFault, call: &ProxiedCall, parts: Parts, body: Bytes) -> Response {
        match injected.fault {
            ProxyFault::Before => response::failure(call.protocol),
            ProxyFault::Throttle => response::throttle(call.protocol),
            ProxyFault::Reset if injected.early => response::no_response(),
            ProxyFault::Delay => {
                tokio::time::sleep(injected.delay).await;
                self.forward(parts, body).await.into_response()
            }
            ProxyFault::After => {
                self.forward(parts, body).await;
                response::failure(call.protocol)
            }
            ProxyFault::Reset => match self.forward(parts, body).await {
                ForwardResult::Response(status, headers, body) => response::truncated(status, headers, &body),
                ForwardResult::NoResponse => response::no_response(),
            },
            ProxyFault::Stall => {
                self.forward(parts, body).await;
                tokio::time::sleep(STALL_DURATION).await;
                response::no_response()
            }
        }
    }

    async fn forward(&self, parts: Parts, body: Bytes) -> ForwardResult {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self
            .http
            .request(parts.method, format!("{}{path}", self.upstream))
            .headers(end_to_end_headers(parts.headers))
            .body(body);
        let Ok(response) = request.send().await else { return ForwardResult::NoResponse };
        let (status, mut headers) = (response.status(), end_to_end_headers(response.headers().clone()));
        match self.date_offset.load(Ordering::Relaxed) {
            0 => {}
            seconds => date::shift(&mut headers, seconds),
        }
        match response.bytes().await {
            Ok(body) => ForwardResult::Response(status, headers, body),
            Err(_) => ForwardResult::NoResponse,
        }
    }
}

/// The server's response to a call.
enum ForwardResult {
    Response(StatusCode, HeaderMap, Bytes),
    /// The server is down, or closed the connection: the proxy does the same.
    NoResponse,
}

impl IntoResponse for ForwardResult {
    fn into_response(self) -> Response {
        match self {
            Self::Response(status, headers, body) => (status, headers, Body::from(body)).into_response(),
            Self::NoResponse => response::no_response(),
        }
    }
}

fn end_to_end_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in HOP_BY_HOP_HEADERS {
        headers.remove(HeaderName::from_static(name));
    }
    headers
}
