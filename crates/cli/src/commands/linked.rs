//! The pages of a folder that others in it lead to: as files, and never out of it.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use futures::StreamExt;
use gather_core::to_thread;
use gather_fetch::Url;
use gather_file_reader::Reader;
use gather_records::Kind;
use percent_encoding::percent_decode_str;

use crate::commands::read;
use crate::saved::Entry;

/// A folder that was given, and what is known of the files in it.
pub(crate) struct GivenFolder {
    root: PathBuf,
    /// What an earlier `fetch --output-dir` says, by the file's path below the folder.
    index: HashMap<PathBuf, Entry>,
    by_url: OnceLock<HashMap<String, PathBuf>>,
    reader: Reader,
}

/// A page that another led to.
pub(crate) struct Linked {
    pub(crate) url: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) date: Option<SystemTime>,
    pub(crate) bytes: Vec<u8>,
}

impl GivenFolder {
    pub(crate) fn new(root: PathBuf, index: HashMap<PathBuf, Entry>, reader: Reader) -> Self {
        Self { root, index, by_url: OnceLock::new(), reader }
    }

    /// What is known of a file, by its path below the folder.
    pub(crate) fn entry(&self, below: &Path) -> Option<&Entry> {
        self.index.get(below)
    }

    /// Reads the page that a link leads to from the page at `below`.
    ///
    /// # Errors
    /// `scope` for what is not in this folder, the web included; else what the file could not be read for.
    pub(crate) async fn page(self: &Arc<Self>, below: &Path, link: &str) -> Result<Linked, Kind> {
        let candidates = self.candidates(below, link)?;
        let folder = self.clone();
        let found = to_thread(move || folder.first_there(&candidates)).await;
        let path = found.unwrap_or(Err(Kind::Io))?;
        let mut files = self.reader.read([path.clone()]);
        let file = files.next().await.ok_or(Kind::NotFound)?.map_err(|error| read::failure(&error).kind)?;
        let entry = path.strip_prefix(&self.root).ok().and_then(|below| self.entry(below));
        Ok(Linked {
            url: entry.map(|entry| entry.final_url.clone()),
            content_type: entry.and_then(|entry| entry.content_type.clone()),
            date: entry.and_then(Entry::date),
            bytes: file.into_bytes().unwrap_or_default(),
        })
    }

    /// The files that a link may mean, below the folder, the likeliest first.
    fn candidates(&self, below: &Path, link: &str) -> Result<Vec<PathBuf>, Kind> {
        let link = link.split('#').next().unwrap_or_default();
        if let Some(file) = self.by_url().get(link) {
            return Ok(vec![file.clone()]);
        }
        if link.starts_with("//") || Url::parse(link).is_ok() {
            return Err(Kind::Scope);
        }
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let from =
            if path.starts_with('/') { Path::new("") } else { below.parent().unwrap_or(Path::new("")) };
        let named = |name: &str| {
            let name = percent_decode_str(name.trim_start_matches('/')).decode_utf8_lossy();
            inside(&from.join(&*name)).ok_or(Kind::Scope)
        };
        let mut found = Vec::new();
        if path.is_empty() {
            return Ok(vec![below.to_owned()]); // the page itself
        }
        if !query.is_empty() {
            found.push(named(link)?); // as wget names what it saves
        }
        found.push(named(path)?);
        Ok(found)
    }

    /// The first that is there; symbolic links do not lead out of the folder either.
    fn first_there(&self, candidates: &[PathBuf]) -> Result<PathBuf, Kind> {
        let root = self.root.canonicalize().map_err(|_| Kind::NotFound)?;
        for candidate in candidates {
            let mut path = self.root.join(candidate);
            if path.is_dir() {
                path.push("index.html");
            }
            let Ok(real) = path.canonicalize() else { continue };
            return if real.starts_with(&root) { Ok(path) } else { Err(Kind::Scope) };
        }
        Err(Kind::NotFound)
    }

    fn by_url(&self) -> &HashMap<String, PathBuf> {
        let without_fragment = |url: &str| url.split('#').next().unwrap_or_default().to_owned();
        self.by_url.get_or_init(|| {
            let files = self.index.iter();
            let urls = files.flat_map(|(file, entry)| [(&entry.url, file), (&entry.final_url, file)]);
            urls.map(|(url, file)| (without_fragment(url), file.clone())).collect()
        })
    }
}

/// A path with its `.` and `..` worked out; None if it leads above where it starts.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir if inside.pop() => {}
            _ => return None,
        }
    }
    Some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(index: &[(&str, &str)]) -> GivenFolder {
        let index = index.iter().map(|(file, url)| {
            let entry = Entry {
                file: (*file).to_owned(),
                url: (*url).to_owned(),
                final_url: format!("{url}/"),
                status: 200,
                content_type: None,
                fetched_at: None,
                source: None,
            };
            (PathBuf::from(file), entry)
        });
        GivenFolder::new(PathBuf::from("root"), index.collect(), Reader::builder().build())
    }

    #[test]
    fn links_lead_to_files_of_the_folder_and_to_none_outside() {
        let found = |link: &str| folder(&[]).candidates(Path::new("a/list.html"), link);
        for (link, files) in [
            ("1.html", &["a/1.html"][..]),
            ("./x/../1.html#top", &["a/1.html"]),
            ("../b/1.html", &["b/1.html"]),
            ("/b/1.html", &["b/1.html"]),
            ("1.html?p=2", &["a/1.html?p=2", "a/1.html"]),
            ("caf%C3%A9.html", &["a/caf\u{e9}.html"]),
            ("#top", &["a/list.html"]),
            ("?p=2", &["a/list.html"]),
            ("..", &[""]),
        ] {
            assert_eq!(found(link), Ok(files.iter().map(PathBuf::from).collect()), "{link}");
        }
        for link in [
            "../../x",
            "/../x",
            "%2e%2e/%2e%2e/x",
            "http://h/x",
            "//h/x",
            "file:///etc/passwd",
            "..%2F..%2Fx",
        ] {
            assert_eq!(found(link), Err(Kind::Scope), "{link}");
        }
    }

    #[test]
    fn symbolic_links_do_not_lead_out_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let (root, secret) = (place.path().join("root"), place.path().join("secret.html"));
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(&secret, "secret").unwrap();
        std::fs::write(root.join("page.html"), "page").unwrap();
        for (to, link) in [
            (secret.as_path(), "link.html"),
            (secret.as_path(), "sub/index.html"),
            (place.path(), "up"),
            (Path::new("page.html"), "inside.html"),
        ] {
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        std::fs::write(place.path().join("index.html"), "outside").unwrap();
        let folder = GivenFolder::new(root.clone(), HashMap::new(), Reader::builder().build());
        let there = |link: &str| folder.first_there(&[PathBuf::from(link)]);
        for link in ["link.html", "sub", "up", "up/secret.html"] {
            assert_eq!(there(link), Err(Kind::Scope), "{link}");
        }
        assert_eq!(there("inside.html"), Ok(root.join("inside.html")));
        assert_eq!(there("none.html"), Err(Kind::NotFound));
    }

    #[test]
    fn a_url_that_was_saved_is_its_file() {
        let folder = folder(&[("x-1.html", "http://h/x")]);
        for link in ["http://h/x", "http://h/x/", "http://h/x#part"] {
            assert_eq!(folder.candidates(Path::new("list.html"), link), Ok(vec![PathBuf::from("x-1.html")]));
        }
        assert_eq!(folder.candidates(Path::new("list.html"), "http://h/y"), Err(Kind::Scope));
    }
}
