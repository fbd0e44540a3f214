//! The records of a JSON document: the elements of its array, given while it is parsed, or the document itself.

use std::fmt;
use std::path::PathBuf;

use async_channel::Sender;
use gather_core::{Lane, to_thread_in};
use gather_file_reader::File;
use gather_records::{Failure, Kind, MAX_NESTING, Record, is_nested_too_deep};
use serde::de::{Deserialize as _, Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::{Deserializer, Value};

use super::records::with_source;
use crate::session::Session;
use crate::worked::Worked;

/// Records that are handed over at once.
const TOGETHER: usize = 256;

/// Parses a document and writes its records. Only the text is held whole, not what is in it.
pub(super) async fn write(file: File, text: String, session: &mut Session) -> Worked {
    let (path, bytes) = (file.path(), file.size());
    let (sender, records) = async_channel::bounded(2);
    let out = Out { path: path.to_owned(), records: Vec::new(), sender };
    let parsing = to_thread_in(Lane::Cpu, move || parse(&text, out));
    let writing = async {
        while let Ok(together) = records.recv().await {
            for record in together {
                session.record(record).await;
            }
            if session.is_output_over() {
                break;
            }
        }
        drop(records);
    };
    match futures::join!(parsing, writing).0 {
        Ok(Ok(())) => Worked::ok(Vec::new(), bytes),
        Ok(Err(error)) => {
            let (kind, fact) = unread(&error);
            Worked::failed(Failure::of_path(path, kind, fact))
        }
        Err(ended) => Worked::failed(Failure::of_path(path, Kind::Io, ended.to_string())),
    }
}

/// Why a text gives no value: it is no JSON, or nested past the bound.
pub(super) fn unread(error: &serde_json::Error) -> (Kind, String) {
    if !is_nested_too_deep(error) {
        return (Kind::Parse, format!("not JSON: {error}"));
    }
    let (line, column) = (error.line(), error.column());
    (Kind::TooLarge, format!("nested more than {MAX_NESTING} levels, at line {line} column {column}"))
}

/// An array gives its elements even where it breaks off; any other document is a record when it is whole.
fn parse(text: &str, mut out: Out) -> serde_json::Result<()> {
    let mut document = Deserializer::from_str(text);
    let parsed = if text.trim_start().starts_with('[') {
        document.deserialize_seq(Elements(&mut out)).and_then(|()| document.end())
    } else {
        Value::deserialize(&mut document).and_then(|value| {
            document.end()?;
            out.give(value);
            Ok(())
        })
    };
    out.hand_over();
    if out.is_over() { Ok(()) } else { parsed }
}

struct Elements<'a>(&'a mut Out);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element()? {
            self.0.give(value);
            if self.0.is_over() {
                return Err(A::Error::custom("nobody takes the records"));
            }
        }
        Ok(())
    }
}

/// Where records go, many at once.
struct Out {
    path: PathBuf,
    records: Vec<Record>,
    sender: Sender<Vec<Record>>,
}

impl Out {
    fn give(&mut self, value: Value) {
        self.records.push(with_source(&self.path, value));
        if self.records.len() >= TOGETHER {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let records = std::mem::take(&mut self.records);
        if !records.is_empty() {
            let _ = self.sender.send_blocking(records); // nobody there is seen by `is_over`
        }
    }

    /// Whether nobody takes records any more.
    fn is_over(&self) -> bool {
        self.sender.is_closed()
    }
}
