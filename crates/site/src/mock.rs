//! A server whose answers are a closure of the test.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use http::header::{CONNECTION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::body::Body;
use crate::error::Error;
use crate::serve::{STOP_GRACE, stop_within};
use crate::server::{Handler, Peer, drive, listen};
use crate::stop::{Level, Stop};
#[cfg(feature = "tls")]
use crate::tls::ServerTls;
use crate::transport::Transport;

/// Larger request bodies are answered with 413.
const BODY_LIMIT: usize = 64 << 20;

/// Later requests are counted, but not kept.
const KEPT: usize = 100_000;

/// A server for tests: a closure gives the answers, and what was asked can be looked at.
///
/// ```
/// use gather_site::{Mock, Reply};
///
/// let server = Mock::start(|request| match (request.path(), request.call()) {
///     ("/flaky", 1 | 2) => Reply::status(500).header("retry-after", "1"),
///     ("/flaky", _) => Reply::html("<p>at last</p>"),
///     ("/moved", _) => Reply::redirect(302, "/flaky"),
///     ("/echo", _) => Reply::bytes(request.body().clone()),
///     _ => Reply::status(404),
/// })?;
/// let page = server.join("/flaky"); // http://127.0.0.1:PORT/flaky
/// # assert!(page.ends_with("/flaky"));
/// assert_eq!(server.calls(), 0);
/// # Ok::<_, gather_site::Error>(())
/// ```
///
/// It can be started inside and outside of `gather_core::run`, and lives until it is dropped, or until the root
/// scope it was started in ends. A handler that panics answers 500, with the panic's message.
#[must_use = "it stops when it is dropped"]
pub struct Mock {
    url: String,
    addr: SocketAddr,
    state: Arc<State>,
    stop: Arc<Stop>,
    expected: Option<usize>,
}

/// The options of a [`Mock`], made by [`Mock::builder`].
#[must_use = "nothing is served before it is started"]
pub struct MockBuilder {
    addr: SocketAddr,
    transport: Transport,
}

impl MockBuilder {
    /// The address to listen on. Default: 127.0.0.1. On Linux all of 127.0.0.0/8 works, so one test can have
    /// several hosts.
    pub fn host(mut self, host: IpAddr) -> Self {
        self.addr.set_ip(host);
        self
    }

    /// The port to listen on. Default: 0, which takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.addr.set_port(port);
        self
    }

    /// Speaks TLS. Default: off.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.transport = Transport::Tls(tls);
        self
    }

    /// Starts the server. It fails when the address cannot be listened on.
    pub fn start<F>(self, handler: F) -> Result<Mock, Error>
    where
        F: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        let listening = listen(self.addr)?;
        let stop = Arc::new(Stop::default());
        let state = Arc::new(State { handler: Box::new(handler), seen: Mutex::default() });
        let mock = Mock {
            url: format!("{}://{}", self.transport.scheme(), listening.addr),
            addr: listening.addr,
            state: state.clone(),
            stop: stop.clone(),
            expected: None,
        };
        let transport = self.transport;
        listening.serve(stop.clone(), move |stream, peer| {
            let (transport, state, stop) = (transport.clone(), state.clone(), stop.clone());
            async move {
                // A client that does not trust our certificate has gone.
                if let Ok((stream, protocol)) = transport.open(stream).await {
                    drive(stream, protocol, peer, state, stop).await;
                }
            }
        });
        Ok(mock)
    }
}

impl Mock {
    /// A server on a free port of 127.0.0.1.
    pub fn builder() -> MockBuilder {
        MockBuilder { addr: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0), transport: Transport::default() }
    }

    /// Starts a server on a free port of 127.0.0.1.
    pub fn start<F>(handler: F) -> Result<Mock, Error>
    where
        F: Fn(&Request) -> Reply + Send + Sync + 'static,
    {
        Self::builder().start(handler)
    }

    /// Starts a server that gives these answers one after the other, whatever is asked; the last one again and again.
    pub fn sequence(replies: impl IntoIterator<Item = Reply>) -> Result<Mock, Error> {
        let replies: Vec<Reply> = replies.into_iter().collect();
        Self::start(move |request| {
            let reply = replies.get(request.number() - 1).or(replies.last());
            reply.cloned().unwrap_or_else(|| Reply::status(500))
        })
    }

    /// Where it serves, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a path (with its slash in front, and its query).
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The address and port it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many requests have arrived.
    pub fn calls(&self) -> usize {
        self.state.seen().count
    }

    /// How many requests have arrived for a path, whatever their query.
    pub fn calls_of(&self, path: &str) -> usize {
        self.state.seen().by_path.get(path).copied().unwrap_or(0)
    }

    /// The requests in the order in which they arrived: the first 100,000.
    pub fn requests(&self) -> Vec<Request> {
        self.state.seen().requests.clone()
    }

    /// Makes the test fail when the server is dropped after any other number of requests.
    pub fn expect(mut self, calls: usize) -> Self {
        self.expected = Some(calls);
        self
    }

    /// Stops accepting, lets the answers in progress finish for [`STOP_GRACE`](crate::STOP_GRACE), and returns
    /// once every connection is gone.
    pub async fn stop(self) {
        stop_within(&self.stop, STOP_GRACE).await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.stop.raise(Level::Now);
        if let Some(expected) = self.expected {
            let calls = self.calls();
            assert!(
                std::thread::panicking() || calls == expected,
                "the server at {} expected {expected} requests and got {calls}",
                self.url
            );
        }
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").field("url", &self.url).field("calls", &self.calls()).finish_non_exhaustive()
    }
}

/// A request that arrived at a [`Mock`].
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    path: String,
    headers: HeaderMap,
    body: Bytes,
    number: usize,
    call: usize,
    peer: Peer,
    at: Instant,
}

impl Request {
    /// The method, in its letters.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Path and query as sent; the whole URL where that was sent, as to a proxy.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path, as sent.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What follows the question mark, as sent.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// All headers, with their bytes.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The first header of this name, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as text, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Which request this is to its path, whatever the query; from 1.
    pub fn call(&self) -> usize {
        self.call
    }

    /// Which request this is to the server; from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Which connection it came on; from 1.
    pub fn connection(&self) -> u64 {
        self.peer.connection
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer.addr
    }

    /// When its head had arrived.
    pub fn at(&self) -> Instant {
        self.at
    }
}

/// What a [`Mock`] answers. Content-Length, Date and Connection are added; for wrong ones take [`Rude`](crate::Rude).
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Bytes,
    chunked: bool,
    delay: Duration,
    gate: Option<Shared<BoxFuture<'static, ()>>>,
    close: bool,
}

impl Reply {
    /// Any status from 200 to 999, without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            chunked: false,
            delay: Duration::ZERO,
            gate: None,
            close: false,
        }
    }

    /// 200 with bytes, without a content type.
    pub fn bytes(body: impl Into<Bytes>) -> Self {
        Self::status(200).body(body)
    }

    /// 200 with `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into()).header(CONTENT_TYPE, "text/plain; charset=utf-8")
    }

    /// 200 with `text/html; charset=utf-8`.
    pub fn html(html: impl Into<String>) -> Self {
        Self::bytes(html.into()).header(CONTENT_TYPE, "text/html; charset=utf-8")
    }

    /// 200 with `application/json`; the text is JSON already.
    pub fn json(json: impl Into<String>) -> Self {
        Self::bytes(json.into()).header(CONTENT_TYPE, "application/json")
    }

    /// A status with a Location.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).header(LOCATION, location)
    }

    /// Adds a header. The value is sent byte for byte and may hold bytes above 127; a name or value that no header
    /// can have turns the answer into a 500 that says so.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the body with `Transfer-Encoding: chunked` instead of a Content-Length.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Holds the answer back. Default: zero.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Holds the answer back until the future is done: how a test puts things in order without sleeping.
    pub fn after(mut self, gate: impl Future<Output = ()> + Send + 'static) -> Self {
        self.gate = Some(gate.boxed().shared());
        self
    }

    /// Closes the connection after the answer.
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    async fn send(self) -> Response<Body> {
        if !self.delay.is_zero() {
            gather_core::sleep(self.delay).await;
        }
        if let Some(gate) = self.gate.clone() {
            gate.await;
        }
        self.response().unwrap_or_else(|problem| broken(&format!("the reply cannot be sent: {problem}")))
    }

    fn response(self) -> Result<Response<Body>, http::Error> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = final_status(self.status)?;
        for (name, value) in &self.headers {
            response.headers_mut().append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
        }
        if self.close {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        *response.body_mut() =
            if self.chunked { Body::Chunked([self.body].into()) } else { Body::Full(self.body) };
        Ok(response)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, body, delay, close, .. } = self;
        f.debug_struct("Reply")
            .field("status", status)
            .field("bytes", &body.len())
            .field("delay", delay)
            .field("close", close)
            .finish_non_exhaustive()
    }
}

// 1xx is no answer: the client would wait for another.
fn final_status(status: u16) -> Result<StatusCode, http::Error> {
    let status = StatusCode::from_u16(status)?;
    if status.is_informational() { Ok(StatusCode::from_u16(0)?) } else { Ok(status) }
}

fn broken(message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{message}\n")));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

struct State {
    handler: Box<dyn Fn(&Request) -> Reply + Send + Sync>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    count: usize,
    by_path: HashMap<String, usize>,
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, mut request: Request) -> Request {
        let mut seen = self.seen();
        seen.count += 1;
        request.number = seen.count;
        let call = seen.by_path.entry(request.path.clone()).or_default();
        *call += 1;
        request.call = *call;
        if seen.requests.len() < KEPT {
            seen.requests.push(request.clone());
        }
        request
    }

    fn reply(&self, request: &Request) -> Result<Reply, String> {
        catch_unwind(AssertUnwindSafe(|| (self.handler)(request))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        })
    }
}

impl Handler for State {
    async fn answer(self: Arc<Self>, request: http::Request<Incoming>, peer: Peer) -> Response<Body> {
        let at = gather_core::now();
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            let mut response = broken("the request body is too large or broken off");
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        };
        let request = self.see(Request {
            method: head.method.to_string(),
            target: head.uri.to_string(),
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: body.to_bytes(),
            number: 0,
            call: 0,
            peer,
            at,
        });
        match self.reply(&request) {
            Ok(reply) => reply.send().await,
            Err(panic) => broken(&format!("the handler panicked: {panic}")),
        }
    }
}
