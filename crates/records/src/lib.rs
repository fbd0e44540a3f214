//! Records with ordered keys, their formats, and outputs that are whole or not there.
//!
//! A [`Record`] is what every part of gather makes; a [`Sink`] writes it as text, JSONL, JSON, CSV or TSV; a
//! [`Failure`] is the record of an input that failed or was refused; a [`Summary`] is the account of a run.
//!
//! ```
//! use gather_records::{Format, Record, Sink, Style};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("elements.csv");
//! let mut sink = Sink::file(&path, Format::Csv, Style::default())?;
//! sink.write(&[("symbol", "Ne".into()), ("number", 10.into())].into_iter().collect::<Record>())?;
//! sink.finish()?;
//! assert_eq!(std::fs::read_to_string(&path)?, "symbol,number\r\nNe,10\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod encode;
mod error;
mod escape;
mod failure;
mod format;
mod nesting;
mod record;
mod sink;
mod spool;
mod summary;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod table;
mod target;
mod whole_file;

pub use column::{Column, ColumnType};
pub use encode::{Style, TextStyle, plain};
pub use error::{ErrorKind, SinkError};
pub use escape::escape_terminal;
pub use failure::{Failure, Kind, UnknownKind};
pub use format::{Format, UnknownFormat};
pub use nesting::{MAX_NESTING, is_nested_too_deep};
pub use record::Record;
pub use sink::Sink;
pub use summary::{FieldSummary, Summary};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use table::{TableSink, TableSinkBuilder};
pub use target::Target;
pub use whole_file::WholeFile;

pub use serde_json::Value;
