//! What a command works through: the arguments as typed, then the entries of `--input`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use async_channel::{Receiver, bounded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gather_core::{Task, spawn, to_thread};
use gather_records::{Failure, Kind};
use serde_json::{Map, Value};

use crate::exit::usage;

/// The keys of a record that name an input, the first that has a value.
const KEYS: [&str; 3] = ["url", "input", "path"];

/// How many inputs wait between the thread that reads a list and the tasks that take them: enough that
/// neither waits for the other, few enough that a list of a million costs no memory.
const AHEAD: usize = 256;

/// The keys of a record that name the page it was found in.
const PAGE_KEYS: [&str; 2] = ["source", "_source"];

/// The keys of a record of a sitemap, which names its URLs without saying where it stands itself.
pub(crate) const SITEMAP_KEYS: [&str; 4] = ["url", "lastmod", "changefreq", "priority"];

/// An input, or why the entry of a list gives none.
pub(crate) type Given = Result<Input, BadEntry>;

/// An input as it was given, and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) name: OsString,
    pub(crate) by: By,
}

/// Who gave an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The user: on the command line, or in a list where nothing is on the command line.
    User,
    /// A list beside the command line.
    List,
    /// A page, of which an earlier run made a record; the page's URL or path, empty if the record does not say it.
    Page(String),
}

/// An input as text: what URLs are, and of other inputs the nearest.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) text: String,
    pub(crate) by: By,
}

impl Asked {
    /// What the user named.
    pub(crate) fn by_user(text: impl Into<String>) -> Self {
        Self { text: text.into(), by: By::User }
    }
}

/// An input as text, such as a URL is.
pub(crate) fn as_text(given: Given) -> Result<Asked, BadEntry> {
    let Input { name, by } = given?;
    let text = name.into_string().map_err(|name| BadEntry {
        entry: name.to_string_lossy().into_owned(),
        kind: Kind::InvalidInput,
        message: "it is not UTF-8\n  hint: write other bytes of a URL as %XX".to_owned(),
    })?;
    Ok(Asked { text, by })
}

/// An entry of a list that names no input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadEntry {
    /// The entry, or its beginning.
    pub(crate) entry: String,
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl BadEntry {
    pub(crate) fn into_failure(self) -> Failure {
        Failure::new(self.entry, self.kind, self.message)
    }
}

/// Inputs on their way from the command line and a list to the tasks.
pub(crate) struct Inputs {
    receiver: Receiver<Given>,
    /// Whether the list ends by itself, so that what is left of it can be counted after a stop.
    finite: bool,
    _feeder: Task<()>,
}

impl Inputs {
    /// Starts feeding: first what was typed, then the list.
    ///
    /// # Errors
    /// A list that cannot be opened.
    pub(crate) fn start(typed: Vec<OsString>, list: Option<List>) -> anyhow::Result<Self> {
        let finite = list.as_ref().is_none_or(|list| list.finite);
        let by = if typed.is_empty() { By::User } else { By::List };
        let typed = typed.into_iter().map(|name| Ok(Input { name, by: By::User }));
        let all = move || typed.chain(list.into_iter().flat_map(move |list| list.entries(by.clone())));
        Ok(Self::feed(all, finite))
    }

    fn feed<I: Iterator<Item = Given>>(all: impl FnOnce() -> I + Send + 'static, finite: bool) -> Self {
        let (sender, receiver) = bounded(AHEAD);
        let feeder = spawn(async move {
            let feed = to_thread(move || {
                for given in all() {
                    if sender.send_blocking(given).is_err() {
                        break; // nobody takes them any more
                    }
                }
            });
            let _ = feed.await;
        });
        Self { receiver, finite, _feeder: feeder }
    }

    /// Starts feeding every line of a file as it is, blank ones too; `-` is stdin.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub(crate) fn lines(path: &Path) -> io::Result<Self> {
        let (reader, finite) = open(path)?;
        let entries = Entries { name: path.display().to_string(), reader, end: b'\n', is_over: false };
        let lines =
            entries.map(|line| line.map(|line| Input { name: OsString::from_vec(line), by: By::User }));
        Ok(Self::feed(move || lines, finite))
    }

    /// The stream of inputs. Clones share it: each input is given once.
    pub(crate) fn stream(&self) -> Receiver<Given> {
        self.receiver.clone()
    }

    /// The next input, for a thread that may wait.
    pub(crate) fn next_blocking(&self) -> Option<Given> {
        self.receiver.recv_blocking().ok()
    }

    /// Takes all that is left and returns how many there were; of a stream without an end only what has come.
    pub(crate) async fn count_rest(&self) -> u64 {
        let mut count = 0;
        while self.next_left().await.is_some() {
            count += 1;
        }
        count
    }

    /// Gives no more inputs: who waits for one is told that there is none.
    pub(crate) fn close(&self) {
        self.receiver.close();
    }

    /// One of those that are left after a stop; of a stream without an end only what has come.
    pub(crate) async fn next_left(&self) -> Option<Given> {
        if self.finite { self.receiver.recv().await.ok() } else { self.receiver.try_recv().ok() }
    }
}

/// A file, or stdin for `-`; and whether it ends by itself.
fn open(path: &Path) -> io::Result<(Box<dyn BufRead + Send>, bool)> {
    if path == Path::new("-") {
        return Ok((Box::new(BufReader::new(io::stdin())), false));
    }
    let file = File::open(path)?;
    let finite = file.metadata().is_ok_and(|metadata| metadata.is_file());
    Ok((Box::new(BufReader::new(file)), finite))
}

/// A list of inputs: lines, JSONL or CSV, by content.
pub(crate) struct List {
    name: String,
    reader: Box<dyn BufRead + Send>,
    key: Option<String>,
    finite: bool,
}

impl List {
    /// Opens the file of `--input`; `-` is stdin.
    pub(crate) fn open(path: &Path, key: Option<String>) -> anyhow::Result<Self> {
        let (reader, finite) = open(path).map_err(|error| {
            usage(
                format!("cannot open the list {}: {error}", path.display()),
                "--input takes a file with an input a line, or - for stdin",
            )
        })?;
        Ok(Self { name: path.display().to_string(), reader, key, finite })
    }

    /// Its entries; those that name no page are by `by`.
    fn entries(self, by: By) -> Box<dyn Iterator<Item = Given>> {
        let given = move |found: Found| match found.page {
            Some(page) => Input { name: found.name, by: By::Page(page) },
            None => Input { name: found.name, by: by.clone() },
        };
        Box::new(self.found().map(move |found| found.map(&given)))
    }

    fn found(self) -> Box<dyn Iterator<Item = Result<Found, BadEntry>>> {
        let Self { name, mut reader, key, .. } = self;
        let shape = match peek_shape(&mut reader, key.as_deref()) {
            Ok(shape) => shape,
            Err(error) => return Box::new(std::iter::once(Err(unreadable(&name, &error)))),
        };
        match shape {
            Shape::Lines if key.is_some() => {
                let key = key.unwrap_or_default();
                let message = format!(
                    "the list has no `{key}`\n  hint: --input-key names a key of JSON records or a column of a table with a header"
                );
                Box::new(std::iter::once(Err(BadEntry { entry: name, kind: Kind::InvalidInput, message })))
            }
            Shape::Nul => Box::new(ended_by(name, reader, b'\0').map(|name| name.map(Found::bare))),
            Shape::Lines => Box::new(lines(name, reader).map(|line| line.map(Found::bare))),
            Shape::Jsonl => Box::new(
                lines(name, reader).map(move |line| line.and_then(|line| from_json(&line, key.as_deref()))),
            ),
            Shape::Json => json_array(name, reader, key),
            Shape::Table { delimiter, columns } => table(name, reader, delimiter, columns),
        }
    }
}

enum Shape {
    Lines,
    /// What `find -print0` writes: names as they are, each ended by NUL.
    Nul,
    Jsonl,
    Json,
    Table {
        delimiter: u8,
        columns: Columns,
    },
}

/// Which columns of a table tell what.
struct Columns {
    /// Those that name an input, the first that has a value; each with the one that holds it exactly.
    names: Vec<(usize, Option<usize>)>,
    page: PageOf,
}

/// In which page the rows of a table were found.
#[derive(Clone, Copy)]
enum PageOf {
    /// In none.
    Nobody,
    /// In the one that this column names.
    Column(usize),
    /// In a sitemap.
    Sitemap,
}

/// What an entry names, and in which page it was found.
struct Found {
    name: OsString,
    page: Option<String>,
}

impl Found {
    fn bare(name: Vec<u8>) -> Self {
        Self { name: OsString::from_vec(name), page: None }
    }
}

/// Looks at the beginning without taking it. A pipe may hand over little at first: a table is then
/// known by its first line, which producers write whole.
fn peek_shape(reader: &mut Box<dyn BufRead + Send>, key: Option<&str>) -> io::Result<Shape> {
    let head = first_lines(reader)?;
    let bom = if head.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let head = head.get(bom..).unwrap_or_default().to_vec();
    reader.consume(bom);
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(match first {
        _ if head.contains(&0) && key.is_none() => Shape::Nul,
        // The first of a list of names may be that of a file.
        _ if key.is_none() && is_name_of_file(without_return(first_line(&head))) => Shape::Lines,
        Some(b'{') if begins_json(&head, b'{') => Shape::Jsonl,
        Some(b'[') if begins_json(&head, b'[') => Shape::Json,
        Some(b'"') if serde_json::from_slice::<String>(first_line(&head)).is_ok() => Shape::Jsonl,
        _ => table_shape(first_line(&head), key).unwrap_or(Shape::Lines),
    })
}

/// The beginning up to the end of a line or name at least, which is put back: a pipe may hand over less at first.
fn first_lines(reader: &mut Box<dyn BufRead + Send>) -> io::Result<Vec<u8>> {
    const MOST: usize = 64 << 10;
    let mut head = Vec::new();
    while head.len() < MOST && !head.iter().any(|byte| matches!(byte, b'\n' | b'\0')) {
        let more = reader.fill_buf()?;
        let length = more.len();
        if length == 0 {
            break;
        }
        head.extend_from_slice(more);
        reader.consume(length);
    }
    let rest = std::mem::replace(reader, Box::new(io::empty()));
    *reader = Box::new(io::Cursor::new(head.clone()).chain(rest));
    Ok(head)
}

/// Whether what follows the first bracket can only be JSON: a file may be called `[a].txt`.
fn begins_json(head: &[u8], bracket: u8) -> bool {
    let line = first_line(head).trim_ascii();
    let next = head.trim_ascii_start().get(1..).unwrap_or_default().trim_ascii_start().first();
    match next {
        None => true,
        Some(b'"') => true,
        Some(b'{' | b'[' | b']') if bracket == b'[' => true,
        _ => serde_json::from_slice::<Value>(line).is_ok(),
    }
}

/// Whether something is called so, whatever it looks like: a file, a folder, or a link to what may not be there.
fn is_name_of_file(name: &[u8]) -> bool {
    !name.is_empty() && Path::new(OsStr::from_bytes(name)).symlink_metadata().is_ok()
}

/// A line without the carriage return that some end it with.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// A table has a header that names the key, or, with one column, is no different from lines with a title.
fn table_shape(header: &[u8], key: Option<&str>) -> Option<Shape> {
    [b',', b'\t'].into_iter().find_map(|delimiter| {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(header);
        let names = reader.records().next()?.ok()?;
        let wanted: &[&str] = match &key {
            Some(key) => std::slice::from_ref(key),
            None => &KEYS,
        };
        let at = |key: &str| names.iter().position(|name| name.trim() == key);
        let page = match PAGE_KEYS.into_iter().find_map(at) {
            Some(column) => PageOf::Column(column),
            None if SITEMAP_KEYS.into_iter().all(|key| at(key).is_some()) => PageOf::Sitemap,
            None => PageOf::Nobody,
        };
        let inputs = wanted.iter().filter_map(|key| Some((at(key)?, at(&exact_key(key))))).collect();
        let columns = Columns { names: inputs, page };
        (!columns.names.is_empty()).then_some(Shape::Table { delimiter, columns })
    })
}

fn lines(name: String, reader: Box<dyn BufRead + Send>) -> impl Iterator<Item = Result<Vec<u8>, BadEntry>> {
    ended_by(name, reader, b'\n').filter_map(|line| match line {
        Ok(line) => Some(input_of(&line)).filter(|line| !line.is_empty()).map(|line| Ok(line.to_vec())),
        Err(error) => Some(Err(error)),
    })
}

/// A line without the space around it, unless that belongs to the name of a file.
fn input_of(line: &[u8]) -> &[u8] {
    let trimmed = line.trim_ascii();
    let whole = without_return(line);
    let is_name = whole != trimmed && is_name_of_file(whole);
    if is_name && !trimmed.is_empty() { whole } else { trimmed }
}

/// The entries that are not empty.
fn ended_by(
    name: String,
    reader: Box<dyn BufRead + Send>,
    end: u8,
) -> impl Iterator<Item = Result<Vec<u8>, BadEntry>> {
    let entries = Entries { name, reader, end, is_over: false };
    entries.filter(|entry| !entry.as_ref().is_ok_and(Vec::is_empty))
}

/// Bytes of an entry at most: what is no list may have no end of a line.
const LONGEST: usize = 1 << 20;

/// The entries of a list, without the byte that ends them.
struct Entries {
    name: String,
    reader: Box<dyn BufRead + Send>,
    end: u8,
    is_over: bool,
}

impl Iterator for Entries {
    type Item = Result<Vec<u8>, BadEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        self.read().unwrap_or_else(|error| {
            self.is_over = true;
            Some(Err(unreadable(&self.name, &error)))
        })
    }
}

impl Entries {
    fn read(&mut self) -> io::Result<Option<Result<Vec<u8>, BadEntry>>> {
        let mut entry = Vec::new();
        if self.reader.by_ref().take(LONGEST as u64 + 1).read_until(self.end, &mut entry)? == 0 {
            return Ok(None);
        }
        let is_ended = entry.pop_if(|last| *last == self.end).is_some();
        if is_ended || entry.len() <= LONGEST {
            return Ok(Some(Ok(entry)));
        }
        self.reader.skip_until(self.end)?;
        let fact = format!("more than {LONGEST} bytes, which is the limit of an entry");
        Ok(Some(Err(BadEntry { kind: Kind::TooLarge, ..bad(&entry, fact) })))
    }
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> BadEntry {
    let message = format!("cannot read the list: {error}");
    BadEntry { entry: name.to_owned(), kind: Kind::InvalidInput, message }
}

fn from_json(line: &[u8], key: Option<&str>) -> Result<Found, BadEntry> {
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => from_value(&value, key),
        Err(error) => Err(bad(line, of_one_line(&format!("not JSON: {error}")))),
    }
}

/// What a parser says that sees one line alone, and counts it as its first.
pub(crate) fn of_one_line(fact: &str) -> String {
    fact.replace(" at line 1 column ", " at column ")
}

fn from_value(value: &Value, key: Option<&str>) -> Result<Found, BadEntry> {
    let wanted: &[&str] = key.as_slice();
    let keys = if wanted.is_empty() { KEYS.as_slice() } else { wanted };
    let found = match value {
        Value::String(text) => return Ok(Found { name: text.into(), page: None }),
        Value::Object(record) => keys.iter().find_map(|key| named_by(record, key)),
        _ => None,
    };
    found.map(|name| Found { name, page: page_of(value) }).ok_or_else(|| {
        let keys = key.map_or_else(|| "`url`, `input` or `path`".to_owned(), |key| format!("`{key}`"));
        bad(value.to_string().as_bytes(), format!("no {keys} in this record"))
    })
}

/// What stands under a key, unless it is empty: exactly where that is known, else the text.
fn named_by(record: &Map<String, Value>, key: &str) -> Option<OsString> {
    let text = record.get(key)?.as_str().filter(|text| !text.is_empty())?;
    let exact = record.get(&exact_key(key)).and_then(|exact| decoded(exact.as_str()?.as_bytes()));
    Some(exact.unwrap_or_else(|| text.into()))
}

/// The page that a record was found in; that of a sitemap is not known.
fn page_of(record: &Value) -> Option<String> {
    let named = PAGE_KEYS.iter().find_map(|key| record.get(*key)?.as_str());
    let is_of_sitemap = || SITEMAP_KEYS.iter().all(|key| record.get(*key).is_some());
    named.or_else(|| is_of_sitemap().then_some("")).map(str::to_owned)
}

/// Where a path that is not UTF-8, and stands lossily under its key, is given exactly (base64).
fn exact_key(key: &str) -> String {
    format!("{key}_bytes")
}

fn decoded(base64: &[u8]) -> Option<OsString> {
    STANDARD.decode(base64).ok().filter(|bytes| !bytes.is_empty()).map(OsString::from_vec)
}

fn bad(entry: &[u8], message: String) -> BadEntry {
    const SHOWN: usize = 200;
    let text = String::from_utf8_lossy(entry);
    BadEntry { entry: text.chars().take(SHOWN).collect(), kind: Kind::InvalidInput, message }
}

fn json_array(
    name: String,
    mut reader: Box<dyn BufRead + Send>,
    key: Option<String>,
) -> Box<dyn Iterator<Item = Result<Found, BadEntry>>> {
    let mut text = Vec::new();
    let parsed = reader
        .read_to_end(&mut text)
        .map_err(|error| unreadable(&name, &error))
        .and_then(|_| serde_json::from_slice::<Vec<Value>>(&text).map_err(|error| unreadable(&name, &error)));
    match parsed {
        Ok(values) => Box::new(values.into_iter().map(move |value| from_value(&value, key.as_deref()))),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

fn table(
    name: String,
    reader: Box<dyn BufRead + Send>,
    delimiter: u8,
    columns: Columns,
) -> Box<dyn Iterator<Item = Result<Found, BadEntry>>> {
    let rows = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(reader);
    Box::new(rows.into_byte_records().map(move |row| {
        let row = row.map_err(|error| unreadable(&name, &error))?;
        let cell = |column| row.get(column).filter(|cell| !cell.is_empty());
        let page = match columns.page {
            PageOf::Nobody => None,
            PageOf::Column(column) => cell(column).map(|page| String::from_utf8_lossy(page).into_owned()),
            PageOf::Sitemap => Some(String::new()),
        };
        let name = columns.names.iter().find_map(|(name, exact)| {
            let name = cell(*name)?;
            Some(exact.and_then(cell).and_then(decoded).unwrap_or_else(|| OsString::from_vec(name.to_vec())))
        });
        match name {
            // A file may be called so.
            Some(name) if name.as_bytes().contains(&b'\n') && !is_name_of_file(name.as_bytes()) => {
                let message =
                    "there is a line break in the cell that names the input\n  hint: is a quote left open?";
                Err(bad(name.as_bytes(), message.to_owned()))
            }
            Some(name) => Ok(Found { name, page }),
            None => Err(bad(row.as_slice(), "the cell that names the input is empty".to_owned())),
        }
    }))
}

/// Whether an input is meant as a URL: it has a scheme before `://`.
pub(crate) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Whether an input stands for the document on stdin.
pub(crate) fn is_stdin(text: &std::ffi::OsStr) -> bool {
    text == "-"
}

/// Reads the one document on stdin, at most `limit` bytes; `None` if there are more.
pub(crate) async fn stdin_document(limit: u64) -> io::Result<Option<Vec<u8>>> {
    let read = to_thread(move || {
        let mut bytes = Vec::new();
        io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    });
    read.await.unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

/// The list of `--input`, if one was given.
pub(crate) fn list(path: Option<&PathBuf>, key: Option<String>) -> anyhow::Result<Option<List>> {
    path.map(|path| List::open(path, key)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str, key: Option<&str>) -> List {
        List {
            name: "list".to_owned(),
            reader: Box::new(BufReader::new(io::Cursor::new(text.to_owned()))),
            key: key.map(str::to_owned),
            finite: true,
        }
    }

    fn entries(text: &str, key: Option<&str>) -> Vec<Result<String, String>> {
        let entries = list(text, key).entries(By::User);
        entries.map(|given| as_text(given).map(|asked| asked.text).map_err(|bad| bad.message)).collect()
    }

    #[test]
    fn an_entry_that_names_its_page_was_given_by_the_page() {
        let page = By::Page("http://p/".to_owned());
        let lists = [
            "{\"source\":\"http://p/\",\"url\":\"u\"}\n",
            "[{\"_source\":\"http://p/\",\"url\":\"u\"}]",
            "source,url,text\nhttp://p/,u,x\n",
            "{\"input\":\"u\",\"kind\":\"dns\",\"source\":\"http://p/\"}\n",
        ];
        for text in lists {
            let given: Vec<_> = list(text, None).entries(By::User).map(Result::unwrap).collect();
            assert_eq!(given, [Input { name: "u".into(), by: page.clone() }], "{text}");
        }
        let of_sitemaps = [
            "{\"url\":\"u\",\"lastmod\":null,\"changefreq\":null,\"priority\":0.8}\n",
            "url,lastmod,changefreq,priority\nu,,,\n",
        ];
        for text in of_sitemaps {
            let given: Vec<_> = list(text, None).entries(By::User).map(Result::unwrap).collect();
            assert_eq!(given, [Input { name: "u".into(), by: By::Page(String::new()) }], "{text}");
        }
        let of_nobody = [
            "u\n",
            "{\"url\":\"u\"}\n",
            "url\nu\n",
            "source,url\n,u\n",
            "{\"input\":\"u\",\"kind\":\"dns\"}\n",
            "url,lastmod\nu,\n",
        ];
        for text in of_nobody {
            let given: Vec<_> = list(text, None).entries(By::List).map(Result::unwrap).collect();
            assert_eq!(given, [Input { name: "u".into(), by: By::List }], "{text}");
        }
    }

    fn ok(expected: &[&str]) -> Vec<Result<String, String>> {
        expected.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    #[test]
    fn lines_are_taken_without_their_ends_and_blank_ones_left_out() {
        assert_eq!(entries("http://a/\r\n\n  http://b/ \nc d", None), ok(&["http://a/", "http://b/", "c d"]));
    }

    #[test]
    fn names_ended_by_nul_are_taken_as_they_are() {
        assert_eq!(entries("a b\0 c \0d\ne\0\0", None), ok(&["a b", " c ", "d\ne"]));
    }

    #[test]
    fn a_record_gives_its_url_else_its_input_else_its_path() {
        let list = "{\"path\":\"p\",\"url\":\"u\"}\n{\"input\":\"i\",\"path\":\"p\"}\n{\"path\":\"p\"}\n";
        assert_eq!(entries(list, None), ok(&["u", "i", "p"]));
        assert_eq!(entries("{\"a\":\"x\",\"url\":\"u\"}", Some("a")), ok(&["x"]));
    }

    #[test]
    fn a_path_that_is_not_utf_8_is_taken_exactly() {
        let record = serde_json::json!({"path": "a\u{fffd}", "path_bytes": "Yf8="});
        assert_eq!(from_value(&record, None).unwrap().name.into_vec(), b"a\xFF");
        assert_eq!(from_value(&record, Some("path")).unwrap().name.into_vec(), b"a\xFF");
    }

    #[test]
    fn a_table_gives_a_path_exactly_too() {
        let table = "path,path_bytes\na\u{fffd},Yf8=\nb,\n";
        for key in [None, Some("path")] {
            let given: Vec<_> = list(table, key).entries(By::User).map(|given| given.unwrap().name).collect();
            assert_eq!(given, [OsString::from_vec(b"a\xFF".to_vec()), "b".into()]);
        }
    }

    #[test]
    fn a_record_whose_first_key_has_no_value_gives_the_next_one() {
        let records =
            "{\"url\":null,\"path\":\"p\"}\n{\"url\":\"\",\"input\":\"i\"}\n{\"url\":\"u\",\"path\":\"p\"}\n";
        assert_eq!(entries(records, None), ok(&["p", "i", "u"]));
        assert_eq!(entries("url,status,path\n,404,p\nu,200,q\n", None), ok(&["p", "u"]));
        assert!(entries("{\"url\":\"\"}", None)[0].as_ref().is_err_and(|fact| fact.starts_with("no `url`")));
    }

    #[test]
    fn an_entry_without_an_end_is_not_read_whole() {
        for end in ['\n', '\0'] {
            let long = "x".repeat(LONGEST + 1);
            let text = format!("a{end}{long}{end}b{end}{}{end}{long}yz", "y".repeat(LONGEST));
            let given: Vec<Given> = list(&text, None).entries(By::User).collect();
            let lengths: Vec<_> =
                given.iter().map(|given| given.as_ref().map(|input| input.name.len())).collect();
            let kinds: Vec<_> =
                lengths.iter().map(|length| length.as_ref().map_err(|bad| bad.kind)).collect();
            let too_large = Err(Kind::TooLarge);
            assert_eq!(kinds, [Ok(&1), too_large, Ok(&1), Ok(&LONGEST), too_large]);
            assert!(given[1].as_ref().is_err_and(|bad| bad.entry.len() < 1_000));
        }
    }

    #[test]
    fn a_record_without_an_input_is_named_and_the_rest_goes_on() {
        let entries = entries("{\"x\":1}\nnot json\n{\"url\":\"u\"}\n", None);
        assert!(entries[0].as_ref().is_err_and(|message| message.contains("no `url`")));
        assert!(entries[1].as_ref().is_err_and(|message| message.starts_with("not JSON")));
        assert_eq!(entries[2], Ok("u".to_owned()));
    }

    #[test]
    fn a_table_is_known_by_a_header_that_names_the_key() {
        assert_eq!(entries("status,url\n200,\"http://a/?x=1,2\"\n", None), ok(&["http://a/?x=1,2"]));
        assert_eq!(entries("path\ttext\na.txt\tb\n", None), ok(&["a.txt"]));
        assert_eq!(entries("url\nhttp://a/\n", None), ok(&["http://a/"]));
        assert_eq!(entries("http://a/?x=1,2\n", None), ok(&["http://a/?x=1,2"]));
    }

    #[test]
    fn a_key_that_the_list_does_not_have_gives_no_input_at_all() {
        let entries = entries("k,v\nhttp://a/,1\n", Some("z"));
        assert_eq!(entries.len(), 1);
        assert!(entries[0].as_ref().is_err_and(|message| message.starts_with("the list has no `z`")));
    }

    #[test]
    fn a_json_array_is_taken_too_and_a_byte_order_mark_is_no_input() {
        assert_eq!(entries("[{\"url\":\"a\"},\n\"b\"]", None), ok(&["a", "b"]));
        assert_eq!(entries("\u{feff}http://a/\n", None), ok(&["http://a/"]));
    }

    #[test]
    fn urls_are_told_from_paths_by_their_scheme() {
        assert!(is_url("http://a/") && is_url("ftp://x") && is_url("HTTPS://A"));
        assert!(!is_url("a/b") && !is_url("C:\\x") && !is_url("1://x") && !is_url("index.html"));
    }
}
