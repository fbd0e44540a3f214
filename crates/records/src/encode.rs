//! Records to bytes, format by format.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, Write};

use indexmap::IndexSet;
use serde_json::Value;

use crate::error::SinkError;
use crate::escape::escape_terminal;
use crate::format::Format;
use crate::record::Record;

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
    /// `header` is `false` when the output has one already.
    pub(crate) fn new(format: Format, style: Style, header: bool) -> Self {
        match format {
            Format::Text => Encoder::Text(style.text.unwrap_or(as_block)),
            Format::Jsonl => Encoder::Jsonl,
            Format::Json => Encoder::Json { begun: false },
            Format::Csv => Encoder::Table(Table::new(b',', style, header)),
            Format::Tsv => Encoder::Table(Table::new(b'\t', style, header)),
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
}

enum Columns {
    Known(Vec<String>),
    /// Records wait in a temporary file until all columns are known.
    Collected {
        names: IndexSet<String>,
        spool: Option<BufWriter<File>>,
    },
}

impl Table {
    fn new(delimiter: u8, style: Style, header: bool) -> Self {
        let columns = match style.columns {
            Some(names) if !style.more_columns => Columns::Known(names),
            names => Columns::Collected { names: names.into_iter().flatten().collect(), spool: None },
        };
        Self { delimiter, defuse: style.defuse_formulas, columns, header }
    }

    fn write(&mut self, record: &Record, out: &mut impl Write) -> Result<(), SinkError> {
        match &mut self.columns {
            Columns::Known(names) => {
                if let Some(name) = record.names().find(|name| !names.iter().any(|known| known == name)) {
                    return Err(SinkError::unsupported(format!("the table has no column `{name}`")));
                }
            }
            Columns::Collected { names, spool } => {
                names.extend(record.names().map(str::to_owned));
                let spool = match spool {
                    Some(spool) => spool,
                    None => spool.insert(BufWriter::new(tempfile::tempfile()?)),
                };
                serde_json::to_writer(&mut *spool, record)?;
                spool.write_all(b"\n")?;
                return Ok(());
            }
        }
        self.write_header(out)?;
        self.write_row(record, out)
    }

    fn finish(&mut self, out: &mut impl Write) -> Result<(), SinkError> {
        if let Columns::Collected { names, spool } = &mut self.columns {
            let spool = spool.take();
            self.columns = Columns::Known(names.drain(..).collect());
            if let Some(spool) = spool {
                return self.write_spooled(spool, out);
            }
        }
        self.write_header(out)
    }

    fn write_spooled(&mut self, spool: BufWriter<File>, out: &mut impl Write) -> Result<(), SinkError> {
        self.write_header(out)?;
        let mut file = spool.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.rewind()?;
        for line in BufReader::new(file).lines() {
            self.write_row(&serde_json::from_str(&line?)?, out)?;
        }
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

    fn write_row(&self, record: &Record, out: &mut impl Write) -> Result<(), SinkError> {
        let Columns::Known(names) = &self.columns else { return Ok(()) };
        if names.is_empty() {
            return Ok(()); // a row of no cells would be read as one empty cell, and as the header
        }
        let cells =
            names.iter().map(|name| record.get(name).map_or_else(String::new, |value| self.cell(value)));
        Ok(out.write_all(&self.row(cells)?)?)
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
