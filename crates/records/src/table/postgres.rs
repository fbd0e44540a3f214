//! Tables in PostgreSQL.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::dialect::{Dialect, Filled, TableName, Widening, list, plain_integer, quoted, reads_as_number};
use super::layout::{TheirColumn, There};
use crate::column::ColumnType;
use crate::error::{ErrorKind, SinkError};
use crate::record::Record;

/// How a transaction begins.
pub(super) const BEGIN: &str = "begin";

/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, over TLS where the server offers it (`sslmode` in the URL says otherwise).
pub(super) async fn connect(url: &str) -> Result<PgConnection, SinkError> {
    let options = PgConnectOptions::from_str(url).map_err(fault)?.application_name("gather");
    match gather_core::timeout(PATIENCE, PgConnection::connect_with(&options)).await {
        Ok(connected) => connected.map_err(fault),
        Err(_) => Err(SinkError::new(
            ErrorKind::Io,
            format!("no answer within {PATIENCE:?}\n  hint: is the host right, and does it listen there?"),
        )),
    }
}

/// The table, if it is there.
pub(super) async fn look(
    connection: &mut PgConnection,
    table: &TableName,
    key: Option<&str>,
) -> Result<Option<There>, SinkError> {
    const COLUMNS: &str = "select attname::text, atttypid::regtype::text from pg_attribute \
         where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum";
    const UNIQUE: &str = "select exists (select 1 from pg_index i \
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] \
         where i.indrelid = to_regclass($1) and i.indisunique and i.indnkeyatts = 1 \
         and i.indpred is null and i.indexprs is null and a.attname = $2)";
    let looked = async {
        let is_there: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(table.to_string())
            .fetch_one(&mut *connection)
            .await?;
        if !is_there {
            return Ok(None);
        }
        let columns: Vec<(String, String)> =
            sqlx::query_as(COLUMNS).bind(table.to_string()).fetch_all(&mut *connection).await?;
        let columns =
            columns.into_iter().map(|(name, of)| TheirColumn { name, holds: numbers_of(&of) }).collect();
        let is_unique = match key {
            Some(key) => {
                let query = sqlx::query_scalar(UNIQUE).bind(table.to_string()).bind(key);
                query.fetch_one(&mut *connection).await?
            }
            None => true,
        };
        Ok(Some(There { columns, is_unique }))
    };
    looked.await.map_err(fault)
}

/// Which numbers a column of this type makes of texts; None where it holds something else.
fn numbers_of(of: &str) -> Option<ColumnType> {
    match of {
        "smallint" | "integer" | "bigint" => Some(ColumnType::Integer),
        "numeric" | "real" | "double precision" => Some(ColumnType::Number),
        _ => None,
    }
}

/// Whether another process came in between: it waits for us as we do for it (40P01), has changed what we change (40001), or
/// has made the table, the column, the type of its rows (42P07, 42701, 42710) or what the catalogue has of them.
pub(super) fn is_overtaken(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    match error.code().as_deref() {
        Some("40P01" | "40001" | "42P07" | "42701" | "42710") => true,
        Some("23505") => error.constraint().is_some_and(|name| name.starts_with("pg_")),
        _ => false,
    }
}

/// What people can do something about, by the classes of SQLSTATE (PostgreSQL, appendix A). The URL, which may hold a
/// password, is in none of sqlx's messages.
pub(super) fn fault(error: sqlx::Error) -> SinkError {
    let (kind, hint) = match &error {
        sqlx::Error::Io(_) => (ErrorKind::Io, "is the server running, and the URL's host and port right?"),
        sqlx::Error::Configuration(_) => {
            (ErrorKind::Unsupported, "write postgres://USER@HOST/DATABASE#table")
        }
        sqlx::Error::Database(error) => of_state(error.code().as_deref().unwrap_or_default()),
        _ => (ErrorKind::Io, ""),
    };
    let fact = match &error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => format!("cannot reach the server: {error}"),
        sqlx::Error::Configuration(error) => format!("is no URL of a database: {error}"),
        other => other.to_string(),
    };
    SinkError::new(kind, if hint.is_empty() { fact } else { format!("{fact}\n  hint: {hint}") })
}

fn of_state(state: &str) -> (ErrorKind, &'static str) {
    match (state, state.get(..2)) {
        ("23505", _) => (ErrorKind::Unsupported, "rows that are there share a value: name another table"),
        ("3D000", _) => (ErrorKind::NotFound, "make it first: createdb NAME"),
        ("3F000", _) => (ErrorKind::NotFound, "make it first: create schema NAME"),
        ("53100", _) => (ErrorKind::Full, ""),
        ("42501", _) => (ErrorKind::Permission, "the user needs the right to create and write tables there"),
        (_, Some("28")) => {
            (ErrorKind::Permission, "the user and the password in the URL, PGPASSWORD or ~/.pgpass")
        }
        (_, Some("22" | "42")) => (
            ErrorKind::Unsupported,
            "if the table was there before, it does not hold such values: name another; else name the column otherwise",
        ),
        _ => (ErrorKind::Io, ""),
    }
}

/// PostgreSQL's way.
pub(super) struct Postgres;

impl Dialect for Postgres {
    fn database(&self) -> &'static str {
        "PostgreSQL"
    }

    fn type_name(&self, holds: Option<ColumnType>) -> &'static str {
        match holds {
            None | Some(ColumnType::Text) => "text",
            Some(ColumnType::Integer) => "bigint",
            Some(ColumnType::Number) => "numeric",
            Some(ColumnType::Boolean) => "boolean",
            Some(ColumnType::Json) => "jsonb",
        }
    }

    fn is_one_name(&self, one: &str, other: &str) -> bool {
        one == other
    }

    /// A longer one would be cut short in silence.
    fn longest_name(&self) -> usize {
        63
    }

    fn must_widen(&self, from: Option<ColumnType>, to: Option<ColumnType>) -> bool {
        self.type_name(from) != self.type_name(to)
    }

    fn widen(&self, table: &TableName, widening: &Widening, _: bool) -> Vec<String> {
        let (column, to) = (quoted(&widening.column), self.type_name(widening.to));
        vec![format!("alter table {table} alter column {column} type {to} using {column}::text::{to}")]
    }

    /// `numeric` keeps decimals as they are written, but for zeros before them and exponents.
    fn keeps_text(&self, holds: ColumnType, text: &str) -> bool {
        let is_decimal = || {
            let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
            (plain_integer(whole).is_some() || whole == "-0")
                && !rest.is_empty()
                && rest.bytes().all(|byte| byte.is_ascii_digit())
        };
        match holds {
            ColumnType::Integer => !reads_as_number(text) || plain_integer(text).is_some(),
            ColumnType::Number => !reads_as_number(text) || is_decimal(),
            _ => true,
        }
    }

    fn unique(&self, table: &TableName, column: &str) -> String {
        format!("create unique index on {table} ({})", quoted(column))
    }

    /// `json`, not `jsonb`: numbers keep their digits.
    fn encode(&self, records: &[Record], _: &[Filled<'_>]) -> Result<String, SinkError> {
        Ok(serde_json::to_string(records)?)
    }

    /// The table's own row type says what becomes of each value.
    fn rows(&self, table: &TableName, columns: &[Filled<'_>], key: Option<&str>) -> String {
        let names = list(columns.iter().map(|(name, _)| format!("line.{}", quoted(name))));
        let Some(key) = key.map(quoted) else {
            return format!("select {names} from json_populate_recordset(null::{table}, $1::json) as line");
        };
        format!(
            "select distinct on (line.{key}) {names} from json_array_elements($1::json) with ordinality as item(json, number), \
             json_populate_record(null::{table}, item.json) as line order by line.{key}, item.number desc"
        )
    }
}
