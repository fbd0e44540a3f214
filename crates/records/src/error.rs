//! Why records could not be written.

use std::fmt;
use std::io;

/// What kind of failure of an output it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The other end of a pipe was closed: nobody reads any more.
    Closed,
    /// The folder that the file should be in is not there.
    NotFound,
    /// Not allowed.
    Permission,
    /// No room left.
    Full,
    /// Not something we can write to, or add to.
    Unsupported,
    /// A table that has rows already, and no key to tell them apart by.
    Occupied,
    /// Anything else the system said.
    Io,
}

/// Why an output could not be opened, written or completed. The message says it all: there is no source behind it.
#[derive(Debug)]
pub struct SinkError {
    kind: ErrorKind,
    message: String,
}

impl SinkError {
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The same with one more hint.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn hinted(mut self, hint: &str) -> Self {
        self.message = format!("{}\n  hint: {hint}", self.message);
        self
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }

    /// An error of the code around a sink.
    pub fn other(error: impl fmt::Display) -> Self {
        Self { kind: ErrorKind::Io, message: error.to_string() }
    }

    /// The same, said of a place.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<io::Error> for SinkError {
    fn from(error: io::Error) -> Self {
        let (kind, message) = match error.kind() {
            io::ErrorKind::BrokenPipe => (ErrorKind::Closed, "nobody reads the output any more".to_owned()),
            io::ErrorKind::NotFound => {
                (ErrorKind::NotFound, "its folder does not exist\n  hint: make it first".to_owned())
            }
            io::ErrorKind::PermissionDenied => (ErrorKind::Permission, "permission denied".to_owned()),
            io::ErrorKind::StorageFull => (ErrorKind::Full, "no space left on the device".to_owned()),
            io::ErrorKind::ReadOnlyFilesystem => {
                (ErrorKind::Permission, "its file system is read-only".to_owned())
            }
            io::ErrorKind::IsADirectory => (ErrorKind::Unsupported, "is a folder".to_owned()),
            io::ErrorKind::NotADirectory => {
                (ErrorKind::NotFound, "what stands for its folder is a file".to_owned())
            }
            _ => (ErrorKind::Io, without_temporary_name(&error)),
        };
        Self { kind, message }
    }
}

/// The cause alone where there is one: tempfile adds the name of a file that nobody asked for.
fn without_temporary_name(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|wrapped| wrapped.source());
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

impl From<serde_json::Error> for SinkError {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl From<csv::Error> for SinkError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            other => Self::unsupported(format!("not a table: {other:?}")),
        }
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SinkError {}
