//! What can go wrong before a server runs: a folder that is not there, an address that is taken.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a server could not be started.
///
/// The message is a fact with the offending value, followed by a `hint:` line where one helps.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    source: Option<io::Error>,
}

/// The sort of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The folder does not exist.
    NotFound,
    /// The folder, the log or the address may not be used by this process.
    Permission,
    /// An option holds a value that makes no sense.
    InvalidInput,
    /// The operating system refused something else: an address in use, no descriptors left.
    Io,
    /// A certificate could not be made.
    Tls,
}

impl ErrorKind {
    /// The word used in records and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Permission => "permission",
            Self::InvalidInput => "invalid_input",
            Self::Io => "io",
            Self::Tls => "tls",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), path: None, source: None }
    }

    pub(crate) fn from_io(message: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::PermissionDenied => ErrorKind::Permission,
            _ => ErrorKind::Io,
        };
        Self { kind, message: message.into(), path: None, source: Some(source) }
    }

    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_path_buf());
        self
    }

    /// The sort of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The folder or log file the error is about, where it is about one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether a timeout caused it: never, starting a server waits for nothing.
    pub fn is_timeout(&self) -> bool {
        false
    }

    /// Whether the same call may succeed later: only when the operating system was in the way.
    pub fn is_retryable(&self) -> bool {
        self.kind == ErrorKind::Io
    }

    /// How often it was tried: always once.
    pub fn attempts(&self) -> u32 {
        1
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
