//! Tables in an SQLite file.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use serde_json::{Number, Value};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::dialect::{Dialect, Filled, TableName, Widening, list, plain_integer, quoted, reads_as_number};
use super::layout::{TheirColumn, There};
use crate::column::ColumnType;
use crate::encode::plain;
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
    let columns: Vec<(String, String)> = sqlx::query_as("select name, type from pragma_table_info(?)")
        .bind(&table.name)
        .fetch_all(&mut *connection)
        .await
        .map_err(fault)?;
    if columns.is_empty() {
        return Ok(None);
    }
    let columns =
        columns.into_iter().map(|(name, declared)| TheirColumn { name, holds: affinity(&declared) });
    let columns = columns.collect();
    let is_unique = match key {
        Some(key) => is_unique(connection, table, key).await.map_err(fault)?,
        None => true,
    };
    Ok(Some(There { columns, is_unique }))
}

/// Which numbers a column makes of numbers; None where it keeps them as they are, or as text.
///
/// Source: [SQLite, determination of column affinity](https://www.sqlite.org/datatype3.html#determination_of_column_affinity).
fn affinity(declared: &str) -> Option<ColumnType> {
    let declared = declared.to_ascii_uppercase();
    let names = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if names(&["INT"]) {
        Some(ColumnType::Integer)
    } else if declared.is_empty() || names(&["CHAR", "CLOB", "TEXT", "BLOB"]) {
        None
    } else if names(&["REAL", "FLOA", "DOUB"]) {
        Some(ColumnType::Number)
    } else {
        Some(ColumnType::Integer)
    }
}

/// Whether a number of 64 bits, with a point, is written with these digits.
fn is_exact(number: &Number) -> bool {
    let near = number.as_f64().filter(|near| near.is_finite());
    near.is_some_and(|near| significant(&format!("{near:e}")) == significant(&number.to_string()))
}

/// The sign, the digits without zeros around them, and the power of ten that they are times.
fn significant(number: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    let power = exponent.trim_start_matches('+').parse::<i64>().ok()? - i64::try_from(fraction.len()).ok()?;
    match kept {
        "" => Some((false, String::new(), 0)),
        kept => Some((
            whole.starts_with('-'),
            kept.to_owned(),
            power.checked_add(i64::try_from(digits.len() - kept.len()).ok()?)?,
        )),
    }
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

/// Whether another process came in between, and has made the table, the column or the index.
pub(super) fn is_overtaken(error: &sqlx::Error) -> bool {
    let said = error.as_database_error().map_or("", |error| error.message());
    said.ends_with("already exists") || said.starts_with("duplicate column name")
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

/// What `json_extract` makes the value of in a column: SQLite has no booleans, and a number that it would round, or make
/// infinite, is a text.
fn told_apart(value: &Value, holds: Option<ColumnType>) -> Cow<'_, Value> {
    match (value, holds) {
        (Value::Null, _) => Cow::Borrowed(value),
        (_, Some(ColumnType::Json)) => Cow::Owned(value.to_string().into()),
        (Value::Number(_) | Value::Bool(_), Some(ColumnType::Text)) => Cow::Owned(plain(value).into()),
        (Value::Number(number), _) if !number.is_i64() && !is_exact(number) => {
            Cow::Owned(number.to_string().into())
        }
        _ => Cow::Borrowed(value),
    }
}

/// The index by which a column is unique, made by itself: a column that is declared so cannot be moved.
fn index(table: &TableName, column: &str) -> String {
    quoted(&format!("{} ({column})", table.name))
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
    fn must_widen(&self, from: Option<ColumnType>, to: Option<ColumnType>) -> bool {
        let of_numbers = matches!(from, Some(ColumnType::Integer | ColumnType::Boolean | ColumnType::Number));
        of_numbers && matches!(to, None | Some(ColumnType::Text | ColumnType::Json))
    }

    /// Numbers too large for it are texts among numbers, and make no text of the others.
    fn needed(&self, value: &Value) -> Option<ColumnType> {
        match value {
            Value::Number(number) if !number.is_i64() => Some(ColumnType::Number),
            _ => ColumnType::of(value),
        }
    }

    fn keeps(&self, holds: ColumnType, number: &Number) -> bool {
        match holds {
            ColumnType::Number => is_exact(number),
            ColumnType::Integer | ColumnType::Boolean => number.is_i64() || is_exact(number),
            ColumnType::Text | ColumnType::Json => true,
        }
    }

    /// There is no other way to another type: the column moves to the end.
    fn widen(&self, table: &TableName, widening: &Widening, is_unique: bool) -> Vec<String> {
        let Widening { column: name, from, to } = widening;
        let (column, moved) = (quoted(name), quoted(&format!("{name} as it was")));
        let value = match from {
            Some(ColumnType::Boolean) => {
                format!("case {moved} when 1 then 'true' when 0 then 'false' else {moved} end")
            }
            _ => moved.clone(),
        };
        let mut statements = vec![
            format!("alter table {table} rename column {column} to {moved}"),
            format!("alter table {table} add column {column} {}", self.type_name(*to)),
            format!("update {table} set {column} = {value}"),
            format!("alter table {table} drop column {moved}"),
        ];
        if is_unique {
            statements.insert(0, format!("drop index {}", index(table, name)));
            statements.push(self.unique(table, name));
        }
        statements
    }

    fn keeps_text(&self, holds: ColumnType, text: &str) -> bool {
        let is_number = matches!(holds, ColumnType::Integer | ColumnType::Number);
        let is_kept = || plain_integer(text).is_some_and(|number| self.keeps(holds, &number.into()));
        !is_number || !reads_as_number(text) || is_kept()
    }

    fn unique(&self, table: &TableName, column: &str) -> String {
        format!("create unique index {} on {table} ({})", index(table, column), quoted(column))
    }

    /// An array of arrays: no name has to stand in a path.
    fn encode(&self, records: &[Record], columns: &[Filled<'_>]) -> Result<String, SinkError> {
        const NULL: &Value = &Value::Null;
        let row = |record| {
            let cell =
                |(name, holds): &Filled<'_>| told_apart(Record::get(record, name).unwrap_or(NULL), *holds);
            columns.iter().map(cell).collect()
        };
        let rows: Vec<Vec<Cow<'_, Value>>> = records.iter().map(row).collect();
        Ok(serde_json::to_string(&rows)?)
    }

    fn rows(&self, _: &TableName, columns: &[Filled<'_>], _: Option<&str>) -> String {
        let values = list((0..columns.len()).map(|n| format!("json_extract(value, '$[{n}]')")));
        format!("select {values} from json_each(?1) where true") // `where` keeps `on conflict` apart from a join
    }
}
