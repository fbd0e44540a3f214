//! The folder of `--output-dir`: bodies as files that cannot leave it, and an index that says which is which.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use gather_fetch::Response;
use gather_records::WholeFile;
use serde::{Deserialize, Serialize};

/// The name of the index in the folder.
const INDEX: &str = "index.jsonl";

/// Letters of a URL that go into a file's name; what tells two URLs apart is the hash behind them.
const READABLE: usize = 80;

/// A line of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The file, in the folder.
    pub(crate) file: String,
    /// The URL as given.
    pub(crate) url: String,
    /// Where the body came from after redirects: what its links are relative to.
    pub(crate) final_url: String,
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    /// When the response was here, as RFC 3339 writes it. Indexes of before do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fetched_at: Option<String>,
    /// What led to the URL, if the user did not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
}

impl Entry {
    /// Of a response that is here now, in a file whose name is made from its URL.
    pub(crate) fn new(url: &str, response: &Response) -> Self {
        let content_type = response.content_type().map(|value| value.into_owned());
        Self {
            file: file_name(url, content_type.as_deref()),
            url: url.to_owned(),
            final_url: response.url().to_string(),
            status: response.status(),
            content_type,
            fetched_at: Some(humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
            source: None,
        }
    }

    /// When the response was here.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(self.fetched_at.as_deref()?).ok()
    }
}

/// A folder that bodies are saved to. A line of the index goes before its file, so that no file is there without.
pub(crate) struct Folder {
    path: PathBuf,
    state: Mutex<State>,
    written: Condvar,
}

struct State {
    /// `None` once nothing more is saved.
    index: Option<File>,
    /// Files that are being written.
    unfinished: usize,
}

/// Bytes of a body between two looks at whether it is still wanted.
const PIECE: usize = 1 << 20;

/// How long files in the making are waited for until they are gone.
const TIDY_UP: Duration = Duration::from_millis(500);

impl Folder {
    /// Makes the folder if it is not there, and takes over the index of an earlier run.
    ///
    /// # Errors
    /// A folder that cannot be made, an index that cannot be read or added to.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        match text_of(path) {
            Ok(text) => {
                let entries = entries(&text)?;
                if !text.is_empty() && !text.ends_with('\n') || is_link(&path.join(INDEX)) {
                    write_index(path, &entries)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => write_index(path, &[])?,
            Err(error) => return Err(error),
        }
        let index = File::options().append(true).open(path.join(INDEX))?;
        let state = Mutex::new(State { index: Some(index), unfinished: 0 });
        Ok(Self { path: path.to_owned(), state, written: Condvar::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Saves a body, whole or not at all, and adds its line to the index.
    ///
    /// # Errors
    /// A file that cannot be written, a folder that is closed.
    pub(crate) fn save(&self, entry: &Entry, body: &[u8]) -> io::Result<()> {
        let _unfinished = Unfinished::begin(self)?;
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = WholeFile::in_place_of(&self.path.join(&entry.file))?;
        for piece in body.chunks(PIECE) {
            self.state().index()?;
            file.write_all(piece)?;
        }
        let mut state = self.state();
        add_line(state.index()?, &line)?;
        file.commit()
    }

    /// Ends the saving, and leaves in the index the latest line of each file.
    ///
    /// # Errors
    /// An index that cannot be written; then the old one stands.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.end();
        let text = text_of(&self.path)?;
        let entries = entries(&text)?;
        if entries.len() == text.lines().count() { Ok(()) } else { write_index(&self.path, &entries) }
    }

    /// Nothing more appears from here on.
    fn end(&self) {
        let mut state = self.state();
        state.index = None;
        let _ = self.written.wait_timeout_while(state, TIDY_UP, |state| state.unfinished > 0);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn index(&mut self) -> io::Result<&mut File> {
        self.index.as_mut().ok_or_else(|| io::Error::other("the run has ended"))
    }
}

/// A file in the making; dropped after it.
struct Unfinished<'a>(&'a Folder);

impl<'a> Unfinished<'a> {
    fn begin(folder: &'a Folder) -> io::Result<Self> {
        let mut state = folder.state();
        state.index()?;
        state.unfinished += 1;
        Ok(Self(folder))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.0.state().unfinished -= 1;
        self.0.written.notify_all();
    }
}

/// The process may end when this is dropped: no half-written file stays behind.
pub(crate) struct Saving(pub(crate) Arc<Folder>);

impl Drop for Saving {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A line is there whole or not at all.
fn add_line(index: &mut File, line: &[u8]) -> io::Result<()> {
    let length = index.metadata()?.len();
    index.write_all(line).inspect_err(|_| {
        let _ = index.set_len(length);
    })
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink())
}

fn text_of(folder: &Path) -> io::Result<String> {
    fs::read_to_string(folder.join(INDEX))
}

/// The index of a folder, as saved by an earlier run: of each file the latest entry.
///
/// # Errors
/// Kind `NotFound` without an index; `InvalidData` for a line that does not hold.
pub(crate) fn index(folder: &Path) -> io::Result<Vec<Entry>> {
    entries(&text_of(folder)?)
}

/// A last line without an end that does not hold is what a crash of the machine left of one.
fn entries(text: &str) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for line in text.split_inclusive('\n').filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if !line.ends_with('\n') => {}
            Err(error) => return Err(error.into()),
        }
    }
    let latest: HashMap<String, usize> =
        entries.iter().enumerate().map(|(at, entry)| (entry.file.clone(), at)).collect();
    let numbered = entries.into_iter().enumerate();
    Ok(numbered.filter(|(at, entry)| latest.get(&entry.file) == Some(at)).map(|(_, entry)| entry).collect())
}

fn write_index(folder: &Path, entries: &[Entry]) -> io::Result<()> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    let mut file = WholeFile::in_place_of(&folder.join(INDEX))?;
    file.write_all(&text)?;
    file.commit()
}

/// The same URL always gives the same name; the name holds no separator and does not begin with a dot.
fn file_name(url: &str, content_type: Option<&str>) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let extension = extension(path, content_type);
    let stem = path.strip_suffix(&format!(".{extension}")).unwrap_or(path);
    let readable: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' })
        .take(READABLE)
        .collect();
    format!("{}-{:016x}.{extension}", readable.trim_matches(['.', '-']), fnv1a(url.as_bytes()))
}

fn extension(path: &str, content_type: Option<&str>) -> String {
    let essence =
        content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let by_type = match essence.as_str() {
        "text/html" | "application/xhtml+xml" => Some("html"),
        "application/json" => Some("json"),
        "text/plain" => Some("txt"),
        "text/xml" | "application/xml" => Some("xml"),
        "text/css" => Some("css"),
        "application/pdf" => Some("pdf"),
        "image/png" => Some("png"),
        "image/jpeg" => Some("jpg"),
        _ => None,
    };
    let by_path = || {
        let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        let plain =
            (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| extension.to_ascii_lowercase())
    };
    by_type.map(str::to_owned).or_else(by_path).unwrap_or_else(|| "bin".to_owned())
}

/// FNV-1a, 64 bits: tells the URLs of a run apart in file names; nothing rests on it being hard to forge,
/// for two URLs made to collide would only overwrite one another.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leaves_the_folder() {
        for url in [
            "http://h/../../etc/passwd",
            "http://h/%2e%2e/%2f",
            "http://h/a\\..\\b",
            "http://../x",
            "http://h/.ssh/authorized_keys",
            "http://h/a.b/c\0d",
            "..",
            "",
        ] {
            let name = file_name(url, None);
            assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{url:?} -> {name:?}");
        }
    }

    #[test]
    fn different_urls_have_different_names_and_the_same_url_the_same() {
        assert_ne!(file_name("http://h/a?x=1", None), file_name("http://h/a?x=2", None));
        assert_ne!(file_name("http://h/a/b", None), file_name("http://h/a-b", None));
        assert_eq!(file_name("http://h/a", None), file_name("http://h/a", None));
        assert!(file_name("http://h/a.html", Some("text/html; charset=x")).ends_with(".html"));
    }

    fn entry(file: &str, status: u16) -> Entry {
        Entry {
            file: file.to_owned(),
            url: "http://h/".to_owned(),
            final_url: "http://h/".to_owned(),
            status,
            content_type: None,
            fetched_at: None,
            source: None,
        }
    }

    #[test]
    fn an_index_of_an_earlier_run_is_kept_and_a_file_saved_again_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = Folder::open(folder.path()).unwrap();
        first.save(&entry("a", 200), b"1").unwrap();
        first.save(&entry("b", 200), b"1").unwrap();
        first.close().unwrap();
        let second = Folder::open(folder.path()).unwrap();
        second.save(&entry("a", 404), b"2").unwrap();
        assert_eq!(
            index(folder.path()).unwrap(),
            [entry("b", 200), entry("a", 404)],
            "before it is closed, too"
        );
        second.close().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(INDEX)).unwrap().lines().count(), 2);
        assert_eq!(index(folder.path()).unwrap(), [entry("b", 200), entry("a", 404)]);
    }

    #[test]
    fn a_line_that_a_crash_cut_is_left_out_and_not_added_to() {
        let folder = tempfile::tempdir().unwrap();
        Folder::open(folder.path()).unwrap().save(&entry("a", 200), b"1").unwrap();
        File::options().append(true).open(folder.path().join(INDEX)).unwrap().write_all(b"{\"fi").unwrap();
        Folder::open(folder.path()).unwrap().save(&entry("b", 200), b"1").unwrap();
        assert_eq!(index(folder.path()).unwrap(), [entry("a", 200), entry("b", 200)]);
    }

    #[test]
    fn an_index_that_is_a_link_leads_nothing_out_of_the_folder() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("x");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(INDEX)).unwrap();
        Folder::open(folder.path()).unwrap().save(&entry("a", 200), b"1").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
        assert_eq!(index(folder.path()).unwrap(), [entry("a", 200)]);
    }

    #[test]
    fn what_is_half_written_when_the_run_ends_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(place.path()).unwrap());
        let body = vec![b'x'; 128 << 20];
        let saving = std::thread::spawn({
            let folder = folder.clone();
            move || folder.save(&entry("a", 200), &body).is_ok()
        });
        while fs::read_dir(place.path()).unwrap().count() < 2 {
            std::thread::yield_now(); // until it has begun
        }
        drop(Saving(folder.clone()));
        let names = || fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().file_name());
        assert!(names().all(|name| name == INDEX || name == "a"), "{:?}", names().collect::<Vec<_>>());
        let is_there = saving.join().unwrap();
        assert_eq!(index(place.path()).unwrap().len(), usize::from(is_there));
        assert_eq!(names().count(), 1 + usize::from(is_there));
        assert!(folder.save(&entry("b", 200), b"1").is_err());
    }
}
