//! What records a file gives, and how they look as text.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gather_file_reader::File;
use gather_records::{Record, plain};
use serde_json::Value;

use crate::args::Content;
use crate::session::Look;
use crate::worked::Worked;

/// What a record stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A file with its text.
    Text,
    /// A file without.
    Facts,
    /// A file with its hash.
    Hash,
    /// A file with its bytes.
    Bytes,
    /// A line.
    Lines,
    /// A record that a file holds.
    Held,
}

impl Shape {
    pub(super) fn of(content: &Content) -> Self {
        match content {
            Content { lines: true, .. } => Shape::Lines,
            Content { records: true, .. } => Shape::Held,
            Content { bytes: true, .. } => Shape::Bytes,
            Content { hash: Some(_), .. } => Shape::Hash,
            Content { no_text: true, .. } => Shape::Facts,
            _ => Shape::Text,
        }
    }

    pub(super) fn look(self) -> Look {
        let text = match self {
            Shape::Lines => line_as_text,
            Shape::Held => Record::to_string,
            Shape::Hash => hash_as_text,
            _ => file_as_text,
        };
        Look { text, columns: self.columns(), more_columns: true }
    }

    /// A name that is not UTF-8 adds the column `path_bytes`; a guess, `guessed`; what was unpacked, `compressed`.
    fn columns(self) -> Option<Vec<String>> {
        let columns: &[&str] = match self {
            Shape::Text => &["path", "bytes", "lines", "encoding", "text"],
            Shape::Facts => &["path", "bytes", "lines", "encoding"],
            Shape::Hash => &["path", "bytes", "lines", "encoding", "hash"],
            Shape::Bytes => &["path", "bytes", "lines", "encoding", "base64"],
            Shape::Lines => &["path", "line", "text"],
            Shape::Held => return None,
        };
        Some(columns.iter().map(|column| (*column).to_owned()).collect())
    }
}

/// What a file that was read to its end gives. Lines were given before.
pub(super) fn of_file(shape: Shape, file: File) -> Worked {
    let bytes = file.size();
    match shape {
        Shape::Lines => Worked::ok(Vec::new(), bytes),
        _ => Worked::ok(vec![of(shape, file)], bytes),
    }
}

/// The record of a file.
pub(super) fn of(shape: Shape, file: File) -> Record {
    let mut record = Record::new();
    record.insert_path("path", file.path());
    record.insert("bytes", file.size());
    record.insert("lines", file.encoding().map(|_| file.lines()));
    record.insert("encoding", file.encoding());
    if file.is_guessed() {
        record.insert("guessed", true);
    }
    if let Some(compression) = file.compression() {
        record.insert("compressed", compression);
    }
    if let Some(hash) = file.hash() {
        record.insert("hash", hash);
    }
    match shape {
        Shape::Text | Shape::Held => record.insert("text", file.into_text()),
        Shape::Bytes => record.insert("base64", file.into_bytes().map(|bytes| STANDARD.encode(bytes))),
        _ => None,
    };
    record
}

/// The records of lines, the first of which has this number.
pub(super) fn of_lines(path: &Path, first: u64, text: &str) -> impl Iterator<Item = Record> {
    (first..).zip(text.lines()).map(move |(number, line)| {
        let mut record = Record::new();
        record.insert_path("path", path);
        record.insert("line", number);
        record.insert("text", line);
        record
    })
}

/// What is no object is the `value` of one.
pub(super) fn with_source(path: &Path, value: Value) -> Record {
    let mut record = Record::new();
    record.insert_path("_source", path);
    match value {
        Value::Object(values) => {
            for (name, value) in values {
                add(&mut record, name, value);
            }
        }
        value => {
            record.insert("value", value);
        }
    }
    record
}

/// A name that is taken gets a number: two columns may bear the same, and a record may have a source of its own.
pub(super) fn add(record: &mut Record, name: String, value: Value) {
    if record.get(&name).is_none() {
        record.insert(name, value);
        return;
    }
    let free = (2..).map(|number: u64| format!("{name}_{number}")).find(|name| record.get(name).is_none());
    record.insert(free.unwrap_or(name), value);
}

fn file_as_text(record: &Record) -> String {
    let [path, bytes, lines, encoding] =
        ["path", "bytes", "lines", "encoding"].map(|name| field(record, name));
    match encoding.as_str() {
        "" => format!("{path}: {bytes} bytes"),
        _ => format!("{path}: {bytes} bytes, {lines} lines, {encoding}"),
    }
}

/// As `sha256sum` and `b3sum` write it.
fn hash_as_text(record: &Record) -> String {
    format!("{}  {}", field(record, "hash"), field(record, "path"))
}

fn line_as_text(record: &Record) -> String {
    format!("{}:{}:{}", field(record, "path"), field(record, "line"), field(record, "text"))
}

/// A name cannot begin a line of its own.
fn field(record: &Record, name: &str) -> String {
    record.get(name).map_or_else(String::new, plain).replace('\n', "\\n")
}
