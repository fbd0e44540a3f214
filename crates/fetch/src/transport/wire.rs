//! One request on the wire: hyper's pooled client over our connections, and what its errors mean.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gather_core::now;
use http::{Extensions, Method};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, capture_connection};

use super::connect::{Connector, Typed, poll_telling};
use super::framing;
use super::io::{ConnectionInfo, Ride};
use super::runtime::{Clock, Services};
use crate::config::Config;
use crate::error::{ErrorKind, Failure, Phase, Resend};
use crate::watch::Watch;

/// How long an unused connection is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// How many unused connections to one origin are kept.
pub(crate) const IDLE_CONNECTIONS: usize = 1024;

/// How many headers a response may have; their bytes are bounded in any case.
const HEADERS: usize = 256;

/// The least that hyper can read a head into.
const LEAST_BUFFER: usize = 8 << 10;

pub(crate) type WireRequest = http::Request<Full<Bytes>>;

/// The body of a request. hyper asks for its size when the request has its connection, and before a byte of it is written:
/// then its ride begins, where others may share the connection. (On any other, what is written tells as much.)
struct Sent {
    bytes: Full<Bytes>,
    boarding: Boarding,
}

#[derive(Clone)]
struct Boarding {
    captured: CaptureConnection,
    ride: Arc<Mutex<Option<Ride>>>,
}

impl Boarding {
    fn board(&self) {
        let connected = self.captured.connection_metadata();
        let connected = connected.as_ref().filter(|connected| connected.is_negotiated_h2());
        if let Some(connection) = connected.and_then(connection) {
            let ride = self.on(&connection);
            *self.ride.lock().unwrap_or_else(PoisonError::into_inner) = Some(ride);
        }
    }

    /// The ride on this connection: the one that has begun, or a new one.
    fn on(&self, connection: &ConnectionInfo) -> Ride {
        let begun = self.ride.lock().unwrap_or_else(PoisonError::into_inner).take();
        begun.filter(|ride| ride.is_on(connection)).unwrap_or_else(|| Ride::begin(connection))
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.bytes).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.boarding.board();
        self.bytes.size_hint()
    }
}

/// The head of a response, whose body is still on its way.
pub(crate) struct Answer {
    pub(crate) response: http::Response<Incoming>,
    pub(crate) ride: Option<Ride>,
}

/// Sends requests. Cloning it is cheap, and all clones share the connections.
#[derive(Clone)]
pub(crate) struct Wire {
    http: Client<Connector, Sent>,
    /// Bytes of a head.
    head: usize,
}

impl Wire {
    pub(crate) fn new(config: &Config, typed: Arc<Typed>) -> Self {
        let head = config.limits.header_bytes.max(LEAST_BUFFER);
        let mut http = Client::builder(Services);
        #[cfg(feature = "http2")]
        super::http2::bound(&mut http, head);
        let http = http
            .pool_timer(Clock)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(if config.keep_alive { IDLE_CONNECTIONS } else { 0 })
            // RFC 9112, section 5.2: a user agent reads a folded line as one.
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_max_buf_size(head)
            .http1_max_headers(HEADERS)
            .build(Connector::new(config, typed));
        Self { http, head }
    }

    /// Sends a request and waits for the head of the response. The limit on the first byte begins when there is a
    /// connection: until then the connector has its own.
    pub(crate) async fn send(&self, mut request: WireRequest, watch: &mut Watch) -> Result<Answer, Failure> {
        let is_head = request.method() == Method::HEAD;
        let captured = capture_connection(&mut request);
        let boarding = Boarding { captured: captured.clone(), ride: Arc::default() };
        let request = request.map(|bytes| Sent { bytes, boarding: boarding.clone() });
        let response = self.await_head(request, watch, &captured).await?;
        let response = self.judge(response, is_head, &captured)?;
        let ride = response.extensions().get::<ConnectionInfo>().map(|connection| boarding.on(connection));
        ride.iter().for_each(Ride::is_answered);
        Ok(Answer { response, ride })
    }

    async fn await_head(
        &self,
        request: http::Request<Sent>,
        watch: &mut Watch,
        captured: &CaptureConnection,
    ) -> Result<http::Response<Incoming>, Failure> {
        let mut response = self.http.request(request);
        let mut connected: Option<Instant> = None;
        poll_fn(|cx| {
            let (poll, connecting) = poll_telling(&mut response, cx);
            if let Poll::Ready(result) = poll {
                return Poll::Ready(result.map_err(explain));
            }
            connected = if connecting { None } else { connected.or_else(|| Some(now())) };
            loop {
                let until =
                    connected.zip(watch.first_byte()).and_then(|(since, limit)| since.checked_add(limit));
                let late = ready!(watch.poll_late(cx, Phase::FirstByte, until));
                // A long request may still have been on its way: the limit is from then on.
                let written =
                    sent_until(captured).filter(|written| connected.is_some_and(|at| *written > at));
                if late.phase != Some(Phase::FirstByte) || written.is_none() {
                    return Poll::Ready(Err(late));
                }
                connected = written;
            }
        })
        .await
    }

    /// The response, if its framing can be trusted. If it cannot, its connection serves no other request.
    fn judge(
        &self,
        response: http::Response<Incoming>,
        is_head: bool,
        captured: &CaptureConnection,
    ) -> Result<http::Response<Incoming>, Failure> {
        let (status, version, headers) = (response.status().as_u16(), response.version(), response.headers());
        let sound =
            framing::check(status, version, headers).and_then(|()| framing::check_size(headers, self.head));
        if (sound.is_err() || !framing::is_reusable(status, is_head, version, headers))
            && let Some(connected) = captured.connection_metadata().as_ref()
        {
            connected.poison();
        }
        sound.map(|()| response).map_err(|failure| failure.with_status(status))
    }
}

/// The connection that a request was given, as soon as it has one.
fn connection(connected: &Connected) -> Option<ConnectionInfo> {
    let mut extensions = Extensions::new();
    connected.get_extras(&mut extensions);
    extensions.remove::<ConnectionInfo>()
}

/// When something of a long request was last written to the connection.
fn sent_until(captured: &CaptureConnection) -> Option<Instant> {
    connection(captured.connection_metadata().as_ref()?)?.sent_until()
}

/// What an error before the head means.
fn explain(error: hyper_util::client::legacy::Error) -> Failure {
    if let Some(failure) = find::<Failure>(&error) {
        return failure.clone();
    }
    let connection = error.connect_info().and_then(connection);
    #[cfg(feature = "http2")]
    if let Some(failure) = find::<h2::Error>(&error).and_then(super::http2::explain_head) {
        return failure.source(error);
    }
    let mut failure = match find::<hyper::Error>(&error) {
        Some(hyper) => explain_head(hyper, connection.as_ref().is_some_and(ConnectionInfo::heard_something)),
        None => Failure::new(ErrorKind::Connect, format!("the request could not be sent: {error}")),
    };
    failure.resend = match connection {
        Some(connection) if connection.gave_way() => Resend::Unsent,
        Some(connection) if failure.retryable && connection.was_stale() => Resend::UntilFresh,
        _ => Resend::Never,
    };
    failure.source(error)
}

fn explain_head(error: &hyper::Error, heard_something: bool) -> Failure {
    if error.is_parse_too_large() {
        return Failure::new(ErrorKind::TooLarge, "the head of the response is too large");
    }
    if error.is_parse() {
        let fact = format!("the answer is not http: {}", root(error));
        return Failure::new(ErrorKind::Body, fact).retryable(false);
    }
    if let Some(failure) = tls_alert(error) {
        return failure;
    }
    let how = match find::<std::io::Error>(error) {
        Some(io) if io.kind() == std::io::ErrorKind::ConnectionReset => "reset the connection",
        _ => "closed the connection",
    };
    let when = if heard_something { "amid the head of its response" } else { "before any response" };
    Failure::new(ErrorKind::Body, format!("the server {how} {when}"))
}

/// What an error amid the body means.
pub(crate) fn explain_body(error: hyper::Error) -> Failure {
    if let Some(failure) = tls_alert(&error) {
        return failure;
    }
    #[cfg(feature = "http2")]
    if let Some(failure) = find::<h2::Error>(&error).and_then(super::http2::explain_body) {
        return failure.source(error);
    }
    let why = match find::<std::io::Error>(&error) {
        Some(io) if io.kind() == std::io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        Some(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the connection ended too early".to_owned()
        }
        Some(io) => io.to_string().to_lowercase(),
        None if error.is_incomplete_message() => "the connection ended too early".to_owned(),
        None => root(&error),
    };
    Failure::new(ErrorKind::Body, format!("the body did not arrive whole: {why}")).source(error)
}

/// The other side ended TLS with an alert, after a handshake that seemed to have worked (TLS 1.3 tells late).
fn tls_alert(error: &hyper::Error) -> Option<Failure> {
    let io = find::<std::io::Error>(error)?;
    let tls = io.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(Failure::new(ErrorKind::Tls, format!("tls broke off: {tls}")))
}

/// The first error of type `T` in a chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The message at the end of a chain of causes.
fn root(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string().to_lowercase()
}
