//! SQL, as far as the databases speak it alike, and where they differ.

use std::fmt;

use serde_json::{Number, Value};

use crate::column::{Column, ColumnType};
use crate::error::SinkError;
use crate::record::Record;

/// What a database says in its own way.
pub(super) trait Dialect: Send + Sync {
    /// How it is called.
    fn database(&self) -> &'static str;

    /// The name of a type; a column of unknown type can hold what comes.
    fn type_name(&self, holds: Option<ColumnType>) -> &'static str;

    /// Whether two names are one to it.
    fn is_one_name(&self, one: &str, other: &str) -> bool;

    /// The longest name, in bytes.
    fn longest_name(&self) -> usize;

    /// Whether a column made for `from` cannot hold what `to` can as it is.
    fn must_widen(&self, from: Option<ColumnType>, to: Option<ColumnType>) -> bool;

    /// Makes a column hold another type, and keeps what is in it; a unique one stays so.
    fn widen(&self, table: &TableName, widening: &Widening, is_unique: bool) -> Vec<String>;

    /// What a column for a value holds.
    fn needed(&self, value: &Value) -> Option<ColumnType> {
        ColumnType::of(value)
    }

    /// Whether a column of this type keeps the digits of a number.
    fn keeps(&self, _holds: ColumnType, _number: &Number) -> bool {
        true
    }

    /// Whether a column of this type keeps a text as it is, or refuses it; one of numbers makes a number of what reads as one.
    fn keeps_text(&self, holds: ColumnType, text: &str) -> bool;

    /// Lets no two rows share a value in a column.
    fn unique(&self, table: &TableName, column: &str) -> String;

    /// The records as the one parameter of [`rows`](Self::rows).
    fn encode(&self, records: &[Record], columns: &[Filled<'_>]) -> Result<String, SinkError>;

    /// A query whose rows are the records in its parameter. Where the order of rows is that in which they are locked, they
    /// come by the key; where a statement may meet a row once only, so do those with equal keys, the last of them.
    fn rows(&self, table: &TableName, columns: &[Filled<'_>], key: Option<&str>) -> String;
}

/// The name of a table, and the schema it is in where one is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableName {
    pub(super) schema: Option<String>,
    pub(super) name: String,
}

impl fmt::Display for TableName {
    /// Quoted, as it stands in a statement.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        f.write_str(&quoted(&self.name))
    }
}

/// A column that rows go into: its name, and what it holds as far as this run knows.
pub(super) type Filled<'a> = (&'a str, Option<ColumnType>);

/// A column that has to hold more than what it was made for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Widening {
    pub(super) column: String,
    pub(super) from: Option<ColumnType>,
    pub(super) to: Option<ColumnType>,
}

/// What has to be done to a table before rows go into it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The table is made.
    Create(Vec<Column>),
    /// It gets one more column.
    Add(Column),
    /// A column holds more than was known.
    Widen(Widening),
    /// No two rows share a value in this column.
    Unique(String),
}

/// Whether a database takes a text for a number: with a sign, leading zeros, an exponent and white space around it, too.
pub(super) fn reads_as_number(text: &str) -> bool {
    let text = text.trim_ascii();
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

/// The integer that a text is, if it is written as databases write it.
pub(super) fn plain_integer(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// An identifier that stands for itself, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Refuses a name that the database would change or not take.
pub(super) fn check_name(dialect: &dyn Dialect, name: &str) -> Result<(), SinkError> {
    let longest = dialect.longest_name();
    let fault = if name.is_empty() {
        "a column has no name".to_owned()
    } else if name.contains('\0') {
        format!("the name {name:?} holds a NUL")
    } else if name.len() > longest {
        format!("the name `{name}` is too long: {} takes {longest} bytes", dialect.database())
    } else {
        return Ok(());
    };
    Err(SinkError::unsupported(format!("{fault}\n  hint: name it otherwise, or write to a file")))
}

/// The statements that bring a change about.
pub(super) fn statements(
    dialect: &dyn Dialect,
    table: &TableName,
    key: Option<&str>,
    change: &Change,
) -> Vec<String> {
    match change {
        Change::Create(columns) => {
            let columns = list(columns.iter().map(|column| made(dialect, column)));
            vec![format!("create table {table} ({columns})")]
        }
        Change::Add(column) => {
            vec![format!("alter table {table} add column {}", made(dialect, column))]
        }
        Change::Widen(widening) => dialect.widen(table, widening, key == Some(widening.column.as_str())),
        Change::Unique(column) => vec![dialect.unique(table, column)],
    }
}

fn made(dialect: &dyn Dialect, column: &Column) -> String {
    format!("{} {}", quoted(&column.name), dialect.type_name(column.holds))
}

/// The statement that puts a batch into the table: of a row with the same key it replaces the values that the records
/// have.
pub(super) fn insert(
    dialect: &dyn Dialect,
    table: &TableName,
    columns: &[Filled<'_>],
    key: Option<&str>,
) -> String {
    let names = list(columns.iter().map(|(name, _)| quoted(name)));
    let rows = dialect.rows(table, columns, key);
    let conflict = key.map(|key| on_conflict(columns, key)).unwrap_or_default();
    format!("insert into {table} ({names}) {rows}{conflict}")
}

fn on_conflict(columns: &[Filled<'_>], key: &str) -> String {
    let others = columns.iter().filter(|(name, _)| *name != key).map(|(name, _)| quoted(name));
    let set = list(others.map(|name| format!("{name} = excluded.{name}")));
    let key = quoted(key);
    if set.is_empty() {
        format!(" on conflict ({key}) do nothing")
    } else {
        format!(" on conflict ({key}) do update set {set}")
    }
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
