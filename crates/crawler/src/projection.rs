//! A file that shows a store's records: it grows by whole records, and after a kill by those that are not in it yet.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gather_core::to_thread;
use gather_records::{Format, Record, plain};

use crate::error::{Error, ErrorKind};
use crate::model::Stored;
use crate::store::Store;

/// A file of records that follows a store. It is locked for as long as this lives: one process writes it.
///
/// After each batch the store notes how far the file is whole. What is behind that, after a kill, is cut off; a file
/// that is shorter is written anew.
#[derive(Debug)]
pub struct Projection {
    file: Arc<File>,
    path: PathBuf,
    format: Format,
    columns: Vec<String>,
    note: String,
    /// The last record in it, and its size.
    number: i64,
    bytes: u64,
}

impl Projection {
    /// Opens the file and brings it to where the store says it was whole. `columns` are those of a table.
    ///
    /// # Errors
    /// A format that cannot be added to; a file that another process writes, or that cannot be written.
    pub async fn open(
        path: &Path,
        format: Format,
        columns: Vec<String>,
        store: &mut dyn Store,
    ) -> Result<Self, Error> {
        if !matches!(format, Format::Jsonl | Format::Csv | Format::Tsv) {
            return Err(Error::invalid(
                format!("a crawl does not write {format} as it goes"),
                "name it .jsonl, .csv or .tsv; gather export writes every format",
            ));
        }
        if format != Format::Jsonl && columns.is_empty() {
            return Err(Error::invalid(
                "the columns of the table are not known before",
                "write .jsonl, or export it",
            ));
        }
        let file = locked(path)?;
        let absolute = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
        let note = format!("out {format} {}", absolute.display());
        let known = store.note(&note).await?.and_then(|known| {
            let (number, bytes) = known.split_once(' ')?;
            Some((number.parse().ok()?, bytes.parse().ok()?))
        });
        let (number, bytes) = known.unwrap_or((0, 0));
        let length = file.metadata().map_err(|error| unwritable(path, &error))?.len();
        let (number, bytes) = if length < bytes { (0, 0) } else { (number, bytes) };
        let cut = file.set_len(bytes).and_then(|()| (&file).seek(SeekFrom::Start(bytes)));
        cut.map_err(|error| unwritable(path, &error))?;
        let path = path.to_owned();
        Ok(Self { file: Arc::new(file), path, format, columns, note, number, bytes })
    }

    /// The number of the last record in the file: those behind it are missing.
    pub fn last_record(&self) -> i64 {
        self.number
    }

    /// Adds records, and notes that they are there.
    ///
    /// # Errors
    /// The file or the store takes no more; the next [`open`](Self::open) cuts off what is not noted.
    pub async fn add(&mut self, records: &[Stored], store: &mut dyn Store) -> Result<(), Error> {
        let Some(last) = records.last() else { return Ok(()) };
        let mut text = if self.bytes == 0 { self.header() } else { Vec::new() };
        for stored in records {
            self.encode(&stored.record, &mut text)?;
        }
        let (file, size) = (self.file.clone(), text.len() as u64);
        let written = to_thread(move || (&*file).write_all(&text)).await;
        written
            .map_err(|ended| Error::new(ErrorKind::Io, ended.to_string()))?
            .map_err(|error| unwritable(&self.path, &error))?;
        (self.number, self.bytes) = (last.number, self.bytes + size);
        store.keep_note(&self.note, &format!("{} {}", self.number, self.bytes)).await
    }

    fn header(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if self.format != Format::Jsonl {
            self.row(self.columns.iter().cloned(), &mut text);
        }
        text
    }

    fn encode(&self, record: &Record, text: &mut Vec<u8>) -> Result<(), Error> {
        if self.format == Format::Jsonl {
            text.extend_from_slice(record.to_string().as_bytes());
            text.push(b'\n');
            return Ok(());
        }
        if let Some(name) = record.names().find(|name| !self.columns.iter().any(|column| column == name)) {
            return Err(Error::invalid(format!("the table has no column `{name}`"), "write .jsonl"));
        }
        let cells = self.columns.iter().map(|column| record.get(column).map_or_else(String::new, plain));
        self.row(cells, text);
        Ok(())
    }

    /// A row of CSV (RFC 4180), or the same with tabs.
    fn row(&self, cells: impl Iterator<Item = String>, text: &mut Vec<u8>) {
        let separator = if self.format == Format::Csv { ',' } else { '\t' };
        let needs_quotes = |cell: &str| cell.contains([separator, '"', '\n', '\r']);
        let quoted = |cell: String| {
            if needs_quotes(&cell) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
        };
        let cells: Vec<String> = cells.map(quoted).collect();
        text.extend_from_slice(cells.join(&separator.to_string()).as_bytes());
        text.extend_from_slice(b"\r\n");
    }
}

fn locked(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(|error| unwritable(path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::invalid(
            format!("another process writes {}", path.display()),
            "leave out --out here; gather export writes the records of a shared store",
        )),
        Err(TryLockError::Error(error)) => Err(unwritable(path, &error)),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("cannot write {}: {error}", path.display()))
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    fn stored(number: i64, title: &str) -> Stored {
        let record = [("_source", "http://h/".into()), ("title", title.into())].into_iter().collect();
        Stored { number, record }
    }

    #[test]
    fn what_a_kill_left_behind_the_noted_place_is_cut_off_and_a_shorter_file_is_written_anew() {
        gather_core::run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.csv");
            let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
            let columns = || ["_source", "title"].map(str::to_owned).to_vec();
            let mut file = Projection::open(&path, Format::Csv, columns(), &mut store).await.unwrap();
            file.add(&[stored(7, "a, \"b\"")], &mut store).await.unwrap();
            drop(file);
            let whole = std::fs::read_to_string(&path).unwrap();
            assert_eq!(whole, "_source,title\r\nhttp://h/,\"a, \"\"b\"\"\"\r\n");
            std::fs::write(&path, format!("{whole}http://h/x,ha")).unwrap();
            let file = Projection::open(&path, Format::Csv, columns(), &mut store).await.unwrap();
            assert_eq!(file.last_record(), 7);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
            drop(file);
            std::fs::write(&path, "_so").unwrap();
            let file = Projection::open(&path, Format::Csv, columns(), &mut store).await.unwrap();
            assert_eq!((file.last_record(), std::fs::metadata(&path).unwrap().len()), (0, 0));
        })
        .unwrap();
    }

    #[test]
    fn one_process_writes_a_file() {
        gather_core::run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.jsonl");
            let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
            let _first = Projection::open(&path, Format::Jsonl, Vec::new(), &mut store).await.unwrap();
            let error = Projection::open(&path, Format::Jsonl, Vec::new(), &mut store).await.unwrap_err();
            assert!(error.hint().unwrap().contains("gather export"), "{error}");
        })
        .unwrap();
    }
}
