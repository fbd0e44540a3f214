//! Why a crawl cannot begin or go on. What becomes of one page is no error, but its state.

use std::fmt;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The crawl as asked for does not hold, or does not fit the store: other seeds, another recipe or scope.
    InvalidInput,
    /// The store is used by somebody who does not let go of it.
    Locked,
    /// The store may be read and not written.
    ReadOnly,
    /// The disk that the store is on is full.
    Full,
    /// The store is damaged.
    Corrupt,
    /// It is no store: another program's database, an empty file, a text.
    Foreign,
    /// The store was made by a newer version.
    Newer,
    /// There is no store.
    NotFound,
    /// Anything else the system said.
    Io,
}

/// Why a crawl cannot begin or go on. It prints as a lower-case fact, followed by `hint:` where one helps.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    fact: String,
    hint: Option<String>,
}

impl Error {
    /// One of a store of one's own.
    ///
    /// ```
    /// use gather_crawler::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Locked, "the store is locked").hinted("wait");
    /// assert_eq!(error.to_string(), "the store is locked\n  hint: wait");
    /// ```
    pub fn new(kind: ErrorKind, fact: impl Into<String>) -> Self {
        Self { kind, fact: fact.into(), hint: None }
    }

    pub(crate) fn invalid(fact: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, fact).hinted(hint)
    }

    /// With what would be right.
    #[must_use]
    pub fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, without the hint.
    pub fn fact(&self) -> &str {
        &self.fact
    }

    /// What would be right, where something can be said.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fact)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  hint: {hint}"))
    }
}

impl std::error::Error for Error {}
