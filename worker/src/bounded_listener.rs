use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Time within which a connection must have sent its request and taken the response.
pub(crate) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that are open at once. One more closes the oldest: a probe that is answered needs milliseconds, so the
/// oldest is one that sends nothing.
pub(crate) const MAX_CONNECTIONS: usize = 32;

/// Pause after an accept that failed, as it does without free file descriptors.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// A listener whose connections are few and short, also if its clients keep them open.
///
/// A client that opens connections and sends nothing would otherwise hold as many file descriptors of the worker as it
/// likes, and the worker needs them for its calls.
#[derive(Debug)]
pub(crate) struct BoundedListener {
    listener: TcpListener,
    /// Closes the connections, oldest first. Some may have ended already.
    connections: VecDeque<CancellationToken>,
}

impl BoundedListener {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self { listener, connections: VecDeque::new() }
    }

    fn admit(&mut self, stream: TcpStream) -> BoundedStream {
        if self.connections.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.connections.pop_front()
        {
            oldest.cancel();
        }
        let closed = CancellationToken::new();
        self.connections.push_back(closed.clone());
        let end = async move {
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, closed.cancelled()).await;
        };
        BoundedStream { stream, end: Box::pin(end), is_ended: false }
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BoundedStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (self.admit(stream), address),
                Err(error) => {
                    warn!("health endpoint cannot accept a connection, will retry: {error}");
                    tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails at its deadline, or when it is the oldest of too many.
pub(crate) struct BoundedStream {
    stream: TcpStream,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_ended: bool,
}

impl BoundedStream {
    fn check_end(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_ended = self.is_ended || self.end.as_mut().poll(context).is_ready();
        if self.is_ended { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check_end(context)?;
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check_end(context)?;
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
