//! A file that was read.

use std::path::{Path, PathBuf};

use crate::compress::Packing;

/// A file that was read: its text (or its bytes), and what was found out on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) lines: u64,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) guessed: bool,
    pub(crate) hash: Option<String>,
    pub(crate) packing: Option<Packing>,
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
    /// A file of which nothing is known yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            size: 0,
            lines: 0,
            encoding: None,
            guessed: false,
            hash: None,
            packing: None,
            content: Content::Nothing,
        }
    }

    /// The same without its content.
    pub fn facts(&self) -> Self {
        let (path, hash) = (self.path.clone(), self.hash.clone());
        Self { path, hash, content: Content::Nothing, ..*self }
    }

    /// The path, as it was given or found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it has; of a compressed file that was unpacked, how many came out.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many lines it has; a last line without an end counts. Of what is not text: 0.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The encoding of the text, by its name in the Encoding Standard; `None` of what is not text.
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    /// Whether the encoding is a guess: there was no byte order mark and the text is not UTF-8.
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// The hash of its bytes in hexadecimal digits, if one was asked for; of a compressed file that was unpacked, of what
    /// came out.
    pub fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    /// How it was compressed, if it was unpacked: `gz`, `zst`, `bz2` or `xz`.
    pub fn compression(&self) -> Option<&'static str> {
        self.packing.map(Packing::as_str)
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
