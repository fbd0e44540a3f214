//! The formats records are written in.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// For people; each command has its own.
    Text,
    /// A JSON object on each line.
    Jsonl,
    /// One JSON array.
    Json,
    /// Comma-separated values (RFC 4180) with a header; lines end with CRLF.
    Csv,
    /// The same with tabs.
    Tsv,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 5] = [Format::Text, Format::Jsonl, Format::Json, Format::Csv, Format::Tsv];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Jsonl => "jsonl",
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
        }
    }

    /// The format that a file's name asks for: `jsonl` (or `ndjson`), `json`, `csv`, `tsv`, `txt`; a `.gz` behind it is passed over.
    ///
    /// ```
    /// use gather_records::Format;
    ///
    /// assert_eq!(Format::from_path("a.csv.gz".as_ref()), Some(Format::Csv));
    /// assert_eq!(Format::from_path("a.html".as_ref()), None);
    /// ```
    pub fn from_path(path: &Path) -> Option<Self> {
        let plain = if is_gzip(path) { path.with_extension("") } else { path.to_owned() };
        match plain.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "json" => Some(Format::Json),
            "csv" => Some(Format::Csv),
            "tsv" => Some(Format::Tsv),
            "txt" => Some(Format::Text),
            _ => None,
        }
    }
}

/// Whether a file's name asks for gzip.
pub(crate) fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is none of the formats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format (text, jsonl, json, csv, tsv)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}
