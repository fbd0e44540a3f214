//! Which files there are: paths as given, folders walked.

use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use crate::budget::Budget;
use crate::error::{ErrorKind, ReadError};
use crate::gitignore::Rules;
use crate::once::{Before, Seen};
use crate::openers::{Again, Openers, says_out_of_files};
use crate::patterns::{Globs, Types};

/// How folders are walked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) only: Option<fn(&Path) -> bool>,
    pub(crate) globs: Option<Globs>,
    pub(crate) types: Option<Types>,
    pub(crate) gitignore: bool,
    pub(crate) max_depth: Option<usize>,
    pub(crate) hidden: bool,
    pub(crate) follow: bool,
    pub(crate) sorted: bool,
    /// Whether `-` is standard input.
    pub(crate) stdin: bool,
    /// Whether a file that is reached by several paths is read for each of them.
    pub(crate) again: bool,
}

/// A file to read, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: PathBuf,
    pub(crate) origin: Origin,
}

/// Where a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The user named it: it is read, whatever it is.
    Named,
    /// The user named it after a walk had found it: it is read if what was found was left out.
    NamedAgain,
    /// A walk found it: it may be left out.
    Found,
    /// It is standard input.
    Stdin,
}

impl Candidate {
    pub(crate) fn is_found(&self) -> bool {
        self.origin == Origin::Found
    }
}

pub(crate) type Selected = Result<Candidate, ReadError>;

/// The files that paths stand for, one path after the other.
pub(crate) struct Selector {
    selection: Selection,
    /// `None` where no file can be reached twice, or may be.
    seen: Option<Seen>,
    budget: Arc<Budget>,
    openers: Arc<Openers>,
    took_stdin: bool,
}

impl Selector {
    /// `several` says whether there may be more than one path.
    pub(crate) fn new(
        selection: Selection,
        several: bool,
        budget: Arc<Budget>,
        openers: Arc<Openers>,
    ) -> Self {
        let watched = !selection.again && (several || selection.follow);
        Self { selection, seen: watched.then(Seen::default), budget, openers, took_stdin: false }
    }

    /// Gives the files of a path to `give`: itself, or all below it, until `give` says that it is enough.
    /// What is named is never left out, unless it was read already.
    pub(crate) fn files(&mut self, path: PathBuf, give: &mut dyn FnMut(Selected) -> bool) -> bool {
        if self.selection.stdin && path == Path::new("-") {
            return give(self.stdin(path));
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => self.walk(&path, give),
            Ok(metadata) => give(self.named(path, &metadata)),
            Err(_) => give(Ok(Candidate { path, origin: Origin::Named })), // opening it tells why
        }
    }

    fn stdin(&mut self, path: PathBuf) -> Selected {
        match std::mem::replace(&mut self.took_stdin, true) {
            true => Err(read_already(&path)),
            false => Ok(Candidate { path, origin: Origin::Stdin }),
        }
    }

    fn named(&mut self, path: PathBuf, metadata: &Metadata) -> Selected {
        let before = self.seen.as_mut().map_or(Before::Never, |seen| seen.name(&path, metadata));
        match before {
            Before::Never => Ok(Candidate { path, origin: Origin::Named }),
            Before::Found => Ok(Candidate { path, origin: Origin::NamedAgain }),
            Before::Named => Err(read_already(&path)),
        }
    }

    fn walk(&mut self, folder: &Path, give: &mut dyn FnMut(Selected) -> bool) -> bool {
        let walk = Walk::new(&self.selection, folder, Again { budget: &self.budget, openers: &self.openers });
        for selected in walk {
            let selected = match (selected, &mut self.seen) {
                (Ok(candidate), Some(seen)) => first_time(seen, candidate),
                (Err(error), Some(seen)) if !error.is_skipped() => Err(failed_once(seen, error)),
                (selected, _) => selected,
            };
            if !give(selected) {
                return false;
            }
        }
        true
    }
}

pub(crate) fn read_already(path: &Path) -> ReadError {
    ReadError::skipped(path, "read already, by another path")
}

fn first_time(seen: &mut Seen, candidate: Candidate) -> Selected {
    match fs::metadata(&candidate.path) {
        Ok(metadata) if seen.find(&candidate.path, &metadata) != Before::Never => {
            Err(read_already(&candidate.path))
        }
        _ => Ok(candidate),
    }
}

/// What cannot be gone into by one path cannot be by another.
fn failed_once(seen: &mut Seen, error: ReadError) -> ReadError {
    if seen.fail(error.path()) { error } else { read_already(error.path()) }
}

/// All below a folder.
struct Walk<'a> {
    selection: &'a Selection,
    folder: &'a Path,
    /// The walk, and those of folders that could not be opened at first, with the depth of their roots.
    walks: Vec<(usize, walkdir::IntoIter)>,
    rules: Option<Rules<'a>>,
    again: Again<'a>,
}

/// Folders held open at once during a walk, of so many files that may be open; what is left of the upper ones is listed
/// into memory.
fn max_open_folders() -> usize {
    const MOST: u64 = 16;
    const SHARE: u64 = 32;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(MOST, |limit| (limit / SHARE).clamp(1, MOST)) as usize
}

/// Whether a walk keeps folders open while it is below them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folders {
    Open,
    /// Each is listed into memory and closed, for files are short.
    Closed,
}

impl<'a> Walk<'a> {
    fn new(selection: &'a Selection, folder: &'a Path, again: Again<'a>) -> Self {
        let rules = selection.gitignore.then(|| Rules::new(folder, again));
        let mut walk = Self { selection, folder, walks: Vec::new(), rules, again };
        walk.descend(folder, 0, Folders::Open);
        walk
    }

    fn descend(&mut self, folder: &Path, depth: usize, folders: Folders) {
        let max_depth = self.selection.max_depth.map_or(usize::MAX, |max| max.saturating_sub(depth));
        let walk = WalkDir::new(folder)
            .follow_links(self.selection.follow)
            .min_depth(1)
            .max_depth(max_depth)
            .max_open(max_open_folders());
        // What is sorted is listed whole first.
        let walk =
            if self.selection.sorted || folders == Folders::Closed { walk.sort_by_file_name() } else { walk };
        self.walks.push((depth, walk.into_iter()));
    }

    /// What an entry is to the reader; `None` for a folder that is walked.
    fn select(&mut self, depth: usize, entry: DirEntry) -> Option<Selected> {
        let kind = entry.file_type();
        if let Some(why) = self.left_out(depth, &entry) {
            if kind.is_dir() {
                self.skip_folder();
            }
            return Some(Err(ReadError::skipped(entry.path(), why)));
        }
        if kind.is_dir() {
            return None;
        }
        match self.unwanted(&entry) {
            Some(why) => Some(Err(ReadError::skipped(entry.path(), why))),
            None => Some(Ok(Candidate { path: entry.into_path(), origin: Origin::Found })),
        }
    }

    fn skip_folder(&mut self) {
        if let Some((_, walk)) = self.walks.last_mut() {
            walk.skip_current_dir();
        }
    }

    /// Why a file, or a folder with all below it, is left out.
    fn left_out(&mut self, depth: usize, entry: &DirEntry) -> Option<&'static str> {
        let is_folder = entry.file_type().is_dir();
        if !self.selection.hidden && is_hidden(entry) {
            return Some("hidden");
        }
        if self.rules.as_mut().is_some_and(|rules| rules.leave_out(depth, entry.path(), is_folder)) {
            return Some("a .gitignore says so");
        }
        let globs = self.selection.globs.as_ref()?;
        globs.excludes(self.below(entry), is_folder).then_some("excluded by a glob")
    }

    /// Why a file is left out.
    fn unwanted(&self, entry: &DirEntry) -> Option<&'static str> {
        let Selection { only, globs, types, .. } = self.selection;
        let path = entry.path();
        if let Some(why) = not_regular(entry.file_type()) {
            return Some(why);
        }
        if globs.as_ref().is_some_and(|globs| !globs.wants(self.below(entry))) {
            return Some("no glob matches it");
        }
        let of_kind =
            types.as_ref().is_none_or(|types| types.wants(path)) && only.is_none_or(|wanted| wanted(path));
        (!of_kind).then_some("not of the wanted kind")
    }

    fn below<'e>(&self, entry: &'e DirEntry) -> &'e Path {
        entry.path().strip_prefix(self.folder).unwrap_or(entry.path())
    }
}

impl Iterator for Walk<'_> {
    type Item = Selected;

    fn next(&mut self) -> Option<Selected> {
        loop {
            if let Some(error) = self.rules.as_mut().and_then(Rules::unreadable) {
                return Some(Err(error));
            }
            let (base, walk) = self.walks.last_mut()?;
            let base = *base;
            match walk.next() {
                None => {
                    self.walks.pop();
                }
                Some(Ok(entry)) => {
                    let depth = base + entry.depth();
                    if let Some(selected) = self.select(depth, entry) {
                        return Some(selected);
                    }
                }
                Some(Err(error)) => match self.opens_now(&error) {
                    Some(folder) => self.descend(folder, base + error.depth(), Folders::Closed),
                    None => return Some(Err(walk_error(&error))),
                },
            }
        }
    }
}

impl Walk<'_> {
    /// The folder that could not be opened only because too many files were open, once it can be.
    fn opens_now<'e>(&self, error: &'e walkdir::Error) -> Option<&'e Path> {
        let folder = error.path().filter(|_| error.io_error().is_some_and(says_out_of_files))?;
        self.again.until_open(|| fs::read_dir(folder)).ok().map(|_| folder)
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn not_regular(kind: FileType) -> Option<&'static str> {
    if kind.is_symlink() {
        return Some("a symbolic link, and links are not followed");
    }
    what_it_is(kind)
}

/// What is no regular file is, in words.
pub(crate) fn what_it_is(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("not a regular file: a folder"),
        kind if kind.is_fifo() => Some("not a regular file: a FIFO"),
        kind if kind.is_socket() => Some("not a regular file: a socket"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("not a regular file: a device"),
        _ => Some("not a regular file"),
    }
}

fn walk_error(error: &walkdir::Error) -> ReadError {
    let path = error.path().unwrap_or(Path::new(""));
    if let Some(ancestor) = error.loop_ancestor() {
        let fact = format!("a loop: the link leads back to {}", ancestor.display());
        return ReadError::new(ErrorKind::Io, path, fact);
    }
    let kind = error.io_error().map_or(io::ErrorKind::Other, io::Error::kind);
    match error.io_error().and_then(io::Error::raw_os_error) {
        Some(code) => ReadError::io(path, io::Error::from_raw_os_error(code)),
        None => ReadError::io(path, io::Error::new(kind, error.to_string())),
    }
}
