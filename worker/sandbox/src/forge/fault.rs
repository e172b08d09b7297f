use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::response::{ForgeResponse, PagureError};

/// Which calls a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultScope {
    /// Everything below `/api/0`.
    Api,
    /// Posts of a flag, to a commit, a pull request or the plugin's route.
    FlagPosts,
    /// Everything that git asks.
    Git,
}

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum ForgeFault {
    /// Nothing: it takes a later call to meet the next fault.
    Skip,
    /// The call is not carried out.
    Before(ForgeFailure),
    /// The call is carried out, and its answer is lost.
    After(ForgeFailure),
    /// The call is carried out late, even if the caller has gone.
    HoldRequest(ReleaseTrigger),
    /// The call is not carried out, and that is said late: a Pagure without its redis takes 19 s for it.
    FailLate(ReleaseTrigger, ForgeFailure),
    /// The call is carried out at once and answered late.
    HoldReply(ReleaseTrigger),
    /// The token that the call carries is revoked before it is looked at.
    RevokeToken,
}

/// What the caller gets instead of its answer.
#[derive(Debug, Clone)]
pub enum ForgeFailure {
    /// This.
    Response(ForgeResponse),
    /// The connection is closed with nothing sent.
    Disconnect,
    /// 200, and a body without end.
    EndlessBody,
}

/// How long something is held.
#[derive(Debug, Clone)]
pub enum ReleaseTrigger {
    /// This long.
    After(Duration),
    /// Until the test says so.
    Signal(CancellationToken),
}

impl ForgeFailure {
    /// An HTML page with this status, as a framework or a proxy makes it.
    pub fn html(status: StatusCode) -> Self {
        Self::Response(ForgeResponse::html(status))
    }

    /// Pagure's 400 EDBERROR: what posts get that meet in its database.
    pub fn database_error() -> Self {
        // The words of this refusal name no address.
        Self::Response(PagureError::Database.into_forge_response(""))
    }
}

impl IntoResponse for ForgeFailure {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Response(answer) => return answer.into_response(),
            // An error before the first byte: the server drops the connection with the head unsent.
            Self::Disconnect => Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::other("a fault"))])),
            Self::EndlessBody => {
                let spaces = Bytes::from_static(&[b' '; 16 * 1024]);
                Body::from_stream(stream::repeat_with(move || Ok::<_, io::Error>(spaces.clone())))
            }
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

/// The faults to come, first in first out among those that match a call.
#[derive(Debug, Default)]
pub(super) struct FaultQueue(Vec<(usize, FaultScope, ForgeFault)>);

impl FaultQueue {
    pub(super) fn add(&mut self, count: usize, calls: FaultScope, fault: ForgeFault) {
        self.0.push((count, calls, fault));
    }

    pub(super) fn remaining(&self) -> usize {
        self.0.iter().map(|(count, ..)| count).sum()
    }

    /// The fault for a call that is all of these kinds.
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
