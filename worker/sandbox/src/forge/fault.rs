use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::response::{ForgeResponse, PagureError};

/// The time between two bytes of a forge that drips.
const DRIP_INTERVAL: Duration = Duration::from_secs(1);

/// The calls that a fault applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultScope {
    /// Everything below `/api/0`.
    Api,
    /// POSTs of a flag, to a commit, a pull request or the plugin's route.
    FlagPosts,
    /// All git requests.
    Git,
}

/// The fault of a call.
#[derive(Debug, Clone)]
pub enum ForgeFault {
    /// None: the next fault applies to a later call.
    Skip,
    /// The call is not executed.
    Before(ForgeFailure),
    /// The call is executed, and its response is lost.
    After(ForgeFailure),
    /// The call is executed late, even if the caller has disconnected.
    HoldRequest(ReleaseTrigger),
    /// The call is not executed, and fails late: a Pagure without its redis takes 19 s to fail.
    FailLate(ReleaseTrigger, ForgeFailure),
    /// The call is executed at once and its response is late.
    HoldReply(ReleaseTrigger),
    /// The call's token is revoked before it is checked.
    RevokeToken,
}

/// The caller's response to a failed call.
#[derive(Debug, Clone)]
pub enum ForgeFailure {
    /// This response.
    Response(ForgeResponse),
    /// The connection is closed without a response.
    Disconnect,
    /// Status 200 and an endless body.
    EndlessBody,
    /// Status 200 and an endless body of one byte a second.
    Drip,
}

/// How long a call is held.
#[derive(Debug, Clone)]
pub enum ReleaseTrigger {
    /// For this time.
    After(Duration),
    /// Until the test releases it.
    Signal(CancellationToken),
}

impl ForgeFailure {
    /// An HTML page with this status, as a framework or a proxy sends it.
    pub fn html(status: StatusCode) -> Self {
        Self::Response(ForgeResponse::html(status))
    }

    /// Pagure's 400 EDBERROR: the result of concurrent posts to its database.
    pub fn database_error() -> Self {
        // This error's message contains no URL.
        Self::Response(PagureError::Database.into_forge_response(""))
    }
}

impl IntoResponse for ForgeFailure {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Response(response) => return response.into_response(),
            // An error before the first byte: the server closes the connection without sending the head.
            Self::Disconnect => Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("a fault"))])),
            Self::EndlessBody => {
                let spaces = Bytes::from_static(&[b' '; 16 * 1024]);
                Body::from_stream(stream::repeat_with(move || Ok::<_, io::Error>(spaces.clone())))
            }
            Self::Drip => Body::from_stream(stream::unfold((), |()| async {
                tokio::time::sleep(DRIP_INTERVAL).await;
                Some((Ok::<_, io::Error>(Bytes::from_static(b" ")), ()))
            })),
        };
        ([(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl ReleaseTrigger {
    pub(super) async fn wait(self) {
        match self {
            Self::After(time) => tokio::time::sleep(time).await,
            Self::Signal(released) => released.cancelled().await,
        }
    }
}

/// The queued faults; the first that matches a call applies.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(Vec<(usize, FaultScope, ForgeFault)>);

impl FaultQueue {
    pub(super) fn add(&mut self, count: usize, calls: FaultScope, fault: ForgeFault) {
        self.0.push((count, calls, fault));
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.iter().map(|(count, ..)| count).sum()
    }

    /// The fault for a call that belongs to all of these scopes.
    pub(super) fn next_for(&mut self, kinds: &[FaultScope]) -> ForgeFault {
        self.0.retain(|(count, ..)| *count > 0);
        match self.0.iter_mut().find(|(_, calls, _)| kinds.contains(calls)) {
            Some((count, _, fault)) => {
                *count -= 1;
                fault.clone()
            }
            None => ForgeFault::Skip,
        }
    }
}
