//! `surf::HttpClient` over our client: surf's face, our rules.
//!
//! http-types holds header values as ASCII strings and knows a closed list of statuses. What does not fit is left out of
//! the face and travels, as it came, in the response's extensions.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures::io::{AsyncBufRead, AsyncRead};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderName, Method, StatusCode, Version};
use http_client::{Config as SurfConfig, HttpClient};
use surf::http as types;

use crate::builder::ClientBuilder;
use crate::client::Client;
use crate::error::{Error, Failure};
use crate::request::{Request, header_parts};
use crate::response::Response;
use crate::streaming::Streaming;

impl Client {
    /// surf's client, with all the rules of this one under it.
    ///
    /// Real status and headers travel with the response: `res.ext::<http::StatusCode>()` and
    /// `res.ext::<http::HeaderMap>()`. An error downcasts to [`Error`].
    pub fn surf(&self) -> surf::Client {
        surf::Client::with_http_client(SurfClient::new(self.clone()))
    }

    /// Sends a request that was built with surf. Its own middleware does not run: that is what
    /// [`surf`](Self::surf) is for.
    ///
    /// # Errors
    /// As [`get`](Self::get); `invalid_input` if its body cannot be read.
    pub fn send<R: Into<surf::Request>>(
        &self,
        request: R,
    ) -> impl Future<Output = Result<Response, Error>> + Send + 'static + use<R> {
        let client = self.clone();
        let request: surf::Request = request.into();
        Box::pin(async move { client.execute(from_surf(request.into()).await?).await })
    }
}

/// A [`Client`] as a backend of surf.
struct SurfClient {
    client: Client,
    config: SurfConfig,
}

impl SurfClient {
    fn new(client: Client) -> Self {
        let ours = client.config();
        let config = SurfConfig::new()
            .set_http_keep_alive(ours.keep_alive)
            .set_tcp_no_delay(true)
            .set_timeout(ours.timeouts.connect)
            .set_max_connections_per_host(ours.pace.at_once.map_or(0, |limit| limit.get()));
        Self { client, config }
    }
}

impl fmt::Debug for SurfClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SurfClient").field("client", &self.client).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl HttpClient for SurfClient {
    async fn send(&self, request: http_client::Request) -> Result<http_client::Response, http_client::Error> {
        let request = from_surf(request).await.map_err(to_surf_error)?;
        let response = self.client.stream(request).await.map_err(to_surf_error)?;
        Ok(to_surf(response))
    }

    /// Takes over surf's options: keep-alive, the connect timeout, and requests at once per host (0 is no limit).
    /// Connections that exist already stay with the clients they belong to.
    fn set_config(&mut self, config: SurfConfig) -> types::Result<()> {
        let builder = ClientBuilder::of(self.client.config().clone())
            .keep_alive(config.http_keep_alive)
            .connect_timeout(config.timeout)
            .per_origin(std::num::NonZeroUsize::new(config.max_connections_per_host));
        self.client = builder.build().map_err(to_surf_error)?;
        self.config = config;
        Ok(())
    }

    fn config(&self) -> &SurfConfig {
        &self.config
    }
}

/// surf's request as ours; its body is read into memory, so that it can be sent again.
async fn from_surf(mut request: types::Request) -> Result<Request, Error> {
    let method = Method::from_bytes(request.method().as_ref().as_bytes())
        .map_err(|_| Failure::invalid(format!("bad method {:?}", request.method().as_ref())))?;
    let mut ours = Request::new(method, request.url())?;
    for (name, values) in request.iter() {
        for value in values {
            let (name, value) = header_parts(name.as_str(), value.as_str().as_bytes())?;
            if !belongs_to_the_wire(&name) {
                ours.headers.append(name, value);
            }
        }
    }
    let body = request.take_body();
    if body.is_empty() == Some(true) {
        ours.headers.remove(CONTENT_TYPE);
        return Ok(ours);
    }
    let bytes = body
        .into_bytes()
        .await
        .map_err(|error| Failure::invalid(format!("cannot read the body: {error}")))?;
    Ok(ours.body(bytes))
}

/// The transport frames the body itself.
fn belongs_to_the_wire(name: &HeaderName) -> bool {
    name == CONTENT_LENGTH || name == TRANSFER_ENCODING
}

fn to_surf(streaming: Streaming) -> types::Response {
    let (status, headers) = (streaming.status(), streaming.headers().clone());
    let mut response = types::Response::new(known_status(status));
    let is_decoded = streaming.body.is_decoded();
    let length = streaming.body.length().and_then(|bytes| usize::try_from(bytes).ok());
    let version = streaming.head.version;
    let history = streaming.history().to_vec();
    response.set_body(types::Body::from_reader(Reader::new(streaming), length));
    for (name, value) in &headers {
        // What told of the bytes on the wire would mislead about the decoded body.
        if is_decoded && (name == CONTENT_ENCODING || name == CONTENT_LENGTH) {
            continue;
        }
        append(&mut response, name, value.as_bytes());
    }
    response.set_version(known_version(version));
    if let Ok(status) = StatusCode::from_u16(status) {
        response.ext_mut().insert(status);
    }
    response.ext_mut().insert(headers);
    response.ext_mut().insert(history);
    response
}

/// Sets a header on surf's face, if it can hold it. The first of a name replaces what http-types set by itself.
fn append(response: &mut types::Response, name: &HeaderName, value: &[u8]) {
    let name = types::headers::HeaderName::from_bytes(name.as_str().as_bytes().to_vec());
    let value = types::headers::HeaderValue::from_bytes(value.to_vec());
    let (Ok(name), Ok(value)) = (name, value) else { return };
    if name == types::headers::CONTENT_TYPE {
        response.insert_header(name, value);
    } else {
        response.append_header(name, value);
    }
}

/// The status, or a known one of its class: `res.ext::<http::StatusCode>()` has the real one.
fn known_status(status: u16) -> types::StatusCode {
    types::StatusCode::try_from(status).unwrap_or(match status {
        100..=199 => types::StatusCode::Continue,
        200..=299 => types::StatusCode::Ok,
        300..=399 => types::StatusCode::MultipleChoice,
        400..=499 => types::StatusCode::BadRequest,
        _ => types::StatusCode::InternalServerError,
    })
}

fn known_version(version: Version) -> Option<types::Version> {
    match version {
        Version::HTTP_09 => Some(types::Version::Http0_9),
        Version::HTTP_10 => Some(types::Version::Http1_0),
        Version::HTTP_11 => Some(types::Version::Http1_1),
        Version::HTTP_2 => Some(types::Version::Http2_0),
        Version::HTTP_3 => Some(types::Version::Http3_0),
        _ => None,
    }
}

fn to_surf_error(error: Error) -> http_client::Error {
    let status = error.status().map_or(types::StatusCode::InternalServerError, known_status);
    http_client::Error::new(status, error)
}

/// A streamed body as http-types reads it.
struct Reader {
    body: Streaming,
    piece: Bytes,
}

impl Reader {
    fn new(body: Streaming) -> Self {
        Self { body, piece: Bytes::new() }
    }
}

impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let read = available.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..read), available.get(..read)) {
            to.copy_from_slice(from);
        }
        self.consume(read);
        Poll::Ready(Ok(read))
    }
}

impl AsyncBufRead for Reader {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        while this.piece.is_empty() {
            match ready!(this.body.poll_chunk(cx)) {
                Ok(Some(piece)) => this.piece = piece,
                Ok(None) => break,
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        Poll::Ready(Ok(&this.piece))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        let this = self.get_mut();
        this.piece.advance(read.min(this.piece.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_face_of_its_class() {
        for status in 100..=999u16 {
            let face = u16::from(known_status(status));
            assert!(face / 100 == status / 100 || (status >= 600 && face == 500), "{status} {face}");
        }
    }
}
