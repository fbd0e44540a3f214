//! The record of an input that failed or was refused.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::record::Record;

/// What kind of failure or refusal it was. The words are fixed: scripts sort by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Kind {
    NotFound,
    Permission,
    TooLarge,
    Encoding,
    Io,
    Dns,
    Connect,
    Tls,
    Timeout,
    Status,
    Redirect,
    Body,
    Decode,
    Parse,
    Robots,
    PrivateAddress,
    Scope,
    InvalidInput,
    Cancelled,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 19] = [
        Kind::NotFound,
        Kind::Permission,
        Kind::TooLarge,
        Kind::Encoding,
        Kind::Io,
        Kind::Dns,
        Kind::Connect,
        Kind::Tls,
        Kind::Timeout,
        Kind::Status,
        Kind::Redirect,
        Kind::Body,
        Kind::Decode,
        Kind::Parse,
        Kind::Robots,
        Kind::PrivateAddress,
        Kind::Scope,
        Kind::InvalidInput,
        Kind::Cancelled,
    ];

    /// The word in records and summaries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::NotFound => "not_found",
            Kind::Permission => "permission",
            Kind::TooLarge => "too_large",
            Kind::Encoding => "encoding",
            Kind::Io => "io",
            Kind::Dns => "dns",
            Kind::Connect => "connect",
            Kind::Tls => "tls",
            Kind::Timeout => "timeout",
            Kind::Status => "status",
            Kind::Redirect => "redirect",
            Kind::Body => "body",
            Kind::Decode => "decode",
            Kind::Parse => "parse",
            Kind::Robots => "robots",
            Kind::PrivateAddress => "private_address",
            Kind::Scope => "scope",
            Kind::InvalidInput => "invalid_input",
            Kind::Cancelled => "cancelled",
        }
    }

    /// Whether we would not, rather than could not: robots, a private address, out of scope, too large.
    pub const fn is_refused(self) -> bool {
        matches!(self, Kind::Robots | Kind::PrivateAddress | Kind::Scope | Kind::TooLarge)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The word is none of the kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of failure")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// An input that failed or was refused, as `--errors` writes it.
///
/// ```
/// use gather_records::{Failure, Kind, Record};
///
/// let failure = Failure::new("http://[", Kind::InvalidInput, "not a URL");
/// let record = Record::from(failure);
/// assert_eq!(
///     record.names().collect::<Vec<_>>(),
///     ["input", "kind", "phase", "message", "status", "final_url", "attempts", "elapsed_ms"]
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The input as it was given.
    pub input: String,
    /// The exact bytes (base64) of an input that is a path and not UTF-8. The record has it, as `input_bytes`, only then.
    pub input_bytes: Option<String>,
    /// What kind of failure it was.
    pub kind: Kind,
    /// Which phase a timeout was in.
    pub phase: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The URL that failed, after redirects.
    pub final_url: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// The page (its URL or path), or the store of the crawl, that led to an input that nobody typed. The record has it only then.
    pub source: Option<String>,
}

impl Failure {
    /// A failure of one attempt that has neither phase, status nor URL.
    pub fn new(input: impl Into<String>, kind: Kind, message: impl Into<String>) -> Self {
        Self {
            input: input.into(),
            input_bytes: None,
            kind,
            phase: None,
            message: message.into(),
            status: None,
            final_url: None,
            attempts: 1,
            elapsed_ms: 0,
            source: None,
        }
    }

    /// A failure of a path, which may not be UTF-8.
    ///
    /// ```
    /// use std::os::unix::ffi::OsStrExt;
    /// use gather_records::{Failure, Kind};
    ///
    /// let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"a\xFF"));
    /// let failure = Failure::of_path(path, Kind::NotFound, "no such file");
    /// assert_eq!((&*failure.input, failure.input_bytes.as_deref()), ("a\u{fffd}", Some("Yf8=")));
    /// ```
    pub fn of_path(path: &Path, kind: Kind, message: impl Into<String>) -> Self {
        let exact = path.to_str().is_none().then(|| STANDARD.encode(path.as_os_str().as_encoded_bytes()));
        Self { input_bytes: exact, ..Self::new(path.to_string_lossy(), kind, message) }
    }
}

impl From<Failure> for Record {
    fn from(failure: Failure) -> Self {
        let exact = failure.input_bytes.map(|bytes| ("input_bytes", Value::from(bytes)));
        let input = [("input", Value::from(failure.input))].into_iter().chain(exact);
        let rest = [
            ("kind", failure.kind.as_str().into()),
            ("phase", failure.phase.into()),
            ("message", failure.message.into()),
            ("status", failure.status.into()),
            ("final_url", failure.final_url.into()),
            ("attempts", failure.attempts.into()),
            ("elapsed_ms", failure.elapsed_ms.into()),
        ];
        let source = failure.source.map(|source| ("source", Value::from(source)));
        input.chain(rest).chain(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_again_by_its_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("broken".parse::<Kind>().is_err());
    }
}
