//! HTTP/2 (RFC 9113), as far as hyper leaves it to us: what a peer may make us hold, and what its errors mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gather_core::{now, spawn_service};
use h2::Reason;
use http_body_util::Full;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{Builder, SendRequest};

use super::http1::{Request, Response};
use super::io::{ConnectionInfo, Io};
use super::runtime::{Clock, Services};
use crate::error::{ErrorKind, Failure, Resend};

/// How much of one body may be on its way before we have taken any, and the most of it that is held unread: half a megabyte
/// fills a line of 40 Mbit/s and 100 ms.
const STREAM_WINDOW: u32 = 512 << 10;

/// The same for all bodies on a connection: the most there can be (RFC 9113, section 6.9.1). With less, bodies that wait for
/// room in memory could use it up, and the one that they wait for would never come to its end.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// How long a connection with requests under way may be silent before it is asked whether it is still there, and how long
/// it has to answer.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// How many streams that we have reset are remembered: what still comes on one of these is let pass, on any other it is
/// a fault of the peer.
const RESET_STREAMS: usize = 64;

/// A connection that many requests share. A task of its own reads from it and writes to it, until all clones are gone.
#[derive(Clone)]
pub(super) struct Http2 {
    sender: SendRequest<Full<Bytes>>,
    /// Held by who puts a request into the connection's queue, and by who ends the queue. A request that came between would
    /// stay in there, with nobody told, until the last clone is gone: it holds one itself, and would wait for ever.
    queue: Arc<Mutex<()>>,
    pub(super) info: ConnectionInfo,
}

impl Http2 {
    /// Begins to speak HTTP/2, and bounds what the peer may make us hold: windows, heads (of so many bytes), and streams that
    /// were reset. (h2 itself bounds frames that continue a head, resets, and answers to pings and settings that pile up; a push
    /// is a fault, for we never allow one.)
    pub(super) async fn begin(io: Io, head: usize) -> Result<Self, Failure> {
        let info = io.info();
        let (sender, driver) = Builder::new(Services)
            .timer(Clock)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
            .max_concurrent_reset_streams(RESET_STREAMS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .handshake(io)
            .await
            .map_err(|error| {
                Failure::new(ErrorKind::Connect, format!("http/2 does not begin: {error}")).source(error)
            })?;
        let queue = Arc::default();
        spawn_service(drive(driver, Arc::clone(&queue)));
        Ok(Self { sender, queue, info })
    }

    pub(super) async fn send(&mut self, request: Request) -> Result<Response, TrySendError<Request>> {
        let in_queue = {
            let _held = hold(&self.queue);
            self.sender.try_send_request(request)
        };
        in_queue.await
    }

    /// Whether another request can be on it.
    pub(super) fn takes_requests(&self) -> bool {
        !self.sender.is_closed() && !self.info.gives_way()
    }

    /// Whether nobody has been on it for so long.
    pub(super) fn is_unused_for(&self, time: Duration) -> bool {
        self.info.unused_since().is_some_and(|since| now().saturating_duration_since(since) >= time)
    }
}

/// Drives a connection to its end. What ends it is told to the requests on it.
async fn drive(driver: impl Future, queue: Arc<Mutex<()>>) {
    let mut driver = Box::pin(driver);
    let _ = driver.as_mut().await;
    let _held = hold(&queue);
    drop(driver);
}

fn hold(queue: &Mutex<()>) -> MutexGuard<'_, ()> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an error before the head means; `None` for one that is not HTTP/2's own.
pub(super) fn explain_head(error: &h2::Error) -> Option<Failure> {
    let reason = error.reason()?;
    if error.is_library() && matches!(reason, Reason::REFUSED_STREAM | Reason::ENHANCE_YOUR_CALM) {
        // So h2 refuses a head beyond the limit, and more frames of one than any head needs.
        return Some(Failure::new(ErrorKind::TooLarge, "the head of the response is too large"));
    }
    let mut failure = Failure::new(ErrorKind::Body, format!("{}, before any response", told(error, reason)));
    if !error.is_remote() {
        return Some(failure.retryable(false));
    }
    if reason == Reason::HTTP_1_1_REQUIRED {
        failure.resend = Resend::OverHttp1;
        return Some(failure.retryable(false));
    }
    // RFC 9113, section 8.7: it says so of the request itself, or that it will look at none that came late. (h2 tells the latter
    // only to those that did: what becomes of the others is seen when the connection closes.)
    failure.resend = match reason {
        Reason::REFUSED_STREAM if error.is_reset() => Resend::Refused,
        Reason::NO_ERROR if error.is_go_away() => Resend::Unprocessed,
        _ => Resend::Never,
    };
    Some(failure)
}

/// Whether it ended the connection, and not one request, for a reason that any request on it may have given.
pub(super) fn is_of_connection(error: &h2::Error) -> bool {
    let in_order = [Reason::NO_ERROR, Reason::ENHANCE_YOUR_CALM].map(Some).contains(&error.reason());
    error.is_io() || (error.is_go_away() && !(error.is_remote() && in_order))
}

/// What an error amid the body means.
pub(super) fn explain_body(error: &h2::Error) -> Option<Failure> {
    let reason = error.reason()?;
    let fact = format!("the body did not arrive whole: {}", told(error, reason));
    Some(Failure::new(ErrorKind::Body, fact).retryable(error.is_remote()))
}

fn told(error: &h2::Error, reason: Reason) -> String {
    let reason = reason.description();
    match (error.is_remote(), error.is_go_away()) {
        (false, _) => format!("the server breaks the rules of http/2 ({reason})"),
        (true, true) => format!("the server ended the connection ({reason})"),
        (true, false) => format!("the server ended the request ({reason})"),
    }
}
