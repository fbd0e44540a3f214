//! The statements that every database takes as they are.

use sqlx::database::HasStatementCache;
use sqlx::{
    AssertSqlSafe, Connection, Database, Encode, Error, Executor, FromRow, IntoArguments, Type, query,
    query_scalar,
};

use super::dialect::TableName;

/// Whether the table has a row.
pub(super) async fn holds_rows<DB>(connection: &mut DB::Connection, table: &TableName) -> Result<bool, Error>
where
    DB: Database,
    DB::Arguments: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    (bool,): for<'r> FromRow<'r, DB::Row>,
{
    let exists = format!("select exists (select 1 from {table})");
    query_scalar(AssertSqlSafe(exists)).fetch_one(connection).await
}

/// All of it in one transaction, which `begin` opens.
pub(super) async fn apply<DB>(
    connection: &mut DB::Connection,
    begin: &'static str,
    statements: Vec<String>,
    insert: Option<(String, String)>,
) -> Result<(), Error>
where
    DB: Database + HasStatementCache,
    DB::Arguments: IntoArguments<DB>,
    DB::Connection: Connection<Database = DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    // A borrowed text would leave a lifetime in the future, and the compiler would not find it `Send`.
    let mut transaction = connection.begin_with(AssertSqlSafe(begin.to_owned())).await?;
    for statement in statements {
        query(AssertSqlSafe(statement)).persistent(false).execute(&mut *transaction).await?;
    }
    if let Some((insert, rows)) = insert {
        query(AssertSqlSafe(insert)).bind(rows).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
