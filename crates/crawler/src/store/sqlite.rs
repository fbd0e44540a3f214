//! The store in one file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gather_core::to_thread;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection};

use super::fault::{damaged, fault};
use super::schema::{self, Found as Looked};
use super::worker::{self, Worker};
use super::{Store, verify};
use crate::error::{Error, ErrorKind};
use crate::identity::resolved;
use crate::model::{Counts, Found, HostCounts, Lease, Leased, PageEnd, Plan, Room, State, Stored, Trouble};

/// How long a statement waits for another process to end its transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries to open it.
const BREATH: Duration = Duration::from_millis(20);

/// So many hosts are looked at for one batch of leases.
const HOSTS_AT_ONCE: i64 = 256;

/// A store in an SQLite file, in WAL mode. Several processes may use it at once; each has its own.
///
/// A commit survives the end of the process however that comes about. With `durable` it survives a power cut, too.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    pub(super) connection: SqliteConnection,
    worker: Option<Worker>,
}

/// Runs a query and says its error in our words.
macro_rules! ask {
    ($store:expr, $query:expr) => {
        $query.await.map_err(|error| fault(&$store.path, &error))
    };
}

impl SqliteStore {
    /// Opens a store, and makes it if it is not there.
    ///
    /// # Errors
    /// A file that is no store, is damaged, of a newer version, locked, or in a place that cannot be written to.
    ///
    /// ```
    /// use gather_crawler::{SqliteStore, Store};
    ///
    /// # gather_core::run(async {
    /// let folder = tempfile::tempdir().unwrap();
    /// let mut store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
    /// assert_eq!(store.counts().await.unwrap().discovered, 0);
    /// assert!(store.verify().await.unwrap().is_empty());
    /// # }).unwrap();
    /// ```
    pub async fn create(path: &Path, durable: bool) -> Result<Self, Error> {
        Self::connect(path, true, durable).await
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    /// As [`create`](Self::create), and kind `NotFound` if there is none.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no store at {}", path.display()))
                .hinted("gather crawl makes ./gather-HOST.db unless --store says otherwise"));
        }
        Self::connect(path, false, false).await
    }

    /// Removes a store and what belongs to it.
    ///
    /// # Errors
    /// A file that is no store is left alone, as is a store that another process is at work on.
    pub async fn remove(path: &Path) -> Result<(), Error> {
        if !path.exists() {
            return Ok(());
        }
        let path = &resolved(path);
        let store = Self::open(path).await?;
        if worker::somebody_lives(path) {
            return Err(Error::new(
                ErrorKind::Locked,
                format!("another process crawls into {}", path.display()),
            )
            .hinted("stop it first"));
        }
        drop(store.connection.close().await);
        for file in Self::files_of(path) {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let fact = format!("cannot remove the store {}: {error}", path.display());
                    return Err(Error::new(ErrorKind::Io, fact));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The files of a store at this path, there or not.
    pub fn files_of(path: &Path) -> Vec<PathBuf> {
        let file = |end: &str| {
            let mut file = resolved(path).into_os_string();
            file.push(end);
            PathBuf::from(file)
        };
        ["", "-wal", "-shm"].map(file).to_vec()
    }

    async fn connect(path: &Path, create: bool, durable: bool) -> Result<Self, Error> {
        // Its workers' locks are beside the file itself, by whatever name it is reached.
        let path = &resolved(path);
        let synchronous = if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(PATIENCE);
        // While another process turns a new file into a store SQLite says that it is busy without waiting.
        let begun = Instant::now();
        loop {
            match Self::connect_once(path, &options, create).await {
                Err(error) if error.kind() == ErrorKind::Locked && begun.elapsed() < PATIENCE => {
                    gather_core::sleep(BREATH).await;
                }
                connected => return connected,
            }
        }
    }

    async fn connect_once(path: &Path, options: &SqliteConnectOptions, create: bool) -> Result<Self, Error> {
        let connected = SqliteConnection::connect_with(options).await;
        let connection = connected.map_err(|error| fault(path, &error))?;
        let mut store = Self { path: path.to_owned(), connection, worker: None };
        store.check(create).await?;
        Ok(store)
    }

    async fn check(&mut self, create: bool) -> Result<(), Error> {
        match ask!(self, schema::look(&mut self.connection))? {
            Looked::Store { version } if version == schema::VERSION => Ok(()),
            Looked::Store { version } => Err(Error::new(
                ErrorKind::Newer,
                format!(
                    "the store {} is of version {version}, and this program knows {}",
                    self.path.display(),
                    schema::VERSION
                ),
            )
            .hinted("use the newer program that made it, or name another with --store")),
            Looked::Empty if create => ask!(self, schema::create(&mut self.connection)),
            Looked::Empty => Err(damaged(&self.path, "it is empty")),
            Looked::Foreign => Err(damaged(&self.path, "it is the database of another program")),
        }
    }

    /// The name that leases of this process are under.
    async fn worker(&mut self) -> Result<String, Error> {
        if let Some(worker) = &self.worker {
            return Ok(worker.name.clone());
        }
        let path = self.path.clone();
        let begun = to_thread(move || Worker::begin(&path)).await;
        let worker =
            begun.map_err(|ended| Error::new(ErrorKind::Io, ended.to_string()))?.map_err(|error| {
                Error::new(
                    ErrorKind::Io,
                    format!("cannot make a lock beside {}: {error}", self.path.display()),
                )
            })?;
        let name = worker.name.clone();
        self.worker = Some(worker);
        Ok(name)
    }

    async fn other_owners(&mut self) -> Result<Vec<String>, Error> {
        let mine = self.worker.as_ref().map(|worker| worker.name.clone()).unwrap_or_default();
        ask!(
            self,
            sqlx::query_scalar("select distinct owner from urls where state = 1 and owner <> ?")
                .bind(mine)
                .fetch_all(&mut self.connection)
        )
    }

    /// What a crawl in this store is, compared with the one that is to go on.
    async fn check_plan(&mut self, plan: &Plan) -> Result<(), Error> {
        let seeds: BTreeSet<&String> = plan.seeds.iter().map(|(canonical, _)| canonical).collect();
        let parts = [
            ("seeds", json!(seeds).to_string(), "other seeds"),
            ("recipe", plan.recipe.clone(), "another recipe"),
            ("scope", plan.scope.clone(), "another scope"),
        ];
        for (name, value, what) in parts {
            match self.note(name).await? {
                None => self.keep_note(name, &value).await?,
                Some(known) if known == value => {}
                Some(_) => return Err(self.other_crawl(what)),
            }
        }
        Ok(())
    }

    fn other_crawl(&self, what: &str) -> Error {
        Error::invalid(
            format!("the store {} holds a crawl with {what}", self.path.display()),
            "run the command it was begun with, name another store with --store, or begin anew with --restart",
        )
    }

    async fn count_by_state(&mut self, of_seeds: bool) -> Result<Counts, Error> {
        let query = if of_seeds {
            "select state, count(*) from seeds join urls on urls.id = seeds.url group by state"
        } else {
            "select state, count(*) from urls group by state"
        };
        let rows = ask!(self, sqlx::query(query).fetch_all(&mut self.connection))?;
        let mut counts = Counts::default();
        for row in rows {
            let (state, count): (i64, i64) = ask!(self, async { Ok((row.try_get(0)?, row.try_get(1)?)) })?;
            let count = u64::try_from(count).unwrap_or(0);
            counts.discovered += count;
            match state {
                0 => counts.pending += count,
                1 => counts.leased += count,
                2 => counts.done += count,
                3 => counts.failed += count,
                4 => counts.refused += count,
                _ => counts.skipped += count,
            }
        }
        Ok(counts)
    }
}

/// A host with something to do.
struct Candidate {
    id: i64,
    name: String,
    /// When it may be asked again.
    ready_at: i64,
    delay: i64,
    slots: i64,
    busy: i64,
}

impl Candidate {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        let (next_at, first): (i64, i64) = (row.try_get(2)?, row.try_get(6)?);
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            ready_at: next_at.max(first),
            delay: row.try_get(3)?,
            slots: row.try_get(4)?,
            busy: row.try_get(5)?,
        })
    }

    /// How many requests it may get at this moment.
    fn open(&self, room: i64) -> i64 {
        match (self.delay, self.slots) {
            (0, 0) => room.max(0),
            (0, slots) => (slots - self.busy).clamp(0, room.max(0)),
            (_, slots) => (slots.max(1) - self.busy).clamp(0, room.clamp(0, 1)),
        }
    }
}

const CANDIDATES: &str = "
select id, name, next_at, delay, slots,
    (select count(*) from urls where state = 1 and host = hosts.id),
    (select min(not_before) from urls where state = 0 and host = hosts.id)
from hosts
where exists (select 1 from urls where state = 0 and host = hosts.id)
order by next_at, id limit ?";

const TAKE: &str = "
update urls set state = 1, owner = ?1 where id in (
    select id from urls where state = 0 and host = ?2 and not_before <= ?3
    order by not_before, depth, id limit ?4)
returning id, url, attempts, hops, depth";

const END_URLS: &str = "
update urls set state = j.state, owner = null, kind = j.kind, message = j.message, status = j.status,
    attempts = j.attempts, not_before = j.not_before
from (select value ->> 'id' id, value ->> 'state' state, value ->> 'kind' kind, value ->> 'message' message,
        value ->> 'status' status, value ->> 'attempts' attempts, value ->> 'not_before' not_before
    from json_each(?1)) j
where urls.id = j.id and urls.state = 1 and urls.owner = ?2";

const END_HOSTS: &str = "
update hosts set delay = max(delay, j.crawl_delay), next_at = max(next_at, j.until + max(delay, j.crawl_delay))
from (select value ->> 'host' name, max(value ->> 'until') until, max(value ->> 'crawl_delay') crawl_delay
    from json_each(?1) where value ->> 'until' is not null group by 1) j
where hosts.name = j.name";

const ADD_PAGES: &str = "
insert or ignore into pages (url, bytes, records)
select value ->> 'id', value ->> 'bytes', value ->> 'records' from json_each(?1) where value ->> 'state' = 2";

const ADD_RECORDS: &str = "
insert or ignore into records (page, place, body)
select value ->> 'page', value ->> 'place', value ->> 'body' from json_each(?1) order by key";

const ADD_DROPPED: &str = "
insert or ignore into dropped (page, place, message)
select value ->> 'page', value ->> 'place', value ->> 'body' from json_each(?1)";

const ADD_HOSTS: &str = "
insert or ignore into hosts (name, delay, slots)
select value ->> 'host', value ->> 'delay', value ->> 'limit' from json_each(?1) group by 1";

/// In the order of the links. A new URL waits, or is left out with the reason. One that is known keeps its state, unless it was too deep and this
/// way to it is shorter; a page that was done before a shorter way to it was found is reopened for its links.
const ADD_URLS: &str = "
insert into urls (key, url, host, state, kind, depth, hops)
select unhex(j.key), j.url, hosts.id,
    case when j.in_scope = 0 or j.is_trap or j.depth > ?2 then 5 else 0 end,
    case when j.in_scope = 0 then 'scope' when j.is_trap then 'trap' when j.depth > ?2 then 'depth' end,
    j.depth, j.hops
from (select value ->> 'key' key, value ->> 'url' url, value ->> 'host' host, value ->> 'in_scope' in_scope,
        value ->> 'is_trap' is_trap, value ->> 'hops' hops, min(coalesce(source.depth, 0) + (value ->> 'deeper')) depth,
        min(json_each.key) place
    from json_each(?1) left join urls source on source.id = value ->> 'source'
    group by 1) j
join hosts on hosts.name = j.host
where true order by j.place
on conflict (key) do update set
    depth = excluded.depth,
    reopened = urls.state = 2,
    state = case when urls.state = 5 and urls.kind = 'depth' then excluded.state else urls.state end,
    kind = case when urls.state = 5 and urls.kind = 'depth' then excluded.kind else urls.kind end
where excluded.depth < urls.depth";

const ADD_LINKS: &str = "
insert or ignore into links (source, target, deeper)
select value ->> 'source', target.id, min(value ->> 'deeper')
from json_each(?1) join urls target on target.key = unhex(value ->> 'key')
where value ->> 'source' is not null group by 1, 2";

/// The reopened pages pass their shorter way on. 2 marks those whose turn it is.
const MARK_REOPENED: &str = "update urls set reopened = 2 where reopened = 1";
const PASS_ON: &str = "
update urls set depth = way.depth, reopened = case when urls.state = 2 then 1 else urls.reopened end,
    state = case when urls.state = 5 and kind = 'depth' and way.depth <= ?1 then 0 else urls.state end,
    kind = case when urls.state = 5 and kind = 'depth' and way.depth <= ?1 then null else kind end
from (select links.target, min(source.depth + links.deeper) depth
    from urls source join links on links.source = source.id where source.reopened = 2 group by 1) way
where urls.id = way.target and way.depth < urls.depth";
const UNMARK: &str = "update urls set reopened = 0 where reopened = 2";

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&mut self, plan: &Plan, seeds: &[Found]) -> Result<(), Error> {
        self.check_plan(plan).await?;
        let links: Vec<Value> = seeds.iter().map(|seed| link(seed, None)).collect();
        let given: Vec<Value> = plan
            .seeds
            .iter()
            .zip(seeds)
            .map(|((_, given), seed)| json!({"given": given, "key": seed.key}))
            .collect();
        let (links, given) = (Value::from(links).to_string(), Value::from(given).to_string());
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            add_urls(&mut transaction, &links, plan.max_depth).await?;
            sqlx::query(
                "insert or ignore into seeds (given, url) select value ->> 'given', urls.id
                from json_each(?) join urls on urls.key = unhex(value ->> 'key')",
            )
            .bind(given)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await
        })
    }

    async fn reclaim(&mut self, now: i64) -> Result<u64, Error> {
        let (owners, path) = (self.other_owners().await?, self.path.clone());
        let dead =
            to_thread(move || owners.into_iter().filter(|owner| !worker::lives(&path, owner)).collect());
        let dead: Vec<String> = dead.await.map_err(|ended| Error::new(ErrorKind::Io, ended.to_string()))?;
        let mut reclaimed = 0;
        for owner in dead {
            reclaimed += ask!(self, give_back(&mut self.connection, &owner, now))?;
        }
        Ok(reclaimed)
    }

    async fn lease(&mut self, room: Room, most: Option<u64>) -> Result<Leased, Error> {
        let me = self.worker().await?;
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let leased = lease(&mut transaction, &me, room, most).await?;
            transaction.commit().await?;
            Ok(leased)
        })
    }

    async fn commit(&mut self, ends: &[PageEnd], max_depth: Option<u64>) -> Result<(), Error> {
        let me = self.worker().await?;
        let batch = Batch::of(ends);
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            batch.store(&mut transaction, &me, max_depth).await?;
            transaction.commit().await
        })
    }

    async fn release(&mut self) -> Result<(), Error> {
        let me = self.worker().await?;
        ask!(self, give_back(&mut self.connection, &me, crate::clock::now()))?;
        Ok(())
    }

    async fn records_after(&mut self, number: i64, most: u32) -> Result<Vec<Stored>, Error> {
        let query = sqlx::query("select id, body from records where id > ? order by id limit ?");
        let rows = ask!(self, query.bind(number).bind(most).fetch_all(&mut self.connection))?;
        let read = |row: &SqliteRow| {
            let body: String = row.try_get(1)?;
            let record = serde_json::from_str(&body).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            Ok(Stored { number: row.try_get(0)?, record })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn last_record(&mut self) -> Result<i64, Error> {
        let query = sqlx::query_scalar("select coalesce(max(id), 0) from records");
        ask!(self, query.fetch_one(&mut self.connection))
    }

    async fn record_count(&mut self) -> Result<u64, Error> {
        let query = sqlx::query_scalar("select count(*) from records");
        ask!(self, query.fetch_one(&mut self.connection)).map(unsigned)
    }

    async fn is_finished(&mut self) -> Result<bool, Error> {
        let query = sqlx::query_scalar("select not exists (select 1 from urls where state in (0, 1))");
        ask!(self, query.fetch_one(&mut self.connection))
    }

    async fn counts(&mut self) -> Result<Counts, Error> {
        self.count_by_state(false).await
    }

    async fn seed_counts(&mut self) -> Result<Counts, Error> {
        self.count_by_state(true).await
    }

    async fn troubles(&mut self, from: u64, most: u32) -> Result<Vec<Trouble>, Error> {
        let query = sqlx::query(
            "select url, (select min(given) from seeds where seeds.url = urls.id), state, kind, coalesce(message, ''),
                status, attempts, id, 0 place from urls where state in (3, 4)
            union all select urls.url, null, 3, 'parse', dropped.message, urls.status, attempts, id, place
            from dropped join urls on urls.id = page
            order by id, place limit ?1 offset ?2",
        );
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = ask!(self, query.bind(most).bind(from).fetch_all(&mut self.connection))?;
        rows.iter().map(trouble).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn by_kind(&mut self) -> Result<Vec<(String, u64)>, Error> {
        let query =
            sqlx::query("select kind, count(*) from urls where state >= 2 and kind is not null group by 1");
        let rows = ask!(self, query.fetch_all(&mut self.connection))?;
        let read = |row: &SqliteRow| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn hosts(&mut self, most: u32) -> Result<Vec<HostCounts>, Error> {
        let query = sqlx::query(
            "select name, (select count(*) from urls where state = 2 and host = hosts.id) done,
                (select count(*) from urls where state in (0, 1) and host = hosts.id) waiting, delay
            from hosts where done + waiting > 0 order by done + waiting desc, name limit ?",
        );
        let rows = ask!(self, query.bind(most).fetch_all(&mut self.connection))?;
        let read = |row: &SqliteRow| {
            Ok(HostCounts {
                host: row.try_get(0)?,
                done: unsigned(row.try_get(1)?),
                left: unsigned(row.try_get(2)?),
                delay_ms: row.try_get(3)?,
            })
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn note(&mut self, name: &str) -> Result<Option<String>, Error> {
        let query = sqlx::query_scalar("select value from notes where name = ?").bind(name.to_owned());
        ask!(self, query.fetch_optional(&mut self.connection))
    }

    async fn keep_note(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let query =
            sqlx::query("insert into notes values (?, ?) on conflict do update set value = excluded.value");
        ask!(self, query.bind(name.to_owned()).bind(value.to_owned()).execute(&mut self.connection))?;
        Ok(())
    }

    fn files(&self) -> Vec<PathBuf> {
        Self::files_of(&self.path)
    }

    async fn verify(&mut self) -> Result<Vec<String>, Error> {
        ask!(self, verify::verify(&mut self.connection))
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        let Self { path, connection, worker } = *self;
        drop(worker);
        connection.close().await.map_err(|error| fault(&path, &error))
    }
}

async fn lease(
    connection: &mut SqliteConnection,
    me: &str,
    room: Room,
    most: Option<u64>,
) -> Result<Leased, sqlx::Error> {
    let mut left = i64::from(room.leases);
    if let Some(most) = most {
        let taken: i64 = sqlx::query_scalar("select count(*) from urls where state in (1, 2)")
            .fetch_one(&mut *connection)
            .await?;
        left = left.min(i64::try_from(most).unwrap_or(i64::MAX) - taken);
    }
    let rows = sqlx::query(CANDIDATES).bind(HOSTS_AT_ONCE).fetch_all(&mut *connection).await?;
    let mut leased = Leased::default();
    for row in &rows {
        let host = Candidate::from_row(row)?;
        if host.ready_at > room.now {
            leased.next = Some(leased.next.map_or(host.ready_at, |next| next.min(host.ready_at)));
            continue;
        }
        let open = host.open(left);
        if open > 0 {
            let taken = take(connection, me, &host, room.now, open).await?;
            left -= i64::try_from(taken.len()).unwrap_or(left);
            leased.leases.extend(taken);
        }
    }
    Ok(leased)
}

async fn take(
    connection: &mut SqliteConnection,
    me: &str,
    host: &Candidate,
    now: i64,
    most: i64,
) -> Result<Vec<Lease>, sqlx::Error> {
    let query = sqlx::query(TAKE).bind(me.to_owned()).bind(host.id).bind(now).bind(most);
    let rows = query.fetch_all(&mut *connection).await?;
    if host.delay > 0 {
        let query = sqlx::query("update hosts set next_at = ? where id = ?");
        query.bind(now.saturating_add(host.delay)).bind(host.id).execute(connection).await?;
    }
    let mut leases = Vec::with_capacity(rows.len());
    for row in &rows {
        let (depth, id): (i64, i64) = (row.try_get(4)?, row.try_get(0)?);
        let lease = Lease {
            id,
            url: row.try_get(1)?,
            host: host.name.clone(),
            attempts: row.try_get(2)?,
            hops: row.try_get(3)?,
            delay: host.delay,
        };
        leases.push(((depth, id), lease));
    }
    leases.sort_by_key(|(place, _)| *place);
    Ok(leases.into_iter().map(|(_, lease)| lease).collect())
}

/// Lets others have what `owner` had leased. What it asked last is not known: its hosts get their whole delay.
async fn give_back(connection: &mut SqliteConnection, owner: &str, now: i64) -> Result<u64, sqlx::Error> {
    let mut transaction = connection.begin_with("begin immediate").await?;
    sqlx::query(
        "update hosts set next_at = max(next_at, ?1 + delay) where delay > 0
        and id in (select host from urls where state = 1 and owner = ?2)",
    )
    .bind(now)
    .bind(owner.to_owned())
    .execute(&mut *transaction)
    .await?;
    let query = sqlx::query("update urls set state = 0, owner = null where state = 1 and owner = ?");
    let given = query.bind(owner.to_owned()).execute(&mut *transaction).await?.rows_affected();
    transaction.commit().await?;
    Ok(given)
}

async fn add_urls(
    connection: &mut SqliteConnection,
    links: &str,
    max_depth: Option<u64>,
) -> Result<(), sqlx::Error> {
    let deepest = max_depth.and_then(|depth| i64::try_from(depth).ok()).unwrap_or(i64::MAX);
    sqlx::query(ADD_HOSTS).bind(links.to_owned()).execute(&mut *connection).await?;
    sqlx::query(ADD_URLS).bind(links.to_owned()).bind(deepest).execute(&mut *connection).await?;
    if max_depth.is_none() {
        return Ok(());
    }
    sqlx::query(ADD_LINKS).bind(links.to_owned()).execute(&mut *connection).await?;
    loop {
        let marked = sqlx::query(MARK_REOPENED).execute(&mut *connection).await?.rows_affected();
        if marked == 0 {
            return Ok(());
        }
        sqlx::query(PASS_ON).bind(deepest).execute(&mut *connection).await?;
        sqlx::query(UNMARK).execute(&mut *connection).await?;
    }
}

fn link(found: &Found, source: Option<i64>) -> Value {
    json!({
        "key": found.key, "url": found.url, "host": found.host, "delay": found.delay, "limit": found.limit,
        "in_scope": found.in_scope, "deeper": found.deeper, "hops": found.hops, "source": source,
        "is_trap": found.is_trap,
    })
}

/// Pages as the statements take them: each table's rows as one JSON array.
struct Batch {
    urls: String,
    records: String,
    dropped: String,
    links: String,
}

impl Batch {
    fn of(ends: &[PageEnd]) -> Self {
        let rows = |texts: Vec<String>, id: i64| {
            texts
                .into_iter()
                .enumerate()
                .map(move |(place, body)| json!({"page": id, "place": place + 1, "body": body}))
        };
        let urls: Vec<Value> = ends
            .iter()
            .map(|end| {
                json!({
                    "id": end.id, "host": end.host, "state": end.state.number(), "kind": end.kind,
                    "message": end.message, "status": end.status, "attempts": end.attempts,
                    "not_before": end.not_before, "until": end.asked_until, "crawl_delay": end.crawl_delay,
                    "bytes": end.bytes, "records": end.records.len(),
                })
            })
            .collect();
        let records = ends
            .iter()
            .flat_map(|end| rows(end.records.iter().map(ToString::to_string).collect(), end.id))
            .collect::<Vec<_>>();
        let dropped = ends.iter().flat_map(|end| rows(end.dropped.clone(), end.id)).collect::<Vec<_>>();
        let links = ends
            .iter()
            .flat_map(|end| end.links.iter().map(|found| link(found, Some(end.id))))
            .collect::<Vec<_>>();
        Self {
            urls: Value::from(urls).to_string(),
            records: Value::from(records).to_string(),
            dropped: Value::from(dropped).to_string(),
            links: Value::from(links).to_string(),
        }
    }

    async fn store(
        self,
        connection: &mut SqliteConnection,
        me: &str,
        max_depth: Option<u64>,
    ) -> Result<(), sqlx::Error> {
        let Self { urls, records, dropped, links } = self;
        sqlx::query(END_URLS).bind(urls.clone()).bind(me.to_owned()).execute(&mut *connection).await?;
        sqlx::query(END_HOSTS).bind(urls.clone()).execute(&mut *connection).await?;
        sqlx::query(ADD_PAGES).bind(urls).execute(&mut *connection).await?;
        sqlx::query(ADD_RECORDS).bind(records).execute(&mut *connection).await?;
        sqlx::query(ADD_DROPPED).bind(dropped).execute(&mut *connection).await?;
        add_urls(connection, &links, max_depth).await
    }
}

fn trouble(row: &SqliteRow) -> Result<Trouble, sqlx::Error> {
    let state: i64 = row.try_get(2)?;
    Ok(Trouble {
        url: row.try_get(0)?,
        seed: row.try_get(1)?,
        state: if state == State::Refused.number() { State::Refused } else { State::Failed },
        kind: row.try_get(3)?,
        message: row.try_get(4)?,
        status: row.try_get::<Option<i64>, _>(5)?.and_then(|status| u16::try_from(status).ok()),
        attempts: row.try_get(6)?,
        dropped: row.try_get::<i64, _>(8)? > 0,
    })
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
