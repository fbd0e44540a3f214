//! A file that was read.

use std::path::{Path, PathBuf};

/// A file that was read: its text (or its bytes), and what was found out on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) lines: u64,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) guessed: bool,
    pub(crate) content: Content,
}

/// What of a file's content is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Bytes(Vec<u8>),
    Nothing,
}

impl File {
    /// The path, as it was given or found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many lines it has; a last line without an end counts. Of bytes: 0.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The encoding of the text, by its name in the Encoding Standard; `None` of bytes.
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    /// Whether the encoding is a guess: there was no byte order mark and the text is not UTF-8.
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// The text, if texts were asked for.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if texts were asked for.
    pub fn into_text(self) -> Option<String> {
        match self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if bytes were asked for.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self.content {
            Content::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}
