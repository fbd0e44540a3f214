//! A file that shows a store's records: it grows by whole records, and after a kill by those that are not in it yet.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gather_records::{Format, Record, plain};
use sha2::{Digest, Sha256};

use crate::blocking::off_the_loop;
use crate::error::{Error, ErrorKind};
use crate::hex;
use crate::identity::is_one_of;
use crate::model::Stored;
use crate::store::Store;

/// What an SQLite database begins with: no output is written over one.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// A file of records that follows a store. It is locked for as long as this lives: one process writes it.
///
/// After each batch the store notes how far the file is whole, and a hash of it. What is behind that, after a kill, is cut
/// off; a file that is shorter or holds something else is written anew. What is no file, such as `/dev/null`, gets all records.
#[derive(Debug)]
pub struct Projection {
    file: Arc<File>,
    path: PathBuf,
    format: Format,
    columns: Vec<String>,
    note: String,
    durable: bool,
    /// How often records had been taken from the store.
    removals: u64,
    /// Whether it can be cut back and gone on with.
    is_regular: bool,
    /// The last record in it, its size, and the hash of all of it.
    number: i64,
    bytes: u64,
    hash: Sha256,
}

/// How far a file is whole, as the store notes it.
struct Whole {
    number: i64,
    bytes: u64,
    hash: String,
    removals: u64,
}

impl Whole {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (number, bytes) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (hash, removals) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        Some(Self { number, bytes, hash, removals })
    }
}

impl Projection {
    /// Opens and locks the file, before there is a store. It is left as it is until [`follow`](Self::follow). `taken` are
    /// files that it must not be, by whatever name: those of the store.
    ///
    /// # Errors
    /// A format that cannot be added to; a database; a file that another process writes, or that cannot be written.
    pub async fn lock(path: &Path, format: Format, taken: &[PathBuf]) -> Result<Self, Error> {
        if !matches!(format, Format::Jsonl | Format::Csv | Format::Tsv) {
            return Err(Error::invalid(
                format!("a crawl does not write {format} as it goes"),
                "name it .jsonl, .csv or .tsv; gather export writes every format",
            ));
        }
        let (place, taken) = (path.to_owned(), taken.to_vec());
        let opened = off_the_loop(move || {
            if is_one_of(&place, &taken) {
                return Err(is_database(&place));
            }
            let is_regular = std::fs::metadata(&place).map_or(true, |there| there.is_file());
            Ok((if is_regular { locked(&place)? } else { opened(&place)? }, is_regular))
        });
        let (file, is_regular) = opened.await??;
        let absolute = std::path::absolute(path).map_err(|error| unwritable(path, &error))?;
        let note = format!("out {format} {}", absolute.display());
        let (path, file) = (path.to_owned(), Arc::new(file));
        let (columns, hash) = (Vec::new(), Sha256::new());
        Ok(Self {
            file,
            path,
            format,
            columns,
            note,
            durable: false,
            removals: 0,
            is_regular,
            number: 0,
            bytes: 0,
            hash,
        })
    }

    /// Whether each batch is on the disk before the store notes it, so that a power cut leaves no hole. Default: no.
    #[must_use]
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Brings it to where the store says it was whole. `columns` are those of a table.
    ///
    /// # Errors
    /// A table without columns; a file that cannot be written.
    pub async fn follow(mut self, columns: Vec<String>, store: &mut dyn Store) -> Result<Self, Error> {
        if self.format != Format::Jsonl && columns.is_empty() {
            return Err(Error::invalid(
                "the columns of the table are not known before",
                "write .jsonl, or export it",
            ));
        }
        self.columns = columns;
        if self.is_regular {
            self.removals = store.removals().await?;
            let noted = store.note(&self.note).await?.and_then(|text| Whole::parse(&text));
            let noted = noted.filter(|whole| whole.removals == self.removals);
            self = self.cut_back(noted).await?;
        }
        Ok(self)
    }

    /// [`lock`](Self::lock) and [`follow`](Self::follow) at once.
    ///
    /// # Errors
    /// As both.
    pub async fn open(
        path: &Path,
        format: Format,
        columns: Vec<String>,
        store: &mut dyn Store,
    ) -> Result<Self, Error> {
        Self::lock(path, format, &store.files()).await?.follow(columns, store).await
    }

    /// Reads what should be there, and cuts off what is behind it; all, if it is something else.
    async fn cut_back(mut self, noted: Option<Whole>) -> Result<Self, Error> {
        let (file, path) = (self.file.clone(), self.path.clone());
        let mut hash = Sha256::new();
        hash.update(self.columns.join("\n"));
        let empty = hash.clone();
        let work = move || -> std::io::Result<Option<(Whole, Sha256)>> {
            let kept = match noted {
                Some(whole) if holds(&file, &whole, &mut hash)? => Some((whole, hash)),
                _ => None,
            };
            let bytes = kept.as_ref().map_or(0, |(whole, _)| whole.bytes);
            file.set_len(bytes)?;
            Ok(kept)
        };
        match off_the_loop(work).await?.map_err(|error| unwritable(&path, &error))? {
            Some((whole, hash)) => (self.number, self.bytes, self.hash) = (whole.number, whole.bytes, hash),
            None => self.hash = empty,
        }
        Ok(self)
    }

    /// The number of the last record in the file: those behind it are missing.
    pub fn last_record(&self) -> i64 {
        self.number
    }

    /// Whether records that are in it were taken from the store meanwhile, so that it is to be opened anew.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn is_outdated(&self, store: &mut dyn Store) -> Result<bool, Error> {
        Ok(self.is_regular && store.removals().await? != self.removals)
    }

    /// Empties it, so that all records may be added again.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub async fn empty(&mut self, store: &mut dyn Store) -> Result<(), Error> {
        let file = self.file.clone();
        let cut = off_the_loop(move || file.set_len(0)).await?;
        cut.map_err(|error| unwritable(&self.path, &error))?;
        self.hash = Sha256::new();
        self.hash.update(self.columns.join("\n"));
        (self.number, self.bytes, self.removals) = (0, 0, store.removals().await?);
        Ok(())
    }

    /// Adds records, and notes that they are there; of none a table gets its header, if it has not got it yet. Dropped while
    /// pending, it has added none: the next ones are written over them.
    ///
    /// # Errors
    /// The file or the store takes no more; the next [`open`](Self::open) cuts off what is not noted.
    pub async fn add(&mut self, records: &[Stored], store: &mut dyn Store) -> Result<(), Error> {
        let mut text = if self.bytes == 0 { self.header() } else { Vec::new() };
        if records.is_empty() && text.is_empty() {
            return Ok(());
        }
        for stored in records {
            self.encode(&stored.record, &mut text)?;
        }
        let mut hash = self.hash.clone();
        hash.update(&text);
        let (file, at, size) = (self.file.clone(), self.bytes, text.len() as u64);
        let (is_regular, sync) = (self.is_regular, self.durable && self.is_regular);
        let work = move || {
            if is_regular {
                file.write_all_at(&text, at)?
            } else {
                (&*file).write_all(&text)?
            }
            if sync { file.sync_data() } else { Ok(()) }
        };
        off_the_loop(work).await?.map_err(|error| unwritable(&self.path, &error))?;
        let (number, bytes) = (records.last().map_or(self.number, |last| last.number), at + size);
        if self.is_regular {
            let proof = hex::half(&hash.clone().finalize());
            store.keep_note(&self.note, &format!("{number} {bytes} {proof} {}", self.removals)).await?;
        }
        (self.number, self.bytes, self.hash) = (number, bytes, hash);
        Ok(())
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
        // `_input` is there in few records, and not known before: a table does without it.
        let is_known = |name: &&str| *name == "_input" || self.columns.iter().any(|column| column == name);
        if let Some(name) = record.names().find(|name| !is_known(name)) {
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

/// Whether the file begins with what was noted.
fn holds(mut file: &File, whole: &Whole, hash: &mut Sha256) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut left = file.take(whole.bytes);
    let mut chunk = vec![0; 64 << 10];
    let mut read = 0;
    loop {
        let size = left.read(&mut chunk)?;
        read += size as u64;
        hash.update(chunk.get(..size).unwrap_or_default());
        if size == 0 {
            return Ok(read == whole.bytes && hex::half(&hash.clone().finalize()) == whole.hash);
        }
    }
}

fn opened(path: &Path) -> Result<File, Error> {
    OpenOptions::new().write(true).open(path).map_err(|error| unwritable(path, &error))
}

fn locked(path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(|error| unwritable(path, &error))?;
    match file.try_lock() {
        Ok(()) if begins_as_database(&file).map_err(|error| unwritable(path, &error))? => {
            Err(is_database(path))
        }
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::invalid(
            format!("another process writes {}", path.display()),
            "leave out --out here; gather export writes the records of a shared store",
        )),
        Err(TryLockError::Error(error)) => Err(unwritable(path, &error)),
    }
}

fn begins_as_database(mut file: &File) -> std::io::Result<bool> {
    let mut head = Vec::new();
    file.take(DATABASE.len() as u64).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head == DATABASE)
}

fn is_database(path: &Path) -> Error {
    Error::invalid(
        format!("{} is a store or another database, and no file of records", path.display()),
        "name another file with --out; nothing was changed",
    )
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
            std::fs::write(&path, whole.replace('a', "b")).unwrap();
            let file = Projection::open(&path, Format::Csv, columns(), &mut store).await.unwrap();
            assert_eq!(file.last_record(), 0, "as long, and something else");
            drop(file);
            std::fs::write(&path, "_so").unwrap();
            let file = Projection::open(&path, Format::Csv, columns(), &mut store).await.unwrap();
            assert_eq!((file.last_record(), std::fs::metadata(&path).unwrap().len()), (0, 0));
        })
        .unwrap();
    }

    #[test]
    fn records_whose_adding_was_dropped_are_added_again_and_the_file_holds_its_proof() {
        gather_core::run(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.jsonl");
            let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
            let mut file = Projection::open(&path, Format::Jsonl, Vec::new(), &mut store).await.unwrap();
            let records = [stored(1, "a"), stored(2, "b")];
            let mut added = 0;
            for _ in 0..3 {
                // A thread and a store that are quick may be done before it is dropped.
                let outcome = futures::FutureExt::now_or_never(file.add(&records, &mut store));
                added += outcome.map_or(0, |outcome| outcome.map(|()| records.len()).unwrap());
            }
            file.add(&records, &mut store).await.unwrap();
            drop(file);
            let whole = std::fs::read_to_string(&path).unwrap();
            assert_eq!(whole.lines().count(), added + records.len(), "{whole}");
            let file = Projection::open(&path, Format::Jsonl, Vec::new(), &mut store).await.unwrap();
            assert_eq!(file.last_record(), 2);
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
