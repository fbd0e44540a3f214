//! The tables, and their version.

use sqlx::{Connection, Executor, SqliteConnection};

/// The version of the schema, kept in `user_version`.
pub(super) const VERSION: i64 = 1;

/// `gath`, kept in `application_id`, so that another program's database is not taken for a store.
pub(super) const APPLICATION: i64 = 0x6761_7468;

/// What the file is.
pub(super) enum Found {
    Empty,
    Store { version: i64 },
    Foreign,
}

/// One statement, so that what another process makes meanwhile is seen whole or not at all.
const LOOK: &str = "select (select application_id from pragma_application_id), \
                    (select user_version from pragma_user_version), \
                    (select count(*) from sqlite_schema)";

pub(super) async fn look(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let (application, version, tables): (i64, i64, i64) = sqlx::query_as(LOOK).fetch_one(connection).await?;
    Ok(match (application, tables) {
        (APPLICATION, _) => Found::Store { version },
        (0, 0) => Found::Empty,
        _ => Found::Foreign,
    })
}

/// Makes the tables, unless another process has just done so.
pub(super) async fn create(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    if matches!(look(&mut transaction).await?, Found::Empty) {
        transaction.execute(TABLES).await?;
    }
    transaction.commit().await
}

/// States are numbers, in the order of `State::ALL`: pending, leased, done, failed, refused, skipped.
const TABLES: &str = "
pragma application_id = 1734440040;
pragma user_version = 1;

create table notes (name text primary key, value text not null) without rowid;

create table hosts (
    id integer primary key,
    name text not null unique,
    delay integer not null,          -- ms from the end of a response to the next request
    slots integer not null,          -- requests at once, 0 for no limit
    next_at integer not null default 0
);

create table urls (
    id integer primary key,
    key blob not null unique,        -- 128 bits of the canonical URL
    url text not null,
    host integer not null references hosts (id),
    state integer not null check (state between 0 and 5),
    depth integer not null,
    hops integer not null default 0, -- redirects in a row
    attempts integer not null default 0,
    not_before integer not null default 0,
    owner text,
    kind text,
    message text,
    status integer,
    reopened integer not null default 0,
    check ((state = 1) = (owner is not null))
);
create index urls_in_turn on urls (state, host, not_before, depth, id);

create table seeds (given text primary key, url integer not null references urls (id)) without rowid;

create table pages (
    url integer primary key references urls (id),
    bytes integer not null,
    records integer not null
);

create table records (
    id integer primary key,
    page integer not null references pages (url),
    place integer not null,
    body text not null,
    unique (page, place)
);

create table dropped (
    page integer not null references pages (url),
    place integer not null,
    message text not null,
    primary key (page, place)
) without rowid;

-- Only where depth is limited: a shorter way to a page is a shorter way to what it links to.
create table links (
    source integer not null references urls (id),
    target integer not null references urls (id),
    deeper integer not null,
    primary key (source, target)
) without rowid;

-- Counted as rows are made, so that a lost one is noticed.
create table tally (discovered integer not null);
insert into tally values (0);
create trigger discovered after insert on urls begin update tally set discovered = discovered + 1; end;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_say_the_version_and_the_program_that_are_looked_for() {
        assert!(TABLES.contains(&format!("application_id = {APPLICATION};")));
        assert!(TABLES.contains(&format!("user_version = {VERSION};")));
    }
}
