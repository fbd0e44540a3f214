//! The records that files hold, as their text comes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gather_core::{Lane, to_thread_in};
use gather_file_reader::File;
use gather_records::{Failure, Kind, Record};
use serde_json::Value;

use super::document;
use super::records::{self, Shape, add, with_source};
use super::table::{Row, Table};
use crate::input::{is_stdin, of_one_line};
use crate::session::Session;
use crate::worked::Worked;

/// A format of records, told by a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Jsonl,
    Table(u8),
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let extension = |path: &Path| Some(path.extension()?.to_str()?.to_ascii_lowercase());
        let mut told = extension(path)?;
        if matches!(told.as_str(), "gz" | "zst" | "bz2" | "xz") {
            told = extension(Path::new(path.file_stem()?))?; // that of what is packed
        }
        match told.as_str() {
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "csv" => Some(Format::Table(b',')),
            "tsv" => Some(Format::Table(b'\t')),
            _ => None,
        }
    }
}

/// Whether a file must be whole before it gives a record.
pub(super) fn is_whole(path: &Path) -> bool {
    !is_stdin(path.as_os_str()) && !matches!(Format::of(path), Some(Format::Jsonl | Format::Table(_)))
}

/// The files of which a part was taken, and not the end.
#[derive(Default)]
pub(super) struct Held(HashMap<PathBuf, Open>);

struct Open {
    path: Arc<Path>,
    rows: Rows,
    bad: Bad,
}

enum Rows {
    Lines,
    Table(Box<Table>),
    /// Of stdin, which has no name to tell by: no rows, or one document.
    Whole(String),
}

/// What a file holds and is no record: how many, and the first of them.
#[derive(Default)]
struct Bad {
    first: Option<(Kind, String)>,
    count: u64,
}

impl Held {
    /// The records that end in a part of a file.
    pub(super) async fn part(&mut self, path: Arc<Path>, line: u64, text: String) -> Vec<Record> {
        let mut open = self.0.remove(&*path).unwrap_or_else(|| Open::new(path.clone(), &text));
        let parsed = to_thread_in(Lane::Cpu, move || {
            let records = open.records(line, &text);
            (open, records)
        });
        match parsed.await {
            Ok((open, records)) => {
                self.0.insert(path.to_path_buf(), open);
                records
            }
            Err(_) => Vec::new(), // the run is over
        }
    }

    /// Writes the records that are left of a file that came to its end, and tells what was wrong with the others.
    pub(super) async fn end(&mut self, file: File, session: &mut Session) -> Worked {
        if let Some(mut open) = self.0.remove(file.path()) {
            let left = open.records(0, "");
            if let Rows::Whole(text) = open.rows {
                return nameless(file, text, session).await;
            }
            for record in left {
                session.record(record).await;
            }
            return open.bad.worked(&file);
        }
        match Format::of(file.path()) {
            Some(Format::Json) => {
                let facts = file.facts();
                document::write(facts, file.into_text().unwrap_or_default(), session).await
            }
            Some(_) => Worked::ok(Vec::new(), file.size()), // it is empty
            None if is_stdin(file.path().as_os_str()) => nameless(file, String::new(), session).await, // so is this
            None => records::of_file(Shape::Held, file),
        }
    }

    /// Nothing more comes of a file.
    pub(super) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }
}

impl Open {
    fn new(path: Arc<Path>, text: &str) -> Self {
        let rows = match Format::of(&path) {
            Some(Format::Table(delimiter)) => Rows::Table(Box::new(Table::new(delimiter))),
            Some(_) => Rows::Lines,
            None => Rows::told_by(text),
        };
        Self { path, rows, bad: Bad::default() }
    }

    fn records(&mut self, line: u64, text: &str) -> Vec<Record> {
        let Self { path, rows, bad } = self;
        match rows {
            Rows::Whole(whole) => {
                whole.push_str(text);
                Vec::new()
            }
            Rows::Lines => {
                (line..).zip(text.lines()).filter_map(|(line, text)| of_line(path, line, text, bad)).collect()
            }
            Rows::Table(table) => {
                table.rows(text).into_iter().filter_map(|row| of_row(path, row, bad)).collect()
            }
        }
    }
}

impl Rows {
    /// By the first line: a record, or the header of a table.
    fn told_by(text: &str) -> Self {
        let first = text.lines().next().unwrap_or_default();
        match first.trim_start().chars().next() {
            Some('{') if serde_json::from_str::<Value>(first).is_ok() => Rows::Lines,
            Some('{' | '[') => Rows::Whole(String::new()),
            _ if first.contains('\t') => Rows::Table(Box::new(Table::new(b'\t'))),
            _ if first.contains(',') => Rows::Table(Box::new(Table::new(b','))),
            _ => Rows::Whole(String::new()),
        }
    }
}

/// A document without a name: JSON if it looks like it, else a text.
async fn nameless(file: File, text: String, session: &mut Session) -> Worked {
    if text.trim_start().starts_with(['{', '[']) {
        return document::write(file, text, session).await;
    }
    let bytes = file.size();
    let mut record = records::of(Shape::Held, file);
    record.insert("text", text);
    Worked::ok(vec![record], bytes)
}

fn of_line(path: &Path, line: u64, text: &str, bad: &mut Bad) -> Option<Record> {
    if text.trim().is_empty() {
        return None;
    }
    let value = serde_json::from_str(text).map_err(|error| unread(line, &error));
    bad.note(value).map(|value| with_source(path, value))
}

fn unread(line: u64, error: &serde_json::Error) -> (Kind, String) {
    let (kind, fact) = document::unread(error);
    let fact = of_one_line(&fact);
    match fact.strip_prefix("not JSON") {
        Some(why) => (kind, format!("line {line} is not JSON{why}")),
        None => (kind, format!("line {line}: {fact}")),
    }
}

fn of_row(path: &Path, row: Row, bad: &mut Bad) -> Option<Record> {
    let mut record = with_source(path, Value::Object(serde_json::Map::new()));
    for (name, cell) in bad.note(row.map_err(|fact| (Kind::Parse, fact)))? {
        add(&mut record, name, cell.into());
    }
    Some(record)
}

impl Bad {
    fn note<T>(&mut self, result: Result<T, (Kind, String)>) -> Option<T> {
        result
            .map_err(|wrong| {
                self.count += 1;
                self.first.get_or_insert(wrong);
            })
            .ok()
    }

    fn worked(self, file: &File) -> Worked {
        let Some((kind, first)) = self.first else { return Worked::ok(Vec::new(), file.size()) };
        let fact = match self.count - 1 {
            0 => first,
            others => format!("{first} (and {others} more)"),
        };
        Worked::failed(Failure::of_path(file.path(), kind, fact))
    }
}
