//! Which files there are: paths as given, folders walked.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::{ErrorKind, ReadError};

/// How folders are walked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) only: Option<fn(&Path) -> bool>,
    pub(crate) hidden: bool,
    pub(crate) follow: bool,
    pub(crate) sorted: bool,
}

/// A file to read, and whether the user named it or a walk found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    pub(crate) found: bool,
}

pub(crate) type Selected = Result<Candidate, ReadError>;

impl Selection {
    /// The files a path stands for: itself, or all below it. What is named is never left out.
    pub(crate) fn files(self, path: PathBuf) -> Box<dyn Iterator<Item = Selected> + Send> {
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            Box::new(self.walk(&path))
        } else {
            Box::new(std::iter::once(Ok(Candidate { path, found: false })))
        }
    }

    fn walk(self, folder: &Path) -> impl Iterator<Item = Selected> + Send + use<> {
        let mut walk = WalkDir::new(folder).follow_links(self.follow).min_depth(1).max_open(MAX_OPEN_FOLDERS);
        if self.sorted {
            walk = walk.sort_by_file_name();
        }
        let mut entries = walk.into_iter();
        std::iter::from_fn(move || {
            loop {
                let entry = match entries.next()? {
                    Ok(entry) => entry,
                    Err(error) => return Some(Err(walk_error(&error))),
                };
                if !self.hidden && is_hidden(&entry) {
                    if entry.file_type().is_dir() {
                        entries.skip_current_dir();
                    }
                    return Some(Err(ReadError::skipped(entry.path(), "hidden")));
                }
                if let Some(selected) = self.select(entry) {
                    return Some(selected);
                }
            }
        })
    }

    fn select(self, entry: DirEntry) -> Option<Selected> {
        let kind = entry.file_type();
        if kind.is_dir() {
            return None;
        }
        if kind.is_symlink() {
            return Some(Err(ReadError::skipped(
                entry.path(),
                "a symbolic link, and links are not followed",
            )));
        }
        if self.only.is_some_and(|wanted| !wanted(entry.path())) {
            return Some(Err(ReadError::skipped(entry.path(), "not of the wanted kind")));
        }
        Some(Ok(Candidate { path: entry.into_path(), found: true }))
    }
}

/// Folders held open at once during a walk; deeper ones are listed into memory.
const MAX_OPEN_FOLDERS: usize = 16;

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn walk_error(error: &walkdir::Error) -> ReadError {
    let path = error.path().unwrap_or(Path::new(""));
    if let Some(ancestor) = error.loop_ancestor() {
        let fact = format!("a loop: the link leads back to {}", ancestor.display());
        return ReadError::new(ErrorKind::Io, path, fact);
    }
    let kind = error.io_error().map_or(std::io::ErrorKind::Other, std::io::Error::kind);
    match error.io_error().and_then(std::io::Error::raw_os_error) {
        Some(code) => ReadError::io(path, std::io::Error::from_raw_os_error(code)),
        None => ReadError::io(path, std::io::Error::new(kind, error.to_string())),
    }
}
