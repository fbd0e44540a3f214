//! A response whose body is taken piece by piece.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::HeaderMap;
use url::Url;

use crate::body::{Body, Collected, Keep};
use crate::error::{Error, Failure};
use crate::redirect;
use crate::response::{Head, Hop, Response};
use crate::retry;
use crate::watch::Watch;

/// A response with its body still to come: decoded, within the client's limits, in pieces of any size.
///
/// An error in the body ends the stream, and nothing is tried again. Dropping it closes the connection, unless all of
/// the body has come.
pub struct Streaming {
    pub(crate) head: Head,
    pub(crate) body: Body,
    pub(crate) watch: Watch,
    pub(crate) state: State,
}

/// How far the body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Untouched,
    Begun,
    Failed,
}

impl Streaming {
    /// The final URL, after redirects.
    pub fn url(&self) -> &Url {
        &self.head.url
    }

    /// The status, also one that nobody has registered.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The headers as they came.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The `Content-Type`, as it was sent.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.head.content_type()
    }

    /// The redirects on the way here, in order.
    pub fn history(&self) -> &[Hop] {
        &self.head.history
    }

    /// How many attempts it took to get this far.
    pub fn attempts(&self) -> u32 {
        self.head.attempts
    }

    /// Bytes on the wire so far.
    pub fn wire_bytes(&self) -> u64 {
        self.body.wire()
    }

    /// The next piece; `None` after the last. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What befalls the body: `body`, `decode`, `too_large`, `timeout`. After an error there is no further piece.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        if self.state == State::Failed {
            return Poll::Ready(Ok(None));
        }
        self.state = State::Begun;
        self.body.poll_decoded(cx, &mut self.watch).map_err(|failure| {
            self.state = State::Failed;
            self.error(failure)
        })
    }

    /// Reads what is left of the body, and is then a response whose body this is. It holds its room in the client's memory
    /// budget, as with [`Request::hold_room`](crate::Request::hold_room), if nothing has been read before.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk). Nothing is tried again.
    ///
    /// ```
    /// use gather_fetch::{Client, Request};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|_| Reply::text("tea")).unwrap();
    /// let client = Client::builder().allow_origin(server.url()).build().unwrap();
    /// let response = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
    /// assert_eq!(response.collect().await.unwrap().text(), "tea");
    /// # }).unwrap();
    /// ```
    pub async fn collect(mut self) -> Result<Response, Error> {
        let collected = match self.state {
            State::Untouched => {
                let collected = self.body.collect(&Keep::All, &mut self.watch).await;
                collected.map_err(|failure| self.error(failure))?
            }
            State::Begun | State::Failed => self.rest().await?,
        };
        let room = self.body.take_room(collected.bytes.len() as u64);
        let (wire_bytes, elapsed) = (self.body.wire(), self.watch.elapsed());
        let Collected { bytes: body, length } = collected;
        Ok(Response { head: self.head, body, length, wire_bytes, elapsed, room })
    }

    async fn rest(&mut self) -> Result<Collected, Error> {
        let mut rest = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            rest.extend_from_slice(&piece);
        }
        Ok(Collected { length: rest.len() as u64, bytes: rest.freeze() })
    }

    fn error(&self, failure: Failure) -> Error {
        Error::of_request(
            failure.with_status(self.head.status),
            &self.head.url,
            self.head.attempts,
            self.watch.elapsed(),
        )
    }

    /// The error that a status of 4xx or 5xx is; `None` for all others.
    pub fn status_error(&self) -> Option<Error> {
        retry::status_failure(self.head.status).map(|failure| self.error(failure))
    }

    /// How long the server asks to wait (`Retry-After`), from now.
    pub fn retry_after(&self) -> Option<Duration> {
        self.head.retry_after()
    }

    /// Where it leads, if it is a redirect that was not followed: the `Location` resolved, without credentials in it. `None`
    /// for any other response.
    ///
    /// Whether the client would have gone there, from https to http for one, is not asked.
    ///
    /// # Errors
    /// Kind `redirect` for a `Location` that is no URL of http or https.
    ///
    /// ```
    /// use gather_fetch::{Client, Request};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|_| Reply::redirect(302, "/tea")).unwrap();
    /// let client = Client::builder().allow_origin(server.url()).follow_redirects(false).build().unwrap();
    /// let response = client.stream(Request::get(server.url()).unwrap()).await.unwrap();
    /// let target = response.redirect().unwrap().unwrap();
    /// assert_eq!(target.path(), "/tea");
    /// # }).unwrap();
    /// ```
    pub fn redirect(&self) -> Option<Result<Url, Error>> {
        let location = redirect::location(self.head.status, &self.head.headers)?;
        let target = redirect::resolve(&self.head.url, location, true);
        Some(target.map_err(|failure| self.error(failure)))
    }
}

impl Stream for Streaming {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx).map(Result::transpose)
    }
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streaming").field("head", &self.head).finish_non_exhaustive()
    }
}
