//! Each file once, by however many paths it is reached.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files that were reached: nine to eighteen bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Numbers of files by device.
    files: HashMap<u64, HashSet<u64>>,
    /// Files of several names (hard links): each name is a file of its own.
    linked: HashSet<PathBuf>,
}

impl Seen {
    /// Whether this file was not reached before.
    pub(crate) fn is_new(&mut self, path: &Path, metadata: &Metadata) -> bool {
        if !metadata.is_file() {
            return true;
        }
        if metadata.nlink() > 1 {
            return fs::canonicalize(path).map_or(true, |real| self.linked.insert(real));
        }
        self.files.entry(metadata.dev()).or_default().insert(metadata.ino())
    }
}
