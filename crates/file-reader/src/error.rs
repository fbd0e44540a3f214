//! Why a file could not be read, or was left out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What kind of failure it was. The words are those of gather's error records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such file, or a symbolic link leads nowhere.
    NotFound,
    /// Not allowed.
    Permission,
    /// Larger than the limit; refused, never cut short.
    TooLarge,
    /// Not text: it holds NUL bytes, or it does not fit the encoding that was asked for.
    Encoding,
    /// Compressed, and damaged or cut short.
    Decode,
    /// Not a regular file, changed while it was read, a loop of links, or anything else the system said.
    Io,
    /// Left out on purpose, which is no failure: found in a folder and hidden, not text, no file, or not asked for; or
    /// read already, by another path.
    Skipped,
}

impl ErrorKind {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not_found",
            ErrorKind::Permission => "permission",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::Encoding => "encoding",
            ErrorKind::Decode => "decode",
            ErrorKind::Io => "io",
            ErrorKind::Skipped => "skipped",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a file could not be read, or was left out.
#[derive(Debug)]
pub struct ReadError {
    kind: ErrorKind,
    path: PathBuf,
    fact: String,
    source: Option<io::Error>,
}

impl ReadError {
    pub(crate) fn new(kind: ErrorKind, path: &Path, fact: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), fact: fact.into(), source: None }
    }

    pub(crate) fn skipped(path: &Path, why: &str) -> Self {
        Self::new(ErrorKind::Skipped, path, why)
    }

    pub(crate) fn damaged(path: &Path, packing: &str, source: io::Error) -> Self {
        let fact = format!("cannot be unpacked as {packing}: {source}");
        Self { kind: ErrorKind::Decode, path: path.to_owned(), fact, source: Some(source) }
    }

    /// An I/O error of the code around a reader.
    pub fn other(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::io(&path.into(), source)
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let (kind, fact) = match source.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, "no such file or folder".to_owned()),
            io::ErrorKind::PermissionDenied => (ErrorKind::Permission, "permission denied".to_owned()),
            _ => (ErrorKind::Io, source.to_string()),
        };
        Self { kind, path: path.to_owned(), fact, source: Some(source) }
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The path, as it was given or found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened, without the path.
    pub fn fact(&self) -> &str {
        &self.fact
    }

    /// Whether the file was left out on purpose rather than failed.
    pub fn is_skipped(&self) -> bool {
        self.kind == ErrorKind::Skipped
    }

    /// Whether we would not, rather than could not: it is too large.
    pub fn is_refused(&self) -> bool {
        self.kind == ErrorKind::TooLarge
    }

    /// Never: files have no time limit.
    pub fn is_timeout(&self) -> bool {
        false
    }

    /// Whether reading it again may help: an I/O error, or a file that changed while it was read.
    pub fn is_retryable(&self) -> bool {
        self.kind == ErrorKind::Io
    }

    /// How often it was tried: once.
    pub fn attempts(&self) -> u32 {
        1
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.fact)
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
