//! What can go wrong with a page or a recipe, as values.

use std::error::Error as StdError;
use std::fmt;

/// Why a page gave no records, or a recipe does not hold.
///
/// The message is a fact with the offending value, and a `hint:` line follows where one helps.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    field: Option<String>,
    url: Option<String>,
    attempts: u32,
    timeout: bool,
    retryable: bool,
    source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

/// The sort of an [`Error`]: one of the words that error records use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The page is not HTML, holds fewer records than `min`, or lacks a field that `strict` demands.
    Parse,
    /// A bound was hit: bytes, nodes, nesting, attributes or time. The message names it.
    TooLarge,
    /// A recipe, a selector or a URL does not hold.
    InvalidInput,
    /// The declared encoding cannot be decoded.
    Encoding,
    /// The work was cancelled before it ended.
    Cancelled,
    /// What fetching the page ended with; the word is the fetcher's own.
    Fetch(&'static str),
}

impl ErrorKind {
    /// The word used in records and summaries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::TooLarge => "too_large",
            Self::InvalidInput => "invalid_input",
            Self::Encoding => "encoding",
            Self::Cancelled => "cancelled",
            Self::Fetch(word) => word,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            field: None,
            url: None,
            attempts: 1,
            timeout: false,
            retryable: false,
            source: None,
        }))
    }

    pub(crate) fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn of_field(mut self, field: &str) -> Self {
        self.0.field = Some(field.to_owned());
        self
    }

    pub(crate) fn at(mut self, url: impl Into<String>) -> Self {
        self.0.url = Some(url.into());
        self
    }

    /// The sort of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The fact, without the hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be right, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The field of the recipe that the error is about, where it is about one.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The URL of the page, where it is known.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// Whether a timeout of the fetcher caused it. Parsing that takes too long is `too_large`.
    pub fn is_timeout(&self) -> bool {
        self.0.timeout
    }

    /// Whether the same call may succeed later. The same bytes always give the same answer, so only
    /// an error of the fetcher can be.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How many requests were made for the page: 1 where none was.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_with_hint(f, &self.0.message, self.0.hint.as_deref())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as _)
    }
}

impl From<RecipeError> for Error {
    fn from(error: RecipeError) -> Self {
        let mut converted = Self::new(ErrorKind::InvalidInput, error.to_string_without_hint());
        converted.0.hint = error.hint.clone();
        converted.0.source = Some(Box::new(error));
        converted
    }
}

/// Why a recipe does not hold: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeError {
    message: String,
    hint: Option<String>,
    key: String,
    span: Option<(usize, usize)>,
    at: Option<(usize, usize)>,
}

impl RecipeError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, key: String::new(), span: None, at: None }
    }

    pub(crate) fn hinted(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hinted(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    pub(crate) fn of_key(mut self, key: impl Into<String>) -> Self {
        if self.key.is_empty() {
            self.key = key.into();
        }
        self
    }

    pub(crate) fn spanning(mut self, span: Option<(usize, usize)>) -> Self {
        self.span = self.span.or(span);
        self
    }

    /// Turns the byte span into line and column of `text`.
    pub(crate) fn located_in(mut self, text: &str) -> Self {
        self.at = self.span.map(|(start, _)| line_and_column(text, start));
        self
    }

    /// Always [`ErrorKind::InvalidInput`].
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidInput
    }

    /// The fact, without position and hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What would be right, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The key the error is about, such as `fields.price.decimal`; empty for the file as a whole.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The line in the recipe's text, from 1. None if the recipe did not come from text.
    pub fn line(&self) -> Option<usize> {
        self.at.map(|at| at.0)
    }

    /// The column in the recipe's text, in characters, from 1. None if it did not come from text.
    pub fn column(&self) -> Option<usize> {
        self.at.map(|at| at.1)
    }

    fn to_string_without_hint(&self) -> String {
        match self.at {
            Some((line, column)) => format!("line {line}, column {column}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_with_hint(f, &self.to_string_without_hint(), self.hint.as_deref())
    }
}

impl StdError for RecipeError {}

#[cfg(feature = "fetch")]
impl Error {
    /// The fetcher's own error, where fetching the page is what failed: it knows the phase of a timeout
    /// and the status.
    pub fn fetch(&self) -> Option<&gather_fetch::Error> {
        self.0.source.as_ref().and_then(|source| source.downcast_ref())
    }
}

#[cfg(feature = "fetch")]
impl From<gather_fetch::Error> for Error {
    fn from(error: gather_fetch::Error) -> Self {
        let mut converted = Self::new(ErrorKind::Fetch(error.kind().as_str()), error.fact());
        converted.0.hint = error.hint().map(str::to_owned);
        converted.0.url = error.url().map(|url| url.as_str().to_owned());
        converted.0.attempts = error.attempts();
        converted.0.timeout = error.is_timeout();
        converted.0.retryable = error.is_retryable();
        converted.0.source = Some(Box::new(error));
        converted
    }
}

fn write_with_hint(f: &mut fmt::Formatter<'_>, message: &str, hint: Option<&str>) -> fmt::Result {
    f.write_str(message)?;
    match hint {
        Some(hint) => write!(f, "\n  hint: {hint}"),
        None => Ok(()),
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        assert_eq!(line_and_column("abc", 0), (1, 1));
        assert_eq!(line_and_column("ä\nöü=1", 5), (2, 2));
        assert_eq!(line_and_column("a\nb", 99), (2, 2));
    }

    #[test]
    fn a_recipe_error_keeps_position_and_hint_as_an_error() {
        let error = RecipeError::new("unknown key `x`")
            .hinted("did you mean `y`?")
            .spanning(Some((2, 3)))
            .located_in("a\nx");
        let error = Error::from(error);
        assert_eq!(error.kind().as_str(), "invalid_input");
        assert_eq!(error.to_string(), "line 2, column 1: unknown key `x`\n  hint: did you mean `y`?");
        assert!(error.source().is_some());
    }
}
