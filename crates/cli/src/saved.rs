//! The folder of `--output-dir`: bodies as files that cannot leave it, and an index that says which is which.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
}

impl Entry {
    /// When the response was here.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(self.fetched_at.as_deref()?).ok()
    }
}

/// A folder that bodies are saved to.
pub(crate) struct Folder {
    path: PathBuf,
    entries: Vec<Entry>,
}

impl Folder {
    /// Makes the folder if it is not there, and takes over the index of an earlier run.
    ///
    /// # Errors
    /// A folder that cannot be made, an index that cannot be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let entries = match index(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            read => read.unwrap_or_default(),
        };
        Ok(Self { path: path.to_owned(), entries })
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Writes the index: of each file the latest entry.
    ///
    /// # Errors
    /// An index that cannot be written; then the old one stands.
    pub(crate) fn write_index(self) -> io::Result<()> {
        let latest: HashMap<&str, usize> =
            self.entries.iter().enumerate().map(|(at, entry)| (entry.file.as_str(), at)).collect();
        let mut text = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if latest.get(entry.file.as_str()) == Some(&at) {
                serde_json::to_writer(&mut text, entry)?;
                text.push(b'\n');
            }
        }
        write_whole(&self.path, INDEX, &text)
    }
}

/// Saves a body under a name made from its URL, whole or not at all, and returns the name.
///
/// # Errors
/// A file that cannot be written.
pub(crate) fn save(folder: &Path, url: &str, content_type: Option<&str>, body: &[u8]) -> io::Result<String> {
    let name = file_name(url, content_type);
    write_whole(folder, &name, body)?;
    Ok(name)
}

/// The index of a folder, as saved by an earlier run.
///
/// # Errors
/// Kind `NotFound` without an index; `InvalidData` for a line that does not hold.
pub(crate) fn index(folder: &Path) -> io::Result<Vec<Entry>> {
    let text = fs::read_to_string(folder.join(INDEX))?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).map_err(io::Error::from))
        .collect()
}

fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = WholeFile::in_place_of(&folder.join(name))?;
    file.write_all(bytes)?;
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

    #[test]
    fn an_index_of_an_earlier_run_is_kept_and_a_file_saved_again_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |file: &str, status| Entry {
            file: file.to_owned(),
            url: "http://h/".to_owned(),
            final_url: "http://h/".to_owned(),
            status,
            content_type: None,
            fetched_at: None,
        };
        let mut first = Folder::open(folder.path()).unwrap();
        first.add(entry("a", 200));
        first.add(entry("b", 200));
        first.write_index().unwrap();
        let mut second = Folder::open(folder.path()).unwrap();
        second.add(entry("a", 404));
        second.write_index().unwrap();
        assert_eq!(index(folder.path()).unwrap(), [entry("b", 200), entry("a", 404)]);
    }
}
