//! Many files at once: paths and folders in, a stream of texts out, every failure a value with its path.
//!
//! ```
//! use futures::StreamExt;
//! use gather_file_reader::Reader;
//!
//! let lines = gather_core::run(async {
//!     let files = Reader::builder().max_size(1 << 20).build().read(["src"]);
//!     files.fold(0, async |sum, file| sum + file.map_or(0, |file| file.lines())).await
//! });
//! assert!(lines.unwrap() > 100);
//! ```
//!
//! The text of a file is told by its byte order mark, then as UTF-8, then by a guess that says so. Files are read in
//! batches, a hop to a thread for each; what waits for the consumer is bounded in bytes, and [`Reader::read_parts`] gives a
//! large file without ever holding it whole. A file is opened without waiting (a FIFO is an error, not a stop) and checked
//! not to change size while it is read.

mod batch;
mod budget;
mod builder;
mod compress;
mod course;
mod decode;
mod error;
mod file;
mod folder;
mod git_glob;
mod gitignore;
mod hash;
mod how;
mod once;
mod openers;
mod part;
mod patterns;
mod read;
mod reader;
mod select;
mod source;
mod stdin;
mod stream;
mod walk;

pub use builder::ReaderBuilder;
pub use encoding_rs::Encoding;
pub use error::{ErrorKind, ReadError};
pub use file::File;
#[cfg(feature = "hash")]
pub use hash::HashKind;
pub use part::Part;
pub use patterns::{Globs, PatternError, Types};
pub use reader::{Files, Parts, Reader, read_to_strings};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
