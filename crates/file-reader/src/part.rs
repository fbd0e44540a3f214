//! Parts of a file, for those that are too large to be held whole.

use std::path::Path;
use std::sync::Arc;

use crate::file::File;

/// A part of a file, or its end.
///
/// The parts of a file come in their order, and after them its end; those of several files may come between each other
/// unless they are asked for in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Whole lines of text. A last line without an end is a line, too.
    Text {
        /// The path, as it was given or found.
        path: Arc<Path>,
        /// The number of the first of these lines in the file, from 1.
        line: u64,
        /// The lines, with their ends.
        text: String,
    },
    /// Bytes, if bytes were asked for.
    Bytes {
        /// The path, as it was given or found.
        path: Arc<Path>,
        /// Where in the file they are.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The file was read to its end: what was found out about it, without its content unless it was not to be taken apart.
    End(File),
}

impl Part {
    /// The path of the file it is of.
    pub fn path(&self) -> &Path {
        match self {
            Part::Text { path, .. } | Part::Bytes { path, .. } => path,
            Part::End(file) => file.path(),
        }
    }
}
