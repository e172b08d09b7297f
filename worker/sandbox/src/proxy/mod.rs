//! What stands between the product's binaries and the world when things are to go wrong: it ends their TLS, knows
//! each request, lets it meet its fault and passes on what is left of it.
//!
//! Signatures stay good: they cover the `Host` header, which is passed on as it came, and no certificate.
mod answer;
mod call;
mod date;
mod fault;
mod hold;
mod tally;

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

pub use fault::Fault;

use crate::authority::Authority;
use crate::server::{Server, serve};
use call::Call;
use fault::Draw;
use hold::Hold;
use tally::Tally;

/// A running proxy before one server. It stops, open connections included, when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    road: Arc<Road>,
}

#[derive(Debug)]
struct Road {
    upstream: String,
    http: reqwest::Client,
    seed: u64,
    percent: AtomicU8,
    /// By how many seconds the answers' dates are off.
    date_off: AtomicI64,
    hold: Hold,
    tally: Tally,
    under_way: watch::Sender<usize>,
}

/// The largest message that any part of this world sends: ten SQS messages of 256 KiB, escaped.
const LARGEST: usize = 16 * 1024 * 1024;

/// Longer than any caller waits.
const STALL: Duration = Duration::from_secs(120);

/// Of one connection, and of no other.
const HOP_BY_HOP: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

impl Proxy {
    /// Stands before `upstream` (`https://127.0.0.1:<port>`), which `authority` has certified. Faults begin with
    /// [`Proxy::set_percent`]; which call meets which one follows from the seed.
    ///
    /// # Errors
    /// No port is free, or no HTTPS client can be made.
    pub async fn start(upstream: &str, authority: &Authority, seed: u64) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(authority.ca_pem().as_bytes())?])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .context("the proxy has no HTTPS client")?;
        let road = Arc::new(Road {
            upstream: upstream.to_owned(),
            http,
            seed,
            percent: AtomicU8::new(0),
            date_off: AtomicI64::new(0),
            hold: Hold::new(),
            tally: Tally::default(),
            under_way: watch::Sender::new(0),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&road));
        Ok(Self { server: serve(router, authority).await?, road })
    }

    /// `https://127.0.0.1:<port>`, no slash at the end.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// From now on so many of a hundred calls meet a fault.
    pub fn set_percent(&self, percent: u8) {
        self.road.percent.store(percent, Ordering::Relaxed);
    }

    /// From now on answers bear a `Date` that is so many seconds off.
    pub fn set_date_off(&self, seconds: i64) {
        self.road.date_off.store(seconds, Ordering::Relaxed);
    }

    /// The call of this name before which so many of its name came (as in [`Proxy::calls`]) will be carried out, and
    /// its caller will wait for the answer.
    pub fn hold_answer(&self, name: &str, calls_before: u64) {
        self.road.hold.set(name, calls_before);
    }

    /// Comes when that call was carried out.
    pub async fn until_held(&self) {
        self.road.hold.until_come().await;
    }

    /// How often each fault was met.
    pub fn faults(&self) -> std::collections::BTreeMap<Fault, u64> {
        self.road.tally.faults()
    }

    /// How often each call was made, by name (`AmazonSQS.ReceiveMessage`).
    pub fn calls(&self) -> std::collections::BTreeMap<String, u64> {
        self.road.tally.calls()
    }

    /// Comes when no call is under way: nothing that was sent can still arrive.
    pub async fn until_quiet(&self) {
        // The sender is the road's own and outlives this.
        let _ = self.road.under_way.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Counts a call as under way until it is dropped, which it also is when its caller goes.
struct UnderWay<'a>(&'a watch::Sender<usize>);

impl<'a> UnderWay<'a> {
    fn enter(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

async fn receive(State(road): State<Arc<Road>>, request: Request) -> Response {
    let _under_way = UnderWay::enter(&road.under_way);
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let call = Call::of(&parts, &body);
    let turn = road.tally.call(&call.name);
    if road.hold.is_for(&call.name, turn) {
        road.pass(parts, body).await;
        road.hold.come();
        tokio::time::sleep(STALL).await;
        return answer::nothing();
    }
    match fault::draw(road.seed, &call.name, turn, road.percent.load(Ordering::Relaxed)) {
        Some(draw) => {
            road.tally.fault(draw.fault);
            tracing::debug!(call = call.name, turn, fault = draw.fault.name(), "a fault");
            road.spoil(draw, &call, parts, body).await
        }
        None => road.pass(parts, body).await.into_response(),
    }
}

impl Road {
    async fn spoil(&self, draw: Draw, call: &Call, parts: Parts, body: Bytes) -> Response {
        match draw.fault {
            Fault::Before => answer::failure(call.tongue),
            Fault::Throttle => answer::throttle(call.tongue),
            Fault::Reset if draw.early => answer::nothing(),
            Fault::Delay => {
                tokio::time::sleep(draw.delay).await;
                self.pass(parts, body).await.into_response()
            }
            Fault::After => {
                self.pass(parts, body).await;
                answer::failure(call.tongue)
            }
            Fault::Reset => match self.pass(parts, body).await {
                Passed::Answer(status, headers, body) => answer::half(status, headers, &body),
                Passed::Nothing => answer::nothing(),
            },
            Fault::Stall => {
                self.pass(parts, body).await;
                tokio::time::sleep(STALL).await;
                answer::nothing()
            }
        }
    }

    async fn pass(&self, parts: Parts, body: Bytes) -> Passed {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let request = self
            .http
            .request(parts.method, format!("{}{path}", self.upstream))
            .headers(end_to_end(parts.headers))
            .body(body);
        let Ok(answer) = request.send().await else { return Passed::Nothing };
        let (status, mut headers) = (answer.status(), end_to_end(answer.headers().clone()));
        match self.date_off.load(Ordering::Relaxed) {
            0 => {}
            seconds => date::shift(&mut headers, seconds),
        }
        match answer.bytes().await {
            Ok(body) => Passed::Answer(status, headers, body),
            Err(_) => Passed::Nothing,
        }
    }
}

/// What the server made of a call.
enum Passed {
    Answer(StatusCode, HeaderMap, Bytes),
    /// It is not there, or ended the connection: so does the proxy.
    Nothing,
}

impl IntoResponse for Passed {
    fn into_response(self) -> Response {
        match self {
            Self::Answer(status, headers, body) => (status, headers, Body::from(body)).into_response(),
            Self::Nothing => answer::nothing(),
        }
    }
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in HOP_BY_HOP {
        headers.remove(HeaderName::from_static(name));
    }
    headers
}
