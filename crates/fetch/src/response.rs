//! A response that has arrived whole.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Version};
use url::Url;

use crate::error::{Error, ErrorKind, Failure};
use crate::memory::Room;
use crate::retry;

/// A redirect that was followed: where it was, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// The URL that answered with a redirect.
    pub url: Url,
    /// Its status.
    pub status: u16,
}

/// What is known of a response before its body: shared by [`Response`] and [`Streaming`](crate::Streaming).
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) history: Vec<Hop>,
    pub(crate) attempts: u32,
    pub(crate) remote: Option<SocketAddr>,
}

impl Head {
    pub(crate) fn content_type(&self) -> Option<Cow<'_, str>> {
        self.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry::retry_after(&self.headers, std::time::SystemTime::now())
    }
}

/// A response with all of its body, decoded, within the client's limits.
///
/// Any status that came is a response; [`error_for_status`](Self::error_for_status) turns 4xx and 5xx into an error.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
    pub(crate) length: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) elapsed: Duration,
    pub(crate) room: Option<Room>,
}

impl Response {
    /// The final URL, after redirects.
    pub fn url(&self) -> &Url {
        &self.head.url
    }

    /// The URL that was asked for, before redirects.
    pub fn requested_url(&self) -> &Url {
        self.head.history.first().map_or(&self.head.url, |hop| &hop.url)
    }

    /// The status, also one that nobody has registered.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.head.status)
    }

    /// The headers as they came, byte for byte: `Content-Encoding` and `Content-Length` tell of the wire, not of
    /// [`bytes`](Self::bytes).
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// One header's first value as text; bytes that are not UTF-8 are replaced.
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()))
    }

    /// The `Content-Type`, as it was sent.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.head.content_type()
    }

    /// The HTTP version of the response.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The address that answered.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.head.remote
    }

    /// The redirects on the way here, in order.
    pub fn history(&self) -> &[Hop] {
        &self.head.history
    }

    /// How many attempts it took: 1 unless something was retried. A redirect is no attempt.
    pub fn attempts(&self) -> u32 {
        self.head.attempts
    }

    /// From the first attempt to the last byte, waits included.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How long the server asks to wait (`Retry-After`), from now.
    pub fn retry_after(&self) -> Option<Duration> {
        self.head.retry_after()
    }

    /// How many bytes the body had on its way, before decoding.
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes
    }

    /// How many bytes the body has, decoded; also of one that was not kept.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The body, decoded; empty if the request did not [keep](crate::Request::keep_body) it.
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body, decoded, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.body
    }

    /// The room that the body has in the client's memory budget, to be kept beside what is made of it; `None` unless the
    /// request asked to [hold](crate::Request::hold_room) it, and for a small body.
    pub fn room(&self) -> Option<Room> {
        self.room.clone()
    }

    /// The body as text: by its byte order mark, else by the charset of the `Content-Type`, else as UTF-8. What does
    /// not decode becomes U+FFFD. (Pages name their charset in other places, too: `gather_scraper::Page` looks there.)
    pub fn text(&self) -> Cow<'_, str> {
        let label = self.content_type().and_then(|value| charset(&value).map(str::to_owned));
        let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
        encoding.unwrap_or(encoding_rs::UTF_8).decode(&self.body).0
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `parse` if it is not the JSON that `T` wants.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let fact = format!("not the expected json: {error}");
            self.error(Failure::new(ErrorKind::Parse, fact).source(error))
        })
    }

    /// The same response, unless its status is 4xx or 5xx.
    ///
    /// # Errors
    /// `status`, with the number in [`Error::status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        match self.status_error() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// The error that a status of 4xx or 5xx (or above: some servers use 999) is; `None` for all others.
    pub fn status_error(&self) -> Option<Error> {
        retry::status_failure(self.status()).map(|failure| self.error(failure))
    }

    fn error(&self, failure: Failure) -> Error {
        Error::of_request(failure.with_status(self.status()), self.url(), self.attempts(), self.elapsed)
    }
}

/// The charset parameter of a content type.
fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charset_of_a_content_type_is_found_in_any_dress() {
        let table = [
            ("text/html", None),
            ("text/html; charset=utf-8", Some("utf-8")),
            ("text/html;CHARSET=\"latin1\"; x=y", Some("latin1")),
            ("text/html; x=y; charset='koi8-r'", Some("koi8-r")),
            ("text/html; charset", None),
        ];
        for (content_type, expected) in table {
            assert_eq!(charset(content_type), expected, "{content_type}");
        }
    }
}
