//! What can go wrong with a request, as a value: what it was, in which phase, and after how much.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::bounds::MinRate;

/// What kind of thing went wrong. The words of [`as_str`](Self::as_str) are those of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host's name did not resolve.
    Dns,
    /// No connection came about.
    Connect,
    /// The TLS handshake failed, or the certificate is not one to trust.
    Tls,
    /// A time limit ran out; [`Error::phase`] says which.
    Timeout,
    /// The final status is 4xx or 5xx ([`Response::error_for_status`](crate::Response::error_for_status)).
    Status,
    /// Too many redirects, a loop, or a target that is not followed.
    Redirect,
    /// The response did not arrive whole, or is not HTTP.
    Body,
    /// The body is not what its `Content-Encoding` says.
    Decode,
    /// The body is not the JSON that was asked for.
    Parse,
    /// Refused: a bound on bytes, ratio, headers or layers was hit.
    TooLarge,
    /// Refused: robots.txt says no.
    Robots,
    /// Refused: the address is not one of the public net.
    PrivateAddress,
    /// Refused: the URL is out of scope.
    Scope,
    /// The request itself is wrong: the URL, a header, an option.
    InvalidInput,
    /// The work was cancelled.
    Cancelled,
    /// A local I/O failure.
    Io,
}

impl ErrorKind {
    /// The word that records and summaries use, such as `too_large`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Dns => "dns",
            ErrorKind::Connect => "connect",
            ErrorKind::Tls => "tls",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Status => "status",
            ErrorKind::Redirect => "redirect",
            ErrorKind::Body => "body",
            ErrorKind::Decode => "decode",
            ErrorKind::Parse => "parse",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Robots => "robots",
            ErrorKind::PrivateAddress => "private_address",
            ErrorKind::Scope => "scope",
            ErrorKind::InvalidInput => "invalid_input",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Io => "io",
        }
    }

    /// Whether we would not (refused), rather than could not (failed).
    pub const fn is_refused(self) -> bool {
        matches!(self, ErrorKind::TooLarge | ErrorKind::Robots | ErrorKind::PrivateAddress | ErrorKind::Scope)
    }

    /// Whether an error of this kind is usually worth another attempt.
    const fn is_transient(self) -> bool {
        matches!(self, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Body | ErrorKind::Io)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The phase of a request that a time limit ran out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up the host's name.
    Dns,
    /// Making the connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request until the head of the response is here.
    FirstByte,
    /// Between two pieces of the body.
    Idle,
    /// All of it, with redirects, retries and the waits between them.
    Total,
}

impl Phase {
    /// The word that records use, such as `first_byte`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Dns => "dns",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::FirstByte => "first_byte",
            Phase::Idle => "idle",
            Phase::Total => "total",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a request that failed may be sent again without that being another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "http2"), allow(dead_code, reason = "only http/2 says some of it"))]
pub(crate) enum Resend {
    Never,
    /// The server says that it will not look at it now: a few times, whatever the method.
    Refused,
    /// The server ended its connection in order, before it looked at it, and may do so with the next one: whatever the method.
    Unprocessed,
    /// The server wants HTTP/1.1 for it: once over such a connection, whatever the method.
    OverHttp1,
    /// The connection made room for others just as it was chosen, and the next one may, too: whatever the method.
    Unsent,
    /// The connection was an idle one that the server had already closed, and the next one may be, too: if the method is
    /// idempotent, until a new connection has it.
    UntilFresh,
}

/// A failure before it is known which request, and which attempt, it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) phase: Option<Phase>,
    pub(crate) status: Option<u16>,
    pub(crate) retryable: bool,
    pub(crate) resend: Resend,
    /// Several requests were on its connection when that broke: which of them is to blame cannot be told.
    pub(crate) among_others: bool,
    fact: String,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, fact: impl Into<String>) -> Self {
        Self {
            kind,
            phase: None,
            status: None,
            retryable: kind.is_transient(),
            resend: Resend::Never,
            among_others: false,
            fact: fact.into(),
            hint: None,
            source: None,
        }
    }

    /// A time limit that ran out. The total is final; any other phase may go better the next time.
    pub(crate) fn timeout(phase: Phase, limit: Option<Duration>) -> Self {
        let after = limit.map(|limit| format!(" after {}", human_duration(limit))).unwrap_or_default();
        let fact = match phase {
            Phase::Dns => format!("name look-up timed out{after}"),
            Phase::Connect => format!("connecting timed out{after}"),
            Phase::Tls => format!("tls handshake timed out{after}"),
            Phase::FirstByte => format!("no response{after} (first byte)"),
            Phase::Idle => format!("the body stalled: nothing came{after} (idle)"),
            Phase::Total => format!("timed out{after} (total)"),
        };
        let mut failure = Self::new(ErrorKind::Timeout, fact);
        failure.phase = Some(phase);
        failure.retryable = phase != Phase::Total;
        failure
    }

    /// A body that comes, but too slowly.
    pub(crate) fn too_slow(bytes: u64, rate: MinRate) -> Self {
        let (least, within) = (rate.bytes, human_duration(rate.within));
        let mut failure = Self::timeout(Phase::Idle, None);
        failure.fact =
            format!("the body stalled: {bytes} bytes came in {within}, at least {least} must (idle)");
        failure
    }

    pub(crate) fn invalid(fact: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, fact)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    pub(crate) fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact)
    }
}

impl StdError for Failure {}

/// An error of this crate.
///
/// It is opaque: [`kind`](Self::kind) says what it was, and the other methods give what is known around it. It prints
/// as a lower-case fact, followed by `hint:` where one helps, and never shows a password.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    failure: Failure,
    url: Option<Url>,
    attempts: u32,
    elapsed: Duration,
}

impl Error {
    pub(crate) fn new(failure: Failure) -> Self {
        Self(Box::new(Inner { failure, url: None, attempts: 0, elapsed: Duration::ZERO }))
    }

    pub(crate) fn of_request(failure: Failure, url: &Url, attempts: u32, elapsed: Duration) -> Self {
        Self(Box::new(Inner { failure, url: Some(redacted(url)), attempts, elapsed }))
    }

    /// Makes an error of your own, for rules on top of this client (robots, scope) that end in the same records.
    ///
    /// ```
    /// use gather_fetch::{Error, ErrorKind};
    ///
    /// let error = Error::other(ErrorKind::Scope, "http://elsewhere.example/ is out of scope");
    /// assert!(error.is_refused());
    /// assert_eq!(error.to_string(), "http://elsewhere.example/ is out of scope");
    /// ```
    pub fn other(kind: ErrorKind, fact: impl Into<String>) -> Self {
        Self::new(Failure::new(kind, fact))
    }

    /// Adds what would be right.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.failure.hint = Some(hint.into());
        self
    }

    /// Says which URL it was about; credentials in it are left out.
    #[must_use]
    pub fn with_url(mut self, url: &Url) -> Self {
        self.0.url = Some(redacted(url));
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// The phase that a time limit ran out in; `None` unless the kind is [`ErrorKind::Timeout`].
    pub fn phase(&self) -> Option<Phase> {
        self.0.failure.phase
    }

    /// The URL that failed: after redirects, the last one. Credentials are left out.
    pub fn url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// How many attempts were made; zero if nothing was sent or tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The status of the response, if one had come.
    pub fn status(&self) -> Option<u16> {
        self.0.failure.status
    }

    /// From the first attempt to the end, waits included.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// What happened, without the hint.
    pub fn fact(&self) -> &str {
        &self.0.failure.fact
    }

    /// What would be right, where something can be said.
    pub fn hint(&self) -> Option<&str> {
        self.0.failure.hint.as_deref()
    }

    /// Whether a time limit ran out.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the same request may well succeed later. The client has already tried as often as it was told to.
    pub fn is_retryable(&self) -> bool {
        self.0.failure.retryable
    }

    /// Whether we would not, rather than could not: see [`ErrorKind::is_refused`].
    pub fn is_refused(&self) -> bool {
        self.kind().is_refused()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fact())?;
        self.hint().map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("phase", &self.phase())
            .field("fact", &self.fact())
            .field("url", &self.url().map(Url::as_str))
            .field("attempts", &self.attempts())
            .field("status", &self.status())
            .field("source", &self.0.failure.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.failure.source.as_deref().map(|source| source as _)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::new(failure)
    }
}

/// The URL without its user name and password.
pub(crate) fn redacted(url: &Url) -> Url {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Both fail only for URLs without a host, which cannot have credentials either.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url
}

/// Stands for a password.
pub(crate) const MASK: &str = "***";

/// An input as it is told of: a URL without the password in it.
///
/// ```
/// assert_eq!(gather_fetch::without_password("http://u:secret@h/a"), "http://u:***@h/a");
/// assert_eq!(gather_fetch::without_password("HTTP://h"), "HTTP://h");
/// ```
pub fn without_password(input: &str) -> Cow<'_, str> {
    let Ok(mut url) = Url::parse(input) else { return input.into() };
    match url.password().is_some() && url.set_password(Some(MASK)).is_ok() {
        true => String::from(url).into(),
        false => input.into(),
    }
}

/// What a message shows of a URL: no credentials, no end of a very long one.
pub(crate) fn shown(url: &Url) -> String {
    shortened(redacted(url).as_str())
}

/// At most 200 characters of a value that others chose, control characters escaped.
pub(crate) fn shortened(value: &str) -> String {
    let mut short: String = value.chars().take(200).flat_map(escaped).collect();
    if value.chars().nth(200).is_some() {
        short.push('…');
    }
    short
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

fn human_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match (millis % 1000, millis / 1000) {
        (0, seconds) if seconds % 60 == 0 && seconds > 0 => format!("{}m", seconds / 60),
        (0, seconds) => format!("{seconds}s"),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_never_printed() {
        let url = Url::parse("http://user:hunter2@example.com/x").unwrap();
        let error = Error::of_request(Failure::new(ErrorKind::Dns, "x"), &url, 1, Duration::ZERO);
        assert!(!format!("{error:?} {error} {}", shown(&url)).contains("hunter2"));
        assert_eq!(error.url().unwrap().as_str(), "http://example.com/x");
    }

    #[test]
    fn control_characters_and_endless_values_do_not_reach_a_message() {
        assert_eq!(shortened("a\x1b[2J"), "a\\u{1b}[2J");
        assert_eq!(shortened(&"x".repeat(1000)).chars().count(), 201);
    }

    #[test]
    fn a_limit_is_shown_in_its_own_unit() {
        let shown = [250, 2_000, 90_000, 600_000].map(|ms| human_duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["250ms", "2s", "90s", "10m"]);
    }

    #[test]
    fn only_the_total_limit_is_final() {
        assert!(Failure::timeout(Phase::Idle, None).retryable);
        assert!(!Failure::timeout(Phase::Total, None).retryable);
    }
}
