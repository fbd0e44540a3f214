//! The options of a reader.

use std::fs::Metadata;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use encoding_rs::Encoding;

#[cfg(feature = "hash")]
use crate::hash::HashKind;
use crate::how::{How, Keep};
use crate::patterns::{Globs, Types};
use crate::reader::Reader;
use crate::select::Selection;

/// The options of a [`Reader`].
#[derive(Clone, Debug)]
pub struct ReaderBuilder {
    jobs: NonZeroUsize,
    bytes_in_flight: u64,
    how: How,
    selection: Selection,
}

impl Default for ReaderBuilder {
    fn default() -> Self {
        Self {
            jobs: NonZeroUsize::MIN.saturating_add(63),
            bytes_in_flight: 32 << 20,
            how: How::default(),
            selection: Selection::default(),
        }
    }
}

impl ReaderBuilder {
    /// How many files are read at once, at most; more than twice the cores are not. The default is 64.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Bytes that may wait for the consumer; a file that is larger passes alone. The default is 32 MiB.
    pub fn bytes_in_flight(mut self, bytes: u64) -> Self {
        self.bytes_in_flight = bytes;
        self
    }

    /// Bytes of the largest file; a larger one is refused, never cut short. The default is `None`: no limit.
    pub fn max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.how.max_size = bytes.into();
        self
    }

    /// The encoding every file is taken to be in, instead of looking. The default is `None`: look.
    /// A file that does not fit is a failure.
    pub fn encoding(mut self, encoding: impl Into<Option<&'static Encoding>>) -> Self {
        self.how.encoding = encoding.into();
        self
    }

    /// Results in the order of the paths, folders by name. The default is `false`: as they complete.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.selection.sorted = ordered;
        self
    }

    /// Walks into hidden folders and reads hidden files, too. The default is `false`: they are skipped. What is named is
    /// always read.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.selection.hidden = hidden;
        self
    }

    /// Which files of a folder are wanted, by their path; the others are skipped. The default is all. What is named is
    /// always read.
    pub fn only(mut self, wanted: fn(&Path) -> bool) -> Self {
        self.selection.only = Some(wanted);
        self
    }

    /// Follows symbolic links in folders; a loop is a failure of its link. The default is `false`: they are skipped.
    pub fn follow(mut self, follow: bool) -> Self {
        self.selection.follow = follow;
        self
    }

    /// Leaves out what the rules of `.gitignore` files say: those in the folders walked, those above them in the same
    /// repository, its `info/exclude`, and the user's own. Outside of a repository, too. The default is `false`.
    pub fn gitignore(mut self, gitignore: bool) -> Self {
        self.selection.gitignore = gitignore;
        self
    }

    /// Which files of a folder are wanted, by globs; the others are skipped. The default is all. What is named is always
    /// read.
    pub fn globs(mut self, globs: impl Into<Option<Globs>>) -> Self {
        self.selection.globs = globs.into();
        self
    }

    /// Which files of a folder are wanted, by the types of their names; the others are skipped. The default is all. What
    /// is named is always read.
    pub fn types(mut self, types: impl Into<Option<Types>>) -> Self {
        self.selection.types = types.into();
        self
    }

    /// Takes the path `-` for standard input: a file among the others, which is read in its turn. What is not read as lines
    /// is kept in a temporary file meanwhile. The default is `false`: a file of that name.
    pub fn stdin(mut self, stdin: bool) -> Self {
        self.selection.stdin = stdin;
        self
    }

    /// Skips this file in folders, told by device and inode: what the results are written to, for one. The default is `None`.
    pub fn except(mut self, file: impl Into<Option<Metadata>>) -> Self {
        self.how.except = file.into().map(|file| (file.dev(), file.ino()));
        self
    }

    /// How deep folders are walked: 1 is the files of the folder itself. The default, `None`, is to the end.
    pub fn max_depth(mut self, depth: impl Into<Option<usize>>) -> Self {
        self.selection.max_depth = depth.into();
        self
    }

    /// Skips smaller files in folders. In bytes; the default is 0.
    pub fn min_size(mut self, bytes: u64) -> Self {
        self.how.filter.min_size = bytes;
        self
    }

    /// Skips files in folders that were changed before this time. The default is `None`.
    pub fn newer(mut self, than: impl Into<Option<SystemTime>>) -> Self {
        self.how.filter.newer = than.into();
        self
    }

    /// Skips files in folders that were changed at this time or after. The default is `None`.
    pub fn older(mut self, than: impl Into<Option<SystemTime>>) -> Self {
        self.how.filter.older = than.into();
        self
    }

    /// Reads each file once, by the first of the paths that lead to it; the others are skipped. Names of a file (hard
    /// links) count as files. The default is `true`.
    pub fn once(mut self, once: bool) -> Self {
        self.selection.again = !once;
        self
    }

    /// Refuses to guess an encoding, and to replace what is malformed: a text is marked or UTF-8, and sound, or an error of
    /// kind `encoding`. The default is `false`.
    pub fn strict(mut self, strict: bool) -> Self {
        self.how.strict = strict;
        self
    }

    /// Unpacks files that are compressed as gz, zst, bz2 or xz, told by their first bytes; what would be more than so many
    /// bytes is refused. The default, `None`, takes them as they are.
    #[cfg(feature = "compress")]
    pub fn decompress(mut self, max_size: impl Into<Option<u64>>) -> Self {
        self.how.decompress = max_size.into();
        self
    }

    /// Takes a hash of each file's bytes. What is not text is no failure then. The default is `None`.
    #[cfg(feature = "hash")]
    pub fn hash(mut self, kind: impl Into<Option<HashKind>>) -> Self {
        self.how.hash = kind.into();
        self
    }

    /// Gives bytes instead of text, and leaves nothing out for not being text. The default is `false`.
    pub fn bytes(mut self, bytes: bool) -> Self {
        self.how.keep = if bytes { Keep::Bytes } else { Keep::Text };
        self
    }

    /// Which files [`Reader::read_parts`] does not take apart, by their path: their content comes with their end, and counts
    /// as in flight like that of any file held whole. The default is none.
    pub fn whole(mut self, whole: fn(&Path) -> bool) -> Self {
        self.how.whole = Some(whole);
        self
    }

    /// Keeps the facts (size, lines, encoding) and lets the text go. The default is `false`.
    pub fn facts_only(mut self, facts_only: bool) -> Self {
        self.how.keep = if facts_only { Keep::Facts } else { Keep::Text };
        self
    }

    /// The reader. The builder can be used again.
    pub fn build(&self) -> Reader {
        Reader {
            jobs: self.jobs,
            bytes_in_flight: self.bytes_in_flight,
            how: self.how,
            selection: self.selection.clone(),
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader with the defaults of [`ReaderBuilder`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A reader with options of its own.
    pub fn builder() -> ReaderBuilder {
        ReaderBuilder::default()
    }
}
