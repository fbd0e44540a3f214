//! The tables, and their version.

use sqlx::{Connection, Executor, SqliteConnection};

/// The version of the schema, kept in `user_version`.
pub(super) const VERSION: i64 = 5;

/// `gath`, kept in `application_id`, so that another program's database is not taken for a store.
const APPLICATION: i64 = 0x6761_7468;

/// What the file is.
pub(super) enum Found {
    Empty,
    Store {
        version: i64,
    },
    /// It says that it is a store, and of no version.
    Torn,
    Foreign,
}

/// One statement, so that what another process makes meanwhile is seen whole or not at all.
const LOOK: &str = "select (select application_id from pragma_application_id), \
                    (select user_version from pragma_user_version), \
                    (select count(*) from sqlite_schema)";

pub(super) async fn look(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let (application, version, tables): (i64, i64, i64) = sqlx::query_as(LOOK).fetch_one(connection).await?;
    Ok(match (application, tables) {
        (APPLICATION, _) if version < 1 => Found::Torn,
        (APPLICATION, _) => Found::Store { version },
        (0, 0) => Found::Empty,
        _ => Found::Foreign,
    })
}

/// Makes the tables, or what a newer version has of them, unless another process has just done so. The whole way is one
/// transaction.
pub(super) async fn bring_up(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    // The tables are made anew under other names first: what refers to them is there again at the end.
    connection.execute("pragma foreign_keys = off").await?;
    let brought = steps_up(connection).await;
    connection.execute("pragma foreign_keys = on").await?;
    brought
}

async fn steps_up(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    let known = match look(&mut transaction).await? {
        Found::Empty => 0,
        Found::Store { version } => version,
        Found::Torn | Found::Foreign => VERSION,
    };
    if known == 0 {
        transaction.execute(NEW).await?;
        transaction.execute(STAMP).await?;
    } else if known < VERSION {
        for step in STEPS.iter().skip(usize::try_from(known).unwrap_or(0)) {
            transaction.execute(*step).await?;
        }
        transaction.execute(STAMP).await?;
    }
    transaction.commit().await
}

/// All that the steps make, at once.
const NEW: &str = include_str!("schema/new.sql");

/// From each version to the next; the first makes the tables. A step never changes once it was published.
///
/// States are numbers, in the order of `State::ALL`: pending, leased, done, failed, refused, skipped.
const STEPS: [&str; VERSION as usize] = [FIRST, SECOND, THIRD, FOURTH, FIFTH];

const STAMP: &str = "pragma application_id = 1734440040; pragma user_version = 5;";

pub(super) const FIRST: &str = "
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

/// The clocks, the robots.txt and the counts of hosts; where a redirect leads; what a page was when it was fetched; rounds
/// and their changes; runs.
const SECOND: &str = "
drop trigger discovered;
create table old_hosts as select id, name, delay, slots, next_at from hosts;
drop index urls_in_turn;

create table new_hosts (
    id integer primary key,
    name text not null unique,
    own_delay integer not null,               -- ms, as the options say
    slots integer not null,                   -- requests at once, 0 for no limit
    crawl_delay integer not null default 0,   -- ms, as robots.txt says
    penalty integer not null default 0,       -- ms, for 429 and Retry-After; it fades
    slowed_at integer not null default 0,     -- when the penalty grew last
    latency integer not null default 0,       -- ms, smoothed
    delay integer generated always as         -- ms from the end of a response to the next request
        (max(own_delay, crawl_delay, penalty, iif(own_delay > 0, min(latency, 60000), 0))) virtual,
    next_at integer not null default 0,
    robots_owner text,
    robots_until integer not null default 0,
    robots_status integer,
    robots_body blob,
    robots_failures integer not null default 0,
    waiting integer not null default 0,
    busy integer not null default 0,
    done integer not null default 0
);
-- The host of all that is out of scope.
insert into new_hosts (id, name, own_delay, slots) values (0, '', 0, 0);

create table new_urls (
    id integer primary key,
    key blob not null unique,        -- 128 bits of the canonical URL
    url text not null,
    host integer not null references hosts (id),
    state integer not null check (state between 0 and 5),
    depth integer not null,
    hops integer not null default 0, -- redirects in a row
    priority integer not null default 0,
    attempts integer not null default 0,
    waits integer not null default 0, -- how often it was asked to come later
    not_before integer not null default 0,
    owner text,
    kind text,
    message text,
    status integer,
    leads_to integer references urls (id), -- of a redirect
    seed integer references urls (id),     -- the seed that leads here by redirects alone
    reopened integer not null default 0,
    shortened integer not null default 0,
    check ((state = 1) = (owner is not null))
);
insert into new_urls (id, key, url, host, state, depth, hops, attempts, not_before, owner, kind, message, status, reopened)
select id, key, url, iif(state = 5 and kind = 'scope', 0, host), state, depth, hops, attempts, not_before, owner, kind, message,
    status, reopened from urls;
insert into new_hosts (id, name, own_delay, slots, next_at, waiting, busy, done)
select id, name, delay, slots, next_at,
    (select count(*) from new_urls where host = old_hosts.id and state = 0),
    (select count(*) from new_urls where host = old_hosts.id and state = 1),
    (select count(*) from new_urls where host = old_hosts.id and state = 2)
from old_hosts where id in (select host from new_urls);
drop table old_hosts;

create table new_seeds (given text primary key, url integer not null references urls (id)) without rowid;
insert into new_seeds select given, url from seeds;
create table new_pages (
    url integer primary key references urls (id),
    bytes integer not null,
    records integer not null,
    status integer,
    hash text,
    etag text,
    modified text,
    fetched_at integer
);
insert into new_pages (url, bytes, records) select url, bytes, records from pages;
create table new_records (
    id integer primary key autoincrement,
    page integer not null references pages (url),
    place integer not null,
    body text not null,
    unique (page, place)
);
insert into new_records select id, page, place, body from records;
create table new_dropped (
    page integer not null references pages (url),
    place integer not null,
    message text not null,
    primary key (page, place)
) without rowid;
insert into new_dropped select page, place, message from dropped;
create table new_links (
    source integer not null references urls (id),
    target integer not null references urls (id),
    deeper integer not null,
    primary key (source, target)
) without rowid;
insert into new_links select source, target, deeper from links;
create table new_tally (
    discovered integer not null,     -- counted as rows are made, so that a lost one is noticed
    pending integer not null, leased integer not null, done integer not null,
    failed integer not null, refused integer not null, skipped integer not null,
    removed integer not null         -- how often records were taken away
);
insert into new_tally select discovered,
    (select count(*) from new_urls where state = 0), (select count(*) from new_urls where state = 1),
    (select count(*) from new_urls where state = 2), (select count(*) from new_urls where state = 3),
    (select count(*) from new_urls where state = 4), (select count(*) from new_urls where state = 5), 0 from tally;

drop table links; drop table dropped; drop table records; drop table pages; drop table seeds; drop table tally;
drop table urls; drop table hosts;
alter table new_hosts rename to hosts;
alter table new_urls rename to urls;
alter table new_seeds rename to seeds;
alter table new_pages rename to pages;
alter table new_records rename to records;
alter table new_dropped rename to dropped;
alter table new_links rename to links;
alter table new_tally rename to tally;

create index urls_in_turn on urls (state, host, not_before, priority desc, depth, id);
create index urls_reopened on urls (reopened) where reopened > 0;
create index urls_shortened on urls (shortened) where shortened > 0;
create index hosts_in_turn on hosts (next_at, id) where waiting > 0;

create table patterns (
    host integer not null references hosts (id),
    pattern text not null,
    count integer not null,
    primary key (host, pattern)
) without rowid;

create table changes (
    id integer primary key autoincrement,
    round integer not null,
    url integer not null references urls (id),
    what text not null check (what in ('added', 'changed', 'gone')),
    before text,
    after text
);

create table runs (
    id integer primary key,
    owner text not null unique,
    started integer not null,        -- ms of the Unix epoch, as the next
    seen integer not null,
    fetched integer not null default 0,
    bytes integer not null default 0
);

create trigger url_added after insert on urls begin
    update tally set discovered = discovered + 1, pending = pending + (new.state = 0), leased = leased + (new.state = 1),
        done = done + (new.state = 2), failed = failed + (new.state = 3), refused = refused + (new.state = 4),
        skipped = skipped + (new.state = 5);
    update hosts set waiting = waiting + 1 where id = new.host and new.state = 0;
end;
create trigger url_moved after update of state on urls when old.state <> new.state begin
    update tally set pending = pending + (new.state = 0) - (old.state = 0), leased = leased + (new.state = 1) - (old.state = 1),
        done = done + (new.state = 2) - (old.state = 2), failed = failed + (new.state = 3) - (old.state = 3),
        refused = refused + (new.state = 4) - (old.state = 4), skipped = skipped + (new.state = 5) - (old.state = 5);
    update hosts set waiting = waiting + (new.state = 0) - (old.state = 0), busy = busy + (new.state = 1) - (old.state = 1),
        done = done + (new.state = 2) - (old.state = 2) where id = new.host;
end;
";

/// Sitemaps among the URLs.
const THIRD: &str = "
-- 0 is a page; a sitemap is one more than the indexes that led to it
alter table urls add column sitemap integer not null default 0;
";

/// What errors tell besides their kind.
const FOURTH: &str = "
alter table urls add column phase text;                            -- of a time limit that ran out
alter table urls add column elapsed_ms integer not null default 0; -- of the last try
";

/// Where redirects say that the robots.txt of a host is, so that each host is asked in its turn.
const FIFTH: &str = "
alter table hosts add column robots_url text;                              -- where redirects lead to so far
alter table hosts add column robots_host integer references hosts (id);    -- its host
alter table hosts add column robots_hops integer not null default 0;       -- how many
";

#[cfg(test)]
mod tests {
    use super::*;

    /// What there is in a database that this made, and what is in the tables, without comments and white space.
    async fn made_by(sql: &[&'static str]) -> Vec<(String, String)> {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for sql in sql {
            connection.execute(*sql).await.unwrap();
        }
        let query = "select name, coalesce(sql, '') from sqlite_schema
            union select 'a host', id || name || own_delay || slots from hosts
            union select 'the tally', discovered || pending || leased || done || failed || refused || skipped || removed from tally
            order by 1";
        let rows: Vec<(String, String)> = sqlx::query_as(query).fetch_all(&mut connection).await.unwrap();
        let plain = |text: &str| {
            let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
            lines.collect::<String>().replace(char::is_whitespace, "").replace('"', "")
        };
        rows.into_iter()
            .map(|(name, sql)| if name.starts_with("url_") { (name, sql) } else { (name, plain(&sql)) })
            .collect()
    }

    #[test]
    fn a_new_store_is_as_one_that_all_steps_were_taken_in() {
        gather_core::run(async {
            let (new, stepped) = (made_by(&[NEW]).await, made_by(&STEPS).await);
            assert!(new.len() > 20, "{new:?}");
            assert_eq!(new, stepped);
        })
        .unwrap();
    }

    #[test]
    fn there_is_a_step_to_each_version() {
        assert_eq!(STEPS.len(), usize::try_from(VERSION).unwrap());
        assert!(STAMP.contains(&format!("application_id = {APPLICATION};")));
        assert!(STAMP.contains(&format!("user_version = {VERSION};")));
    }
}
