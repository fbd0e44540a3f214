//! Records to bytes, format by format.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use indexmap::IndexSet;
use serde_json::Value;

use crate::error::SinkError;
use crate::escape::escape_terminal;
use crate::format::Format;
use crate::record::Record;
use crate::spool::Spool;

/// How a record looks as text. What it returns is made harmless for a terminal, line by line.
pub type TextStyle = fn(&Record) -> String;

/// How records are encoded, besides the format.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// How a record looks as text; the default is a line of `name: value` for each value, and a blank one.
    pub text: Option<TextStyle>,
    /// The columns of a table. Without them all records are looked at first, kept in a temporary file.
    pub columns: Option<Vec<String>>,
    /// Records may hold more than the columns: these come first, and the others behind them, once all records have been
    /// looked at. Off by default: a value without a column is an error.
    pub more_columns: bool,
    /// Puts an apostrophe before cells, and names of columns, that a spreadsheet would take for a formula. Off by default.
    pub defuse_formulas: bool,
}

pub(crate) enum Encoder {
    Text(TextStyle),
    Jsonl,
    Json { begun: bool },
    Table(Table),
}

impl Encoder {
    /// `header` is `false` when the output has one already. What [`packs`](Self::packs) itself does so where `gzip` says so.
    pub(crate) fn new(format: Format, style: Style, header: bool, gzip: bool) -> Self {
        match format {
            Format::Text => Encoder::Text(style.text.unwrap_or(as_block)),
            Format::Jsonl => Encoder::Jsonl,
            Format::Json => Encoder::Json { begun: false },
            Format::Csv => Encoder::Table(Table::new(b',', style, header, gzip)),
            Format::Tsv => Encoder::Table(Table::new(b'\t', style, header, gzip)),
        }
    }

    pub(crate) fn write(&mut self, record: &Record, out: &mut impl Write) -> Result<(), SinkError> {
        match self {
            Encoder::Text(style) => {
                for line in style(record).lines() {
                    writeln!(out, "{}", escape_terminal(line))?;
                }
            }
            Encoder::Jsonl => {
                serde_json::to_writer(&mut *out, record)?;
                out.write_all(b"\n")?;
            }
            Encoder::Json { begun } => {
                out.write_all(if *begun { b",\n" } else { b"[\n" })?;
                serde_json::to_writer(&mut *out, record)?;
                *begun = true;
            }
            Encoder::Table(table) => table.write(record, out)?,
        }
        Ok(())
    }

    /// Whether what it writes is compressed already.
    pub(crate) fn packs(&self) -> bool {
        matches!(self, Encoder::Table(Table { packs: true, .. }))
    }

    /// Whether what it writes is JSON.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Encoder::Jsonl | Encoder::Json { .. })
    }

    /// Writes what comes after the last record.
    pub(crate) fn finish(&mut self, out: &mut impl Write) -> Result<(), SinkError> {
        match self {
            Encoder::Text(_) | Encoder::Jsonl => {}
            Encoder::Json { begun: true } => out.write_all(b"\n]\n")?,
            Encoder::Json { begun: false } => out.write_all(b"[]\n")?,
            Encoder::Table(table) => table.finish(out)?,
        }
        Ok(())
    }
}

fn as_block(record: &Record) -> String {
    let lines = record.iter().map(|(name, value)| format!("{name}: {}\n", escape_terminal(&plain(value))));
    lines.chain(["\n".to_owned()]).collect()
}

/// A value as plain text, as in the cell of a table: a string without its quotes, null as nothing, lists and objects as
/// JSON.
///
/// ```
/// use gather_records::plain;
///
/// assert_eq!(plain(&"Ne".into()), "Ne");
/// assert_eq!(plain(&vec![1, 2].into()), "[1,2]");
/// ```
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) struct Table {
    delimiter: u8,
    defuse: bool,
    columns: Columns,
    header: bool,
    /// Whether it writes gz members: the header is known last and stands first, so that it is one of its own.
    packs: bool,
}

enum Columns {
    Known(Vec<String>),
    /// Rows wait in a temporary file until all columns are known.
    Collected {
        names: IndexSet<String>,
        spool: Option<Box<Spool>>,
        /// Records before there was any column.
        blank: usize,
    },
}

impl Table {
    fn new(delimiter: u8, style: Style, header: bool, gzip: bool) -> Self {
        let (columns, packs) = match style.columns {
            Some(names) if !style.more_columns => (Columns::Known(names), false),
            names => {
                let names = names.into_iter().flatten().collect();
                (Columns::Collected { names, spool: None, blank: 0 }, gzip)
            }
        };
        Self { delimiter, defuse: style.defuse_formulas, columns, header, packs }
    }

    fn write(&mut self, record: &Record, out: &mut impl Write) -> Result<(), SinkError> {
        match &mut self.columns {
            Columns::Known(names) => {
                if let Some(name) = record.names().find(|name| !names.iter().any(|known| known == name)) {
                    return Err(SinkError::unsupported(format!("the table has no column `{name}`")));
                }
                let row = self.row_of(record)?;
                self.write_header(out)?;
                Ok(out.write_all(&row)?)
            }
            Columns::Collected { names, blank, .. } => {
                names.extend(record.names().map(str::to_owned));
                if names.is_empty() {
                    *blank += 1;
                    return Ok(());
                }
                let row = self.row_of(record)?;
                self.spool(&row)
            }
        }
    }

    fn spool(&mut self, row: &[u8]) -> Result<(), SinkError> {
        let Columns::Collected { names, spool, .. } = &mut self.columns else { return Ok(()) };
        let spool = match spool {
            Some(spool) => spool,
            None => spool.insert(Box::new(Spool::new(self.packs)?)),
        };
        Ok(spool.write(row, names.len())?)
    }

    fn finish(&mut self, out: &mut impl Write) -> Result<(), SinkError> {
        let Columns::Collected { names, spool, blank } = &mut self.columns else {
            return self.write_header(out);
        };
        let (spool, blank) = (spool.take(), std::mem::take(blank));
        self.columns = Columns::Known(names.drain(..).collect());
        let without_values = self.row_of(&Record::new())?.repeat(blank);
        let mut head = Vec::new();
        self.write_header(&mut head)?;
        self.write_part(out, |part| Ok(part.write_all(&[head, without_values].concat())?))?;
        spool.map_or(Ok(()), |spool| self.write_spooled(*spool, out))
    }

    fn write_spooled(&self, spool: Spool, out: &mut impl Write) -> Result<(), SinkError> {
        let Columns::Known(names) = &self.columns else { return Ok(()) };
        spool.stretches(|columns, mut rows| match names.len() - columns {
            0 => Ok(io::copy(&mut rows, out).map(drop)?),
            missing if self.packs => self.widen(GzDecoder::new(io::BufReader::new(rows)), missing, out),
            missing => self.widen(rows, missing, out),
        })
    }

    /// Writes rows that were made before the last columns were known.
    fn widen(&self, rows: impl Read, missing: usize, out: &mut impl Write) -> Result<(), SinkError> {
        let mut rows =
            csv::ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).from_reader(rows);
        let mut row = csv::ByteRecord::new();
        self.write_part(out, |part| {
            while rows.read_byte_record(&mut row)? {
                row.extend(std::iter::repeat_n("", missing));
                part.write_all(&self.row(&row)?)?;
            }
            Ok(())
        })
    }

    /// Writes a part of the output: where it packs, a gz member.
    fn write_part(
        &self,
        out: &mut impl Write,
        write: impl FnOnce(&mut dyn Write) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if !self.packs {
            return write(out);
        }
        let mut member = GzEncoder::new(out, Compression::default());
        write(&mut member)?;
        member.finish()?;
        Ok(())
    }

    fn write_header(&mut self, out: &mut impl Write) -> Result<(), SinkError> {
        let Columns::Known(names) = &self.columns else { return Ok(()) };
        if std::mem::take(&mut self.header) && !names.is_empty() {
            let cell = |name: &String| if self.defuse { defused(name).into_owned() } else { name.clone() };
            out.write_all(&self.row(names.iter().map(cell))?)?;
        }
        Ok(())
    }

    /// The row of a record in the columns known so far.
    fn row_of(&self, record: &Record) -> Result<Vec<u8>, SinkError> {
        let cell = |name: &String| record.get(name).map_or_else(String::new, |value| self.cell(value));
        match &self.columns {
            // A row of no cells would be read as one empty cell, and as the header.
            Columns::Known(names) if names.is_empty() => Ok(Vec::new()),
            Columns::Known(names) => self.row(names.iter().map(cell)),
            Columns::Collected { names, .. } => self.row(names.iter().map(cell)),
        }
    }

    fn cell(&self, value: &Value) -> String {
        let text = plain(value);
        if self.defuse && value.is_string() { defused(&text).into_owned() } else { text }
    }

    fn row<I>(&self, cells: I) -> Result<Vec<u8>, SinkError>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter)
            .terminator(csv::Terminator::CRLF)
            .buffer_capacity(ROW_CAPACITY)
            .from_writer(Vec::with_capacity(ROW_CAPACITY));
        writer.write_record(cells)?;
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

/// A text that a spreadsheet takes for no formula.
fn defused(text: &str) -> Cow<'_, str> {
    let looks_like_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if looks_like_formula { format!("'{text}").into() } else { text.into() }
}

/// The text that was [`defused`].
pub(crate) fn armed(text: &str) -> &str {
    let bare = text.strip_prefix('\'');
    bare.filter(|bare| matches!(defused(bare), Cow::Owned(_))).unwrap_or(text)
}

/// A row that is longer grows by itself.
const ROW_CAPACITY: usize = 256;
