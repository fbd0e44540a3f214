//! Records into a table of a database.

mod batch;
mod dialect;
mod layout;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod statement;

use self::batch::Batch;
use self::dialect::{Dialect, TableName, insert, statements};
use self::layout::{Layout, There};
use crate::column::Column;
use crate::error::{ErrorKind, SinkError};
use crate::record::Record;
use crate::target::Target;

/// The table where the target names none.
const DEFAULT_TABLE: &str = "records";

/// How often a batch is tried while other processes come in between: each time one of them has got on.
const TRIES: usize = 10;

/// Writes records into a table of an SQLite file or of PostgreSQL.
///
/// The table is made from the [columns](TableSinkBuilder::columns) and from what the records hold; a name that a later
/// record brings becomes a column then. A value that a column of this run cannot hold makes the column wider (text holds
/// everything); a table that was there before keeps its types. Records are written in sets: up to 1,000, or 1 MiB of them,
/// in one statement and one transaction, which also holds what the table had to be changed by. Several processes may write
/// into one table, and make it or its columns at the same time: whoever comes second takes what is there.
///
/// Lists and objects are JSON (`jsonb` in PostgreSQL, text in SQLite), a NUL in a text becomes U+FFFD. Names are quoted:
/// upper case stays, and no name is taken for SQL.
///
/// Dropped before [`finish`](Self::finish), the whole batches stay and the unfinished one is gone; so it is when the
/// process is killed.
pub struct TableSink {
    place: String,
    table: TableName,
    engine: Engine,
    layout: Layout,
    batch: Batch,
    append: bool,
    written: u64,
}

/// How a batch did not come into the table.
enum Refused {
    /// Another process came in between: the table is looked at again, and the batch tried again.
    Overtaken(SinkError),
    /// It is not taken.
    Finally(SinkError),
}

/// Where and how a [`TableSink`] writes.
///
/// ```
/// use gather_records::{Column, ColumnType, Record, TableSink, Target};
///
/// # #[cfg(feature = "sqlite")]
/// # gather_core::run(async {
/// let folder = tempfile::tempdir().unwrap();
/// let target = Target::parse(&format!("sqlite:{}#elements", folder.path().join("a.db").display()));
/// let number = Column::new("number").holding(ColumnType::Integer);
/// let mut sink = TableSink::builder().columns([number]).key("number").open(&target).await.unwrap();
/// sink.write([("number", 10.into()), ("symbol", "Ne".into())].into_iter().collect::<Record>()).await.unwrap();
/// sink.write([("number", 10.into()), ("symbol", "Ne".into())].into_iter().collect::<Record>()).await.unwrap();
/// assert_eq!(sink.finish().await.unwrap(), 1);
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TableSinkBuilder {
    columns: Vec<Column>,
    key: Option<String>,
    append: bool,
}

impl TableSink {
    /// A sink without columns and key, which takes no table that has rows.
    pub fn builder() -> TableSinkBuilder {
        TableSinkBuilder::default()
    }

    /// Takes a record, which waits until its batch is full.
    ///
    /// # Errors
    /// A record without a value for the key, which is left out, and others may follow; a name that the database does not
    /// take, or a batch that it does not. The batches before stay.
    pub async fn write(&mut self, record: Record) -> Result<(), SinkError> {
        self.layout.check_key(&record).map_err(|error| self.said(error))?;
        self.layout.meet(&record).map_err(|error| self.said(error))?;
        self.batch.push(record);
        if self.batch.is_full() { self.commit().await } else { Ok(()) }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn flush(&mut self) -> Result<(), SinkError> {
        if self.batch.is_empty() { Ok(()) } else { self.commit().await }
    }

    /// Writes the rest, makes the table if no record did, and tells how many rows were written or replaced.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn finish(mut self) -> Result<u64, SinkError> {
        self.commit().await?;
        self.engine.close().await;
        Ok(self.written)
    }

    async fn commit(&mut self) -> Result<(), SinkError> {
        let records = self.batch.take(self.layout.key());
        let mut tries = 1;
        loop {
            let error = match self.put(&records).await {
                Ok(()) => break,
                Err(Refused::Overtaken(_)) if tries < TRIES => {
                    tries += 1;
                    match self.look_again(&records).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Err(Refused::Overtaken(error) | Refused::Finally(error)) => error,
            };
            return Err(self.said(error));
        }
        self.layout.changed();
        self.written += records.len() as u64;
        Ok(())
    }

    /// Changes the table as it must be, and writes the records, or does nothing of that.
    async fn put(&mut self, records: &[Record]) -> Result<(), Refused> {
        let (dialect, key) = (self.engine.dialect(), self.layout.key());
        let changes = self.layout.changes();
        let changes: Vec<_> =
            changes.iter().flat_map(|change| statements(dialect, &self.table, key, change)).collect();
        let columns = self.layout.filled();
        let rows = match columns.as_slice() {
            [] => None,
            _ if records.is_empty() => None,
            columns => {
                let rows = dialect.encode(records, columns).map_err(Refused::Finally)?;
                Some((insert(dialect, &self.table, columns, key), rows))
            }
        };
        if changes.is_empty() && rows.is_none() { Ok(()) } else { self.engine.apply(changes, rows).await }
    }

    /// Looks at what others have made of the table: a column of theirs must hold what the records have.
    async fn look_again(&mut self, records: &[Record]) -> Result<(), SinkError> {
        let takes_rows = self.append || self.written > 0;
        let there = look(&mut self.engine, &self.table, self.layout.key(), takes_rows).await?;
        self.layout.found(there);
        records.iter().try_for_each(|record| self.layout.meet(record))
    }

    fn said(&self, error: SinkError) -> SinkError {
        let error = error.at(&self.place);
        if self.written == 0 {
            error
        } else {
            error.hinted(&format!("the {} records before are in the table", self.written))
        }
    }
}

impl TableSinkBuilder {
    /// Columns that are known before the records are, in their order. Default: none.
    pub fn columns(mut self, columns: impl IntoIterator<Item = Column>) -> Self {
        self.columns = columns.into_iter().collect();
        self
    }

    /// The column that rows are told apart by: a record replaces what it holds of the row with the same value. A record
    /// without a value for it is refused: it could not be told from what is there. Default: none, every record is a new row.
    pub fn key(mut self, column: impl Into<String>) -> Self {
        self.key = Some(column.into());
        self
    }

    /// Whether rows may be added to a table that has some, where there is no key. Default: false, such a table is an
    /// error of kind `Occupied`.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// Connects and looks at the table; makes it, where all columns are known with their types.
    ///
    /// # Errors
    /// A database that cannot be reached, opened or written to; a table that has rows; a target that is a file; a
    /// database that this program was built without.
    pub async fn open(self, target: &Target) -> Result<TableSink, SinkError> {
        let place = target.to_string();
        self.connect(target, place.clone()).await.map_err(|error| error.at(&place))
    }

    async fn connect(self, target: &Target, place: String) -> Result<TableSink, SinkError> {
        target.check_table()?;
        let table = table_name(target);
        let mut engine = Engine::connect(target).await?;
        dialect::check_name(engine.dialect(), &table.name)?;
        let there = look(&mut engine, &table, self.key.as_deref(), self.append).await?;
        let is_new = there.is_none();
        let layout = Layout::new(engine.dialect(), self.columns, self.key, there)?;
        let (batch, append) = (Batch::default(), self.append);
        let mut sink = TableSink { place, table, engine, layout, batch, append, written: 0 };
        if is_new && sink.layout.is_declared() {
            sink.commit().await?;
        }
        Ok(sink)
    }
}

/// The table, if it is there. One that has rows is taken only with a key, or where rows may be added to it.
async fn look(
    engine: &mut Engine,
    table: &TableName,
    key: Option<&str>,
    takes_rows: bool,
) -> Result<Option<There>, SinkError> {
    let there = engine.look(table, key).await?;
    if there.is_some() && key.is_none() && !takes_rows && engine.holds_rows(table).await? {
        let message = format!("the table `{}` has rows already", table.name);
        return Err(SinkError::new(ErrorKind::Occupied, message));
    }
    Ok(there)
}

fn table_name(target: &Target) -> TableName {
    let (table, has_schemas) = match target {
        Target::Sqlite { table, .. } => (table, false),
        Target::Postgres { table, .. } => (table, true),
        Target::File(_) => (&None, false),
    };
    let table = table.as_deref().unwrap_or(DEFAULT_TABLE);
    match table.split_once('.') {
        Some((schema, name)) if has_schemas && !schema.is_empty() && !name.is_empty() => {
            TableName { schema: Some(schema.to_owned()), name: name.to_owned() }
        }
        _ => TableName { schema: None, name: table.to_owned() },
    }
}

/// A connection.
enum Engine {
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
}

impl Engine {
    async fn connect(target: &Target) -> Result<Self, SinkError> {
        match target {
            #[cfg(feature = "sqlite")]
            Target::Sqlite { path, .. } => Ok(Self::Sqlite(sqlite::connect(path).await?)),
            #[cfg(feature = "postgres")]
            Target::Postgres { url, .. } => Ok(Self::Postgres(postgres::connect(url).await?)),
            Target::File(_) => Err(SinkError::unsupported("is a file, and no table")),
            #[allow(unreachable_patterns, reason = "a database that this was built without")]
            _ => Err(SinkError::unsupported("this program was built without that database")),
        }
    }

    fn dialect(&self) -> &'static dyn Dialect {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => &sqlite::Sqlite,
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => &postgres::Postgres,
        }
    }

    async fn look(&mut self, table: &TableName, key: Option<&str>) -> Result<Option<There>, SinkError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => sqlite::look(connection, table, key).await,
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => postgres::look(connection, table, key).await,
        }
    }

    async fn holds_rows(&mut self, table: &TableName) -> Result<bool, SinkError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                statement::holds_rows::<sqlx::Sqlite>(connection, table).await.map_err(sqlite::fault)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                statement::holds_rows::<sqlx::Postgres>(connection, table).await.map_err(postgres::fault)
            }
        }
    }

    async fn apply(
        &mut self,
        statements: Vec<String>,
        rows: Option<(String, String)>,
    ) -> Result<(), Refused> {
        let refused = |error: sqlx::Error, is_overtaken: fn(&_) -> bool, fault: fn(_) -> SinkError| {
            if is_overtaken(&error) {
                Refused::Overtaken(fault(error))
            } else {
                Refused::Finally(fault(error))
            }
        };
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => {
                statement::apply::<sqlx::Sqlite>(connection, sqlite::BEGIN, statements, rows)
                    .await
                    .map_err(|error| refused(error, sqlite::is_overtaken, sqlite::fault))
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => {
                statement::apply::<sqlx::Postgres>(connection, postgres::BEGIN, statements, rows)
                    .await
                    .map_err(|error| refused(error, postgres::is_overtaken, postgres::fault))
            }
        }
    }

    /// What was written is committed: how the connection ends changes nothing of that.
    async fn close(self) {
        use sqlx::Connection;
        let _ = match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(connection) => connection.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(connection) => connection.close().await,
        };
    }
}
