//! One request on the wire: a connection of the pool, and the head of the response.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Instant;

use gather_core::now;
use http::header::HOST;
#[cfg(feature = "http2")]
use http::uri::Authority;
use http::{HeaderValue, Method, Uri};
use hyper::body::Body as _;
use hyper::client::conn::TrySendError;

use super::connect::{Connector, Typed};
use super::errors::explain;
use super::framing;
use super::http1::Response;
use super::io::ConnectionInfo;
#[cfg(feature = "http2")]
use super::io::Ride;
use super::pool::{Line, Pool};
use super::server::Server;
use super::stream::{Again, On, Stream};
use crate::config::Config;
use crate::error::{ErrorKind, Failure, Phase, Resend};
use crate::request;
use crate::watch::Watch;

pub(crate) use super::http1::Request as WireRequest;
pub(crate) use super::pool::MOST_UNUSED;

/// The least that hyper can read a head into.
const LEAST_BUFFER: usize = 8 << 10;

/// Sends requests. Cloning it is cheap, and all clones share the connections.
#[derive(Clone)]
pub(crate) struct Wire {
    pool: Arc<Pool>,
}

/// A response whose body is still on its way.
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) stream: Stream,
}

impl Wire {
    pub(crate) fn new(config: &Config, typed: Arc<Typed>) -> Self {
        let head = config.limits.header_bytes.max(LEAST_BUFFER);
        Self { pool: Pool::new(Connector::new(config, typed), config.keep_alive, head) }
    }

    /// Sends a request, over a connection of its own if it is to be `alone`, and waits for the head of the response. The limit on
    /// the first byte begins when there is a connection: until then the connector has its own.
    pub(crate) async fn send(
        &self,
        mut request: WireRequest,
        alone: bool,
        watch: &mut Watch,
    ) -> Result<Answer, Failure> {
        let (server, uri) = (Server::of(request.uri())?, request.uri().clone());
        let host = request.headers().get(HOST).cloned();
        let (is_head, may_be_resent) =
            (request.method() == Method::HEAD, request::is_idempotent(request.method()));
        loop {
            let (mut line, is_new) = match alone {
                true => watch.in_total(Box::pin(self.pool.own_line(&server))).await??,
                false => watch.in_total(self.pool.line(&server)).await??,
            };
            if !(is_new || may_be_resent || watch.in_total(line.settles()).await?) {
                continue;
            }
            let (response, on) = match self.send_on(line, &server, request, watch).await {
                Ok(answered) => answered,
                // An unused connection that ended before it took the request is no fault of anybody's.
                Err(NotSent { unsent: Some(unsent), .. }) if !is_new => {
                    request = *unsent;
                    *request.uri_mut() = uri.clone();
                    if let Some(host) = &host {
                        request.headers_mut().insert(HOST, host.clone());
                    }
                    continue;
                }
                Err(NotSent { failure, .. }) => {
                    if failure.resend == Resend::OverHttp1 {
                        self.pool.leave_http2(&server);
                    }
                    return Err(failure);
                }
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
                let is_alone = request.body().is_end_stream();
                let Some(side) = line.speak(self.pool.head).await else {
                    return Err(NotSent::not_taken(request));
                };
                let response = await_head(side.send(request), &info, watch).await?;
                let (pool, server) = (self.pool.clone(), server.clone());
                Ok((response, On::Own { line, is_alone, pool, server }))
            }
            #[cfg(feature = "http2")]
            Line::Shared(mut line) => {
                let info = line.info.clone();
                let request = for_http2(request)?;
                let Some(ride) = Ride::begin(&info) else { return Err(NotSent::not_taken(request)) };
                let response = await_head(Box::pin(line.send(request)), &info, watch).await?;
                info.note_served();
                Ok((response, On::Shared { ride, info }))
            }
        }
    }

    /// The response, if its framing can be trusted. If it cannot, its connection serves no other request.
    fn judge(&self, response: Response, is_head: bool, on: On) -> Result<Answer, Failure> {
        let (head, incoming) = response.into_parts();
        let (status, version, headers) = (head.status.as_u16(), head.version, &head.headers);
        let sound = framing::check(status, version, headers)
            .and_then(|()| framing::check_size(headers, self.pool.head));
        sound.map_err(|failure| failure.with_status(status))?;
        let again = Again {
            by_framing: framing::is_reusable(status, is_head, version, headers),
            by_word: framing::is_kept_alive(version, headers),
        };
        Ok(Answer { head, stream: Stream::new(incoming, on, again) })
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

impl NotSent {
    fn not_taken(request: WireRequest) -> Self {
        let mut failure = Failure::new(ErrorKind::Connect, "the connection took no request any more");
        failure.resend = Resend::Unsent;
        Self { failure, unsent: Some(Box::new(request)) }
    }
}

/// The request as HTTP/1 wants it: it names its host in a header, and in its target only to a proxy (RFC 9112, section 3.2).
fn for_http1(
    mut request: WireRequest,
    server: &Server,
    info: &ConnectionInfo,
) -> Result<WireRequest, Failure> {
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::try_from(server.host_header());
        let host =
            host.map_err(|error| Failure::invalid("the host cannot stand in a header").source(error))?;
        request.headers_mut().insert(HOST, host);
    }
    if !info.is_proxied() {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
    }
    Ok(request)
}

/// The request as HTTP/2 wants it: whose host it is for stands in its `:authority`, and nowhere else (RFC 9113, section 8.3.1).
#[cfg(feature = "http2")]
fn for_http2(mut request: WireRequest) -> Result<WireRequest, Failure> {
    let Some(host) = request.headers_mut().remove(HOST) else { return Ok(request) };
    let mut parts = request.uri().clone().into_parts();
    let unfit = |error: String| Failure::invalid(format!("the header `Host` names no host: {error}"));
    let authority = Authority::try_from(host.as_bytes()).map_err(|error| unfit(error.to_string()))?;
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|error| unfit(error.to_string()))?;
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
