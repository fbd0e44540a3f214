//! Each file once, by however many paths it is reached.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files that were reached: nine to eighteen bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    named: Set,
    found: Set,
    /// What walks could not go into.
    failed: HashSet<PathBuf>,
}

/// How a file was reached before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Never,
    /// By walks only, which may have left it out.
    Found,
    Named,
}

#[derive(Debug, Default)]
struct Set {
    /// Numbers of files by device.
    files: HashMap<u64, HashSet<u64>>,
    /// Files of several names (hard links): each name is a file of its own.
    linked: HashSet<PathBuf>,
}

impl Seen {
    /// The user names a file.
    pub(crate) fn name(&mut self, path: &Path, metadata: &Metadata) -> Before {
        self.before(path, metadata, |seen| &mut seen.named)
    }

    /// A walk finds a file.
    pub(crate) fn find(&mut self, path: &Path, metadata: &Metadata) -> Before {
        self.before(path, metadata, |seen| &mut seen.found)
    }

    /// A walk cannot go into something; whether it is the first that cannot.
    pub(crate) fn fail(&mut self, path: &Path) -> bool {
        // A link is another place than what it leads to.
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let place = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        self.failed.insert(place.unwrap_or_else(|| path.to_owned()))
    }

    fn before(&mut self, path: &Path, metadata: &Metadata, of: fn(&mut Self) -> &mut Set) -> Before {
        let Some(file) = Key::of(path, metadata) else { return Before::Never };
        let before = match () {
            () if self.named.has(&file) => Before::Named,
            () if self.found.has(&file) => Before::Found,
            () => Before::Never,
        };
        if before != Before::Named {
            of(self).insert(file);
        }
        before
    }
}

enum Key {
    File(u64, u64),
    Linked(PathBuf),
}

impl Key {
    /// `None` of what is no file and may be asked for again and again.
    fn of(path: &Path, metadata: &Metadata) -> Option<Self> {
        if !metadata.is_file() {
            return None;
        }
        if metadata.nlink() > 1 {
            return fs::canonicalize(path).ok().map(Key::Linked);
        }
        Some(Key::File(metadata.dev(), metadata.ino()))
    }
}

impl Set {
    fn has(&self, file: &Key) -> bool {
        match file {
            Key::File(device, number) => self.files.get(device).is_some_and(|files| files.contains(number)),
            Key::Linked(path) => self.linked.contains(path),
        }
    }

    fn insert(&mut self, file: Key) {
        match file {
            Key::File(device, number) => self.files.entry(device).or_default().insert(number),
            Key::Linked(path) => self.linked.insert(path),
        };
    }
}
