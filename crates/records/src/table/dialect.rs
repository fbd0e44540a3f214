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

    /// Makes a column hold another type, and keeps what is in it.
    fn widen(&self, table: &TableName, column: &str, to: Option<ColumnType>) -> Vec<String>;

    /// What a column for a value holds.
    fn needed(&self, value: &Value) -> Option<ColumnType> {
        ColumnType::of(value)
    }

    /// Whether a column of this type keeps the digits of a number.
    fn keeps(&self, _holds: ColumnType, _number: &Number) -> bool {
        true
    }

    /// Lets no two rows share a value in a column.
    fn unique(&self, table: &TableName, column: &str) -> String;

    /// The records as the one parameter of [`rows`](Self::rows).
    fn encode(&self, records: &[Record], columns: &[&str]) -> Result<String, SinkError>;

    /// A query whose rows are the records in its parameter.
    fn rows(&self, table: &TableName, columns: &[&str]) -> String;
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

/// What has to be done to a table before rows go into it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The table is made.
    Create(Vec<Column>),
    /// It gets one more column.
    Add(Column),
    /// A column holds more than was known.
    Widen(String, Option<ColumnType>),
    /// No two rows share a value in this column.
    Unique(String),
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
            let columns: Vec<_> = columns.iter().map(|column| made(dialect, key, column)).collect();
            vec![format!("create table {table} ({})", columns.join(", "))]
        }
        Change::Add(column) => {
            vec![format!("alter table {table} add column {}", made(dialect, None, column))]
        }
        Change::Widen(column, to) => dialect.widen(table, column, *to),
        Change::Unique(column) => vec![dialect.unique(table, column)],
    }
}

fn made(dialect: &dyn Dialect, key: Option<&str>, column: &Column) -> String {
    let unique = if key == Some(column.name.as_str()) { " unique" } else { "" };
    format!("{} {}{unique}", quoted(&column.name), dialect.type_name(column.holds))
}

/// The statement that puts a batch into the table: of a row with the same key it replaces the values that the records
/// have.
pub(super) fn insert(
    dialect: &dyn Dialect,
    table: &TableName,
    columns: &[&str],
    key: Option<&str>,
) -> String {
    let names = list(columns.iter().map(|name| quoted(name)));
    let rows = dialect.rows(table, columns);
    let conflict = key.map(|key| on_conflict(columns, key)).unwrap_or_default();
    format!("insert into {table} ({names}) {rows}{conflict}")
}

fn on_conflict(columns: &[&str], key: &str) -> String {
    let others = columns.iter().filter(|name| **name != key).map(|name| quoted(name));
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
