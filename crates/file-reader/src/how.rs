//! How files are read: what is kept of them, and which are left out by what they are.

use std::path::Path;
use std::time::SystemTime;

use encoding_rs::Encoding;

use crate::hash::HashKind;

/// What is made of a file's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The text, decoded.
    #[default]
    Text,
    /// The bytes as they are.
    Bytes,
    /// Nothing: the text is looked at, counted and let go.
    Facts,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    pub(crate) keep: Keep,
    pub(crate) encoding: Option<&'static Encoding>,
    /// No guess, and no replacement of what is malformed.
    pub(crate) strict: bool,
    pub(crate) max_size: Option<u64>,
    pub(crate) hash: Option<HashKind>,
    /// Compressed files are unpacked to so many bytes at most.
    pub(crate) decompress: Option<u64>,
    pub(crate) filter: Filter,
    /// A file that is never read from a folder, by its device and number.
    pub(crate) except: Option<(u64, u64)>,
    /// Large files are given in parts.
    pub(crate) in_parts: bool,
    /// Which files are not given in parts although others are.
    pub(crate) whole: Option<fn(&Path) -> bool>,
    /// The longest line of what is given in parts.
    pub(crate) max_line: u64,
}

impl How {
    /// Whether this file is given in parts.
    pub(crate) fn in_parts(&self, path: &Path) -> bool {
        self.in_parts && !self.whole.is_some_and(|whole| whole(path))
    }
}

/// Which files that a walk finds are left out by their size and age.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) min_size: u64,
    pub(crate) newer: Option<SystemTime>,
    pub(crate) older: Option<SystemTime>,
}

impl Filter {
    pub(crate) fn leaves_out(&self, size: u64, modified: Option<SystemTime>) -> Option<&'static str> {
        let after = |bound: SystemTime| modified.is_some_and(|modified| modified >= bound);
        if size < self.min_size {
            return Some("smaller than the smallest size asked for");
        }
        if self.newer.is_some_and(|bound| !after(bound)) {
            return Some("older than asked for");
        }
        self.older.is_some_and(after).then_some("newer than asked for")
    }
}
