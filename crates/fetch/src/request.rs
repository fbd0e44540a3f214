//! A request, as data: what to send, and whose it is.

use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::error::{Error, Failure, MASK, shortened};
use crate::secret::Secret;
use crate::url_input::{self, IntoUrl};

/// A request. Headers keep their bytes; the body is in memory, so that it can be sent again.
///
/// ```
/// use gather_fetch::Request;
///
/// let request = Request::get("https://example.com/")?.header("accept-language", "de")?.typed(true);
/// assert_eq!(request.url().as_str(), "https://example.com/");
/// assert!(request.is_idempotent());
/// # Ok::<(), gather_fetch::Error>(())
/// ```
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// The login of the URL, if it came without a password.
    pub(crate) login: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) typed: bool,
    pub(crate) total: Option<Option<Duration>>,
    pub(crate) keep_body: bool,
    pub(crate) error_for_status: bool,
    pub(crate) hold_room: bool,
    pub(crate) purpose: Purpose,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// What the caller wants.
    Caller,
    /// To know what robots.txt says: it is not under its rules itself, its redirects are followed by who asked, and of the
    /// body only a part is read, however long it is.
    Robots,
}

impl Request {
    /// A request with this method, and nothing else yet.
    ///
    /// # Errors
    /// `invalid_input` for a URL that does not parse, or is not http or https.
    pub fn new(method: Method, url: impl IntoUrl) -> Result<Self, Error> {
        let mut url = url_input::into_url(url)?;
        let mut headers = HeaderMap::new();
        let login = take_credentials(&mut url, &mut headers);
        Ok(Self {
            method,
            url,
            headers,
            login,
            body: Bytes::new(),
            typed: false,
            total: None,
            keep_body: true,
            error_for_status: false,
            hold_room: false,
            purpose: Purpose::Caller,
        })
    }

    /// A GET.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn get(url: impl IntoUrl) -> Result<Self, Error> {
        Self::new(Method::GET, url)
    }

    /// A HEAD: the response has headers and no body.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn head(url: impl IntoUrl) -> Result<Self, Error> {
        Self::new(Method::HEAD, url)
    }

    /// A POST. It is never sent a second time.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn post(url: impl IntoUrl) -> Result<Self, Error> {
        Self::new(Method::POST, url)
    }

    /// Changes the method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sets a header, in place of the client's default of that name. An empty value sends it empty.
    ///
    /// # Errors
    /// `invalid_input` for a name or value that HTTP does not allow (line breaks, NUL).
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, Error> {
        let (name, value) = header_parts(name, value.as_ref())?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Adds a header beside those of the same name.
    ///
    /// # Errors
    /// As [`header`](Self::header).
    pub fn add_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, Error> {
        let (name, value) = header_parts(name, value.as_ref())?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// The headers, to change them in place.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The headers of this request; the client adds its defaults when it sends.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body, and the content type that says so unless there is one.
    ///
    /// # Errors
    /// `invalid_input` for a value that is no JSON, such as a map whose keys are no strings.
    pub fn json<T: serde::Serialize + ?Sized>(mut self, value: &T) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(|error| {
            Failure::invalid(format!("cannot write the body as json: {error}")).source(error)
        })?;
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(self.body(body))
    }

    /// Sends HTTP Basic credentials (RFC 7617) to this URL's origin, and to no other.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &Secret) -> Self {
        self.headers.insert(AUTHORIZATION, basic(user, password.expose()));
        self
    }

    /// Sends a bearer token (RFC 6750) to this URL's origin, and to no other.
    ///
    /// # Errors
    /// `invalid_input` for a token with bytes that a header cannot hold.
    pub fn bearer(mut self, token: &Secret) -> Result<Self, Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| Failure::invalid("the bearer token has bytes that a header cannot hold"))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// Says that a person gave this URL: its host and port may then be private, and the client's default
    /// credentials may go to its origin. URLs that were found in a page are never typed. The default is `false`.
    #[must_use]
    pub fn typed(mut self, typed: bool) -> Self {
        self.typed = typed;
        self
    }

    /// The total time for this request, in place of the client's. `None` is no limit.
    #[must_use]
    pub fn total_timeout(mut self, total: impl Into<Option<Duration>>) -> Self {
        self.total = Some(total.into());
        self
    }

    /// Whether the response keeps the room of its body in the client's memory budget
    /// ([`Limits::memory`](crate::Limits::memory)) until it, its clones and its [`room`](crate::Response::room) are dropped:
    /// `false` by default, and the room is given back as soon as the body is here. With it, requests wait while large
    /// bodies are held, so whoever holds one must not wait for another response. Bodies below 256 KiB hold none.
    #[must_use]
    pub fn hold_room(mut self, hold: bool) -> Self {
        self.hold_room = hold;
        self
    }

    /// Whether the response has its body: `true` by default. With `false` the body is read, decoded and tried again
    /// within all limits, but only counted, so that it costs no memory. It changes nothing for
    /// [`stream`](crate::Client::stream).
    #[must_use]
    pub fn keep_body(mut self, keep: bool) -> Self {
        self.keep_body = keep;
        self
    }

    /// Whether a final status of 4xx or 5xx is an error of kind `status`, as
    /// [`Response::error_for_status`](crate::Response::error_for_status) makes it of a response: `false` by default. With it,
    /// the body of such a response is nobody's: it may be too large, broken or never end, and is neither waited for nor a reason
    /// to try again.
    ///
    /// ```
    /// use gather_fetch::{Client, ErrorKind, Request};
    /// use gather_site::{Mock, Reply};
    ///
    /// # gather_core::run(async {
    /// let server = Mock::start(|_| Reply::status(410)).unwrap();
    /// let client = Client::builder().allow_origin(server.url()).build().unwrap();
    /// let request = Request::get(server.url()).unwrap().error_for_status(true);
    /// let error = client.execute(request).await.unwrap_err();
    /// assert_eq!((error.kind(), error.status()), (ErrorKind::Status, Some(410)));
    /// # }).unwrap();
    /// ```
    #[must_use]
    pub fn error_for_status(mut self, error: bool) -> Self {
        self.error_for_status = error;
        self
    }

    pub(crate) fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// The URL, without credentials: those have become a header.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The method.
    pub fn http_method(&self) -> &Method {
        &self.method
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, section 9.2.2). Others are never retried.
    pub fn is_idempotent(&self) -> bool {
        is_idempotent(&self.method)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &self.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("typed", &self.typed)
            .finish()
    }
}

pub(crate) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE].contains(method)
}

/// A header from text, with an error that names it but never shows its value: it may be a secret.
pub(crate) fn header_parts(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), Failure> {
    let parsed = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| Failure::invalid(format!("bad header name {:?}", shortened(name))))?;
    let mut value = HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| {
        Failure::invalid(format!("bad value of header {parsed:?}: it has a control character"))
    })?;
    value.set_sensitive(is_credential(&parsed));
    Ok((parsed, value))
}

/// The headers that are bound to an origin.
pub(crate) fn is_credential(name: &HeaderName) -> bool {
    use http::header::{COOKIE, PROXY_AUTHORIZATION};
    [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name)
}

pub(crate) fn basic(user: &str, password: &str) -> HeaderValue {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    // Base64 is always a valid header value; the fallback sends nothing that could be mistaken.
    let mut value =
        HeaderValue::from_str(&format!("Basic {encoded}")).unwrap_or(HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// `http://user:password@host/` becomes a header, and the URL is then free of secrets. Gives the login if it is alone.
fn take_credentials(url: &mut Url, headers: &mut HeaderMap) -> Option<String> {
    // It stands for a password in what we write, and so in lists that come from there.
    if url.password() == Some(MASK) {
        let _ = url.set_password(None); // there is a host
    }
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    headers.insert(AUTHORIZATION, basic(&user, &password));
    let login = url.password().is_none().then_some(user);
    *url = crate::error::redacted(url);
    login
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_a_url_become_a_header_and_are_not_shown() {
        let request = Request::get("http://al%20i:pa%3Ass@h/").unwrap();
        assert_eq!(request.headers()[AUTHORIZATION], basic("al i", "pa:ss"));
        assert_eq!(request.url().as_str(), "http://h/");
        assert!(!format!("{request:?} {:?}", request.headers()).contains("Basic"));
    }

    #[test]
    fn what_stands_for_a_password_is_none() {
        let request = Request::get("http://me:***@h/").unwrap();
        assert_eq!(
            (request.headers()[AUTHORIZATION].clone(), request.login.as_deref()),
            (basic("me", ""), Some("me"))
        );
    }

    #[test]
    fn a_header_cannot_be_smuggled_in() {
        for (name, value) in [("a b", "x"), ("a", "x\r\nevil: 1"), ("a", "x\0"), ("", "x"), ("a:", "x")] {
            let error = Request::get("http://h/").unwrap().header(name, value).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn a_header_keeps_bytes_that_are_not_ascii() {
        let request = Request::get("http://h/").unwrap().header("x", b"\xe4\xf6").unwrap();
        assert_eq!(request.headers()["x"].as_bytes(), b"\xe4\xf6");
    }

    #[test]
    fn post_and_patch_are_the_ones_never_repeated() {
        let all = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH", "BREW"];
        let idempotent = all.map(|name| is_idempotent(&name.parse().unwrap()));
        assert_eq!(idempotent, [true, true, true, true, true, false, false, false]);
    }
}
