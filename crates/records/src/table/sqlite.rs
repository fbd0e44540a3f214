//! Tables in an SQLite file.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::dialect::{Dialect, TableName, list, quoted};
use super::layout::There;
use crate::column::ColumnType;
use crate::error::{ErrorKind, SinkError};
use crate::record::Record;

/// How a transaction begins: with the right to write, so that waiting for it is the busy timeout's.
pub(super) const BEGIN: &str = "begin immediate";

/// How long a statement waits for another program to end its transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the file, and makes it if it is not there.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, SinkError> {
    if path.as_os_str().is_empty() || path == Path::new(":memory:") {
        return Err(SinkError::unsupported(
            "no file is named\n  hint: write sqlite:FILE or sqlite:FILE#table",
        ));
    }
    if path.is_dir() {
        return Err(SinkError::unsupported("is a folder"));
    }
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).busy_timeout(PATIENCE);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(fault)?;
    let application: i64 = sqlx::query_scalar("select application_id from pragma_application_id")
        .fetch_one(&mut connection)
        .await
        .map_err(fault)?;
    if application != 0 {
        return Err(SinkError::unsupported(
            "is the file of another program, or the store of a crawl\n  hint: name another file; gather export \
             STORE gives the records of a store",
        ));
    }
    can_write(&mut connection).await.map_err(fault)?;
    Ok(connection)
}

/// Finds a file that is read-only or locked before there is anything to write.
async fn can_write(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.begin_with(BEGIN).await?.rollback().await
}

/// The table, if it is there.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    table: &TableName,
    key: Option<&str>,
) -> Result<Option<There>, SinkError> {
    let columns: Vec<String> = sqlx::query_scalar("select name from pragma_table_info(?)")
        .bind(&table.name)
        .fetch_all(&mut *connection)
        .await
        .map_err(fault)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let is_unique = match key {
        Some(key) => is_unique(connection, table, key).await.map_err(fault)?,
        None => true,
    };
    Ok(Some(There { columns, is_unique }))
}

async fn is_unique(
    connection: &mut SqliteConnection,
    table: &TableName,
    key: &str,
) -> Result<bool, sqlx::Error> {
    const BY_INDEX: &str = "select exists (select 1 from pragma_index_list(?1) as i where i.\"unique\" and not i.partial \
         and (select count(*) from pragma_index_info(i.name)) = 1 \
         and (select lower(name) from pragma_index_info(i.name)) = lower(?2)) \
         or (select count(*) = 1 and max(lower(name)) = lower(?2) from pragma_table_info(?1) where pk > 0)";
    sqlx::query_scalar(BY_INDEX).bind(&table.name).bind(key).fetch_one(connection).await
}

/// The primary result codes of SQLite that people can do something about.
pub(super) fn fault(error: sqlx::Error) -> SinkError {
    const UNIQUE: i32 = 2067;
    let code = match &error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()),
        _ => None,
    };
    let (kind, message) = match code {
        Some(UNIQUE) => (
            ErrorKind::Unsupported,
            format!("{}\n  hint: rows that are there share a value: name another table", said(&error)),
        ),
        Some(code) => match code & 0xff {
            5 | 6 => {
                (ErrorKind::Io, "is locked\n  hint: another program holds it; close that, or wait".into())
            }
            8 => (ErrorKind::Permission, "is read-only".into()),
            11 | 26 => (ErrorKind::Unsupported, "is no database\n  hint: name another file".into()),
            13 => (ErrorKind::Full, "no space left on the device".into()),
            14 => (
                ErrorKind::NotFound,
                "cannot be opened\n  hint: its folder must exist and be writable".into(),
            ),
            _ => (ErrorKind::Io, said(&error)),
        },
        None => (ErrorKind::Io, error.to_string()),
    };
    SinkError::new(kind, message)
}

fn said(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// SQLite's way.
pub(super) struct Sqlite;

impl Dialect for Sqlite {
    fn database(&self) -> &'static str {
        "SQLite"
    }

    fn type_name(&self, holds: Option<ColumnType>) -> &'static str {
        match holds {
            None => "",
            Some(ColumnType::Text | ColumnType::Json) => "text",
            Some(ColumnType::Integer | ColumnType::Boolean) => "integer",
            Some(ColumnType::Number) => "real",
        }
    }

    fn is_one_name(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    fn longest_name(&self) -> usize {
        usize::MAX
    }

    /// A column of numbers makes a number of the text "007"; else any column holds any value.
    fn must_widen(&self, from: Option<ColumnType>, to: ColumnType) -> bool {
        let of_numbers = matches!(from, Some(ColumnType::Integer | ColumnType::Boolean | ColumnType::Number));
        of_numbers && matches!(to, ColumnType::Text | ColumnType::Json)
    }

    /// There is no other way to another type: the column moves to the end.
    fn widen(&self, table: &TableName, column: &str, to: ColumnType) -> Vec<String> {
        let (column, moved) = (quoted(column), quoted(&format!("{column} as it was")));
        vec![
            format!("alter table {table} rename column {column} to {moved}"),
            format!("alter table {table} add column {column} {}", self.type_name(Some(to))),
            format!("update {table} set {column} = {moved}"),
            format!("alter table {table} drop column {moved}"),
        ]
    }

    fn unique(&self, table: &TableName, column: &str) -> String {
        let index = quoted(&format!("{}_{column}_key", table.name));
        format!("create unique index {index} on {table} ({})", quoted(column))
    }

    /// An array of arrays: no name has to stand in a path.
    fn encode(&self, records: &[Record], columns: &[&str]) -> Result<String, SinkError> {
        const NULL: &Value = &Value::Null;
        let rows = records.iter().map(|record| columns.iter().map(|name| record.get(name).unwrap_or(NULL)));
        let rows: Vec<Vec<&Value>> = rows.map(Iterator::collect).collect();
        Ok(serde_json::to_string(&rows)?)
    }

    fn rows(&self, _: &TableName, columns: &[&str]) -> String {
        let values = list((0..columns.len()).map(|n| format!("json_extract(value, '$[{n}]')")));
        format!("select {values} from json_each(?1) where true") // `where` keeps `on conflict` apart from a join
    }
}
