//! One request on the wire: a connection of the pool, the head of the response, and what errors mean.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use gather_core::now;
use http::header::HOST;
use http::{HeaderValue, Method, Uri};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;

use super::connect::{Connector, Typed};
use super::framing;
use super::http1::{Http1, Response};
use super::io::ConnectionInfo;
#[cfg(feature = "http2")]
use super::io::Ride;
use super::pool::{Line, Pool};
use super::server::Server;
use crate::config::Config;
use crate::error::{ErrorKind, Failure, Phase, Resend};
use crate::watch::Watch;

pub(crate) use super::http1::Request as WireRequest;
pub(crate) use super::pool::MOST_UNUSED;

/// The least that hyper can read a head into.
const LEAST_BUFFER: usize = 8 << 10;

/// Sends requests. Cloning it is cheap, and all clones share the connections.
#[derive(Clone)]
pub(crate) struct Wire {
    pool: Arc<Pool>,
    /// Bytes of a head.
    head: usize,
}

/// A response whose body is still on its way.
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) stream: Stream,
}

impl Wire {
    pub(crate) fn new(config: &Config, typed: Arc<Typed>) -> Self {
        let head = config.limits.header_bytes.max(LEAST_BUFFER);
        let pool = Pool::new(Connector::new(config, typed), config.keep_alive, head);
        Self { pool, head }
    }

    /// Sends a request, and waits for the head of the response. The limit on the first byte begins when there is a
    /// connection: until then the connector has its own.
    pub(crate) async fn send(&self, mut request: WireRequest, watch: &mut Watch) -> Result<Answer, Failure> {
        let (server, uri) = (Server::of(request.uri())?, request.uri().clone());
        let is_head = request.method() == Method::HEAD;
        loop {
            let (line, is_new) = watch.in_total(self.pool.line(&server)).await??;
            let (response, on) = match self.send_on(line, &server, request, watch).await {
                Ok(answered) => answered,
                // An unused connection that ended before it took the request is no fault of anybody's.
                Err(NotSent { unsent: Some(unsent), .. }) if !is_new => {
                    request = *unsent;
                    *request.uri_mut() = uri.clone();
                    continue;
                }
                Err(NotSent { failure, .. }) => return Err(failure),
            };
            return self.judge(response, is_head, on);
        }
    }

    async fn send_on(
        &self,
        line: Line,
        server: &Server,
        request: WireRequest,
        watch: &mut Watch,
    ) -> Result<(Response, On), NotSent> {
        match line {
            Line::Own(mut line) => {
                let info = line.info.clone();
                let request = for_http1(request, server, &info)?;
                let response = await_head(line.send(request), &info, watch).await?;
                Ok((response, On::Own { line, pool: self.pool.clone(), server: server.clone() }))
            }
            #[cfg(feature = "http2")]
            Line::Shared(mut line) => {
                let info = line.info.clone();
                let Some(ride) = Ride::begin(&info) else { return Err(NotSent::gave_way(request)) };
                let response = await_head(line.send(request), &info, watch).await?;
                info.note_served();
                Ok((response, On::Shared { ride, remote: info.remote() }))
            }
        }
    }

    /// The response, if its framing can be trusted. If it cannot, its connection serves no other request.
    fn judge(&self, response: Response, is_head: bool, on: On) -> Result<Answer, Failure> {
        let (head, incoming) = response.into_parts();
        let (status, version, headers) = (head.status.as_u16(), head.version, &head.headers);
        let sound =
            framing::check(status, version, headers).and_then(|()| framing::check_size(headers, self.head));
        sound.map_err(|failure| failure.with_status(status))?;
        let is_reusable = framing::is_reusable(status, is_head, version, headers);
        Ok(Answer { head, stream: Stream::new(incoming, on, is_reusable) })
    }
}

/// A request that got no answer.
struct NotSent {
    failure: Failure,
    /// It itself, if not a byte of it was written.
    unsent: Option<Box<WireRequest>>,
}

impl From<Failure> for NotSent {
    fn from(failure: Failure) -> Self {
        Self { failure, unsent: None }
    }
}

#[cfg(feature = "http2")]
impl NotSent {
    fn gave_way(request: WireRequest) -> Self {
        let mut failure = Failure::new(ErrorKind::Connect, "the connection made room for others");
        failure.resend = Resend::Unsent;
        Self { failure, unsent: Some(Box::new(request)) }
    }
}

/// The request as HTTP/1 wants it: it names its host in a header, and in its target only to a proxy (RFC 9112, section 3.2).
fn for_http1(mut request: WireRequest, server: &Server, info: &ConnectionInfo) -> Result<WireRequest, Failure> {
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::try_from(server.host_header());
        let host = host.map_err(|error| Failure::invalid("the host cannot stand in a header").source(error))?;
        request.headers_mut().insert(HOST, host);
    }
    if !info.is_proxied() {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
    }
    Ok(request)
}

/// Waits for the head of a response, within the limit on the first byte and the total.
async fn await_head(
    sending: impl Future<Output = Result<Response, TrySendError<WireRequest>>>,
    info: &ConnectionInfo,
    watch: &mut Watch,
) -> Result<Response, NotSent> {
    let mut sending = pin!(sending);
    let mut since: Option<Instant> = None;
    poll_fn(|cx| {
        if let Poll::Ready(result) = sending.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(|error| not_sent(error, info)));
        }
        let mut begun = *since.get_or_insert_with(now);
        loop {
            let until = watch.first_byte().and_then(|limit| begun.checked_add(limit));
            let late = ready!(watch.poll_late(cx, Phase::FirstByte, until));
            // A long request may still have been on its way: the limit is from then on.
            match info.sent_until().filter(|written| *written > begun) {
                Some(written) if late.phase == Some(Phase::FirstByte) => begun = written,
                _ => return Poll::Ready(Err(late.into())),
            }
            since = Some(begun);
        }
    })
    .await
}

fn not_sent(mut error: TrySendError<WireRequest>, info: &ConnectionInfo) -> NotSent {
    let unsent = error.take_message().map(Box::new);
    NotSent { failure: explain(error.into_error(), info), unsent }
}

/// What a response comes by.
enum On {
    /// Its own connection, which then goes back to the pool.
    Own { line: Box<Http1>, pool: Arc<Pool>, server: Server },
    #[cfg(feature = "http2")]
    Shared {
        #[allow(dead_code, reason = "it is held")]
        ride: Ride,
        remote: SocketAddr,
    },
}

/// The body of a response as it comes off the wire. Dropped before its end, it takes a connection of its own with it.
pub(crate) struct Stream {
    incoming: Incoming,
    remote: SocketAddr,
    is_reusable: bool,
    /// Until the end.
    on: Option<On>,
}

impl Stream {
    fn new(incoming: Incoming, on: On, is_reusable: bool) -> Self {
        let remote = match &on {
            On::Own { line, .. } => line.info.remote(),
            #[cfg(feature = "http2")]
            On::Shared { remote, .. } => *remote,
        };
        let mut stream = Self { incoming, remote, is_reusable, on: Some(on) };
        if stream.incoming.is_end_stream() {
            stream.end();
        }
        stream
    }

    /// Where it comes from.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// How much is still to come, as far as the response says it.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let incoming = &mut self.incoming;
        let polled = match &mut self.on {
            Some(On::Own { line, .. }) => line.poll_beside(cx, |cx| Pin::new(&mut *incoming).poll_frame(cx)),
            _ => Pin::new(incoming).poll_frame(cx),
        };
        match &polled {
            Poll::Ready(None) => self.end(),
            Poll::Ready(Some(Err(_))) => self.on = None,
            _ => {}
        }
        polled
    }

    /// It has come whole.
    fn end(&mut self) {
        if let Some(On::Own { line, pool, server }) = self.on.take()
            && self.is_reusable
        {
            pool.give_back(&server, line);
        }
    }
}

/// What an error before the head means.
fn explain(error: hyper::Error, info: &ConnectionInfo) -> Failure {
    #[cfg(feature = "http2")]
    if let Some(failure) = find::<h2::Error>(&error).and_then(super::http2::explain_head) {
        return failure.source(error);
    }
    let mut failure = explain_head(&error, info.heard_something());
    failure.resend = match () {
        () if info.gives_way() => Resend::Unsent,
        () if failure.retryable && info.was_stale() => Resend::UntilFresh,
        () => Resend::Never,
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
