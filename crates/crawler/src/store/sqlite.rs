//! The store in one file.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Connection, Row, SqliteConnection};

use super::batch::{self, store_pages, store_robots};
use super::fault::{check_place, damaged, fault, foreign};
use super::known::{KnownUrls, News};
use super::schema::{self, Found as Looked};
use super::troubles::{SEED_COUNTS, SEED_TROUBLES, TROUBLES, trouble};
use super::worker::{self, Worker};
use super::{ROUND, Store, lease, verify};
use crate::blocking::off_the_loop;
use crate::canonical::Canonical;
use crate::error::{Error, ErrorKind};
use crate::identity::resolved;
use crate::links::pace;
use crate::model::{
    Bounds, Change, Counts, Ends, Found, HostCounts, Leased, Pace, PageEnd, Plan, Rate, RobotsFile, Room,
    State, Stored, Trouble, Work,
};

/// How long a statement waits for another process to end its transaction.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages of the database that are kept in memory, as SQLite counts it: 64 MiB.
const CACHE: &str = "-65536";

/// The worker of a store in memory.
const ALONE: &str = "alone";

/// Between two tries to open it.
const BREATH: Duration = Duration::from_millis(20);

/// A store in an SQLite file, in WAL mode. Several processes may use it at once; each has its own.
///
/// A commit survives the end of the process however that comes about. With `durable` it survives a power cut, too.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    pub(super) connection: SqliteConnection,
    worker: Option<Worker>,
    /// Whether it is in no file, so that nobody else can be at work on it.
    in_memory: bool,
    known: KnownUrls,
    /// How deep the pages are that are leased, by their numbers.
    depths: HashMap<i64, i64>,
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

    /// A store that is gone with this value: for tests, and to measure what durability costs.
    ///
    /// # Errors
    /// The system has no memory for it.
    ///
    /// ```
    /// use gather_crawler::{SqliteStore, Store};
    ///
    /// # gather_core::run(async {
    /// let mut store = SqliteStore::in_memory().await.unwrap();
    /// assert!(store.is_finished().await.unwrap());
    /// assert!(store.files().is_empty());
    /// # }).unwrap();
    /// ```
    pub async fn in_memory() -> Result<Self, Error> {
        let options = SqliteConnectOptions::new().in_memory(true).pragma("temp_store", "memory");
        let mut store = Self::connect_once(Path::new(":memory:"), &options, true).await?;
        store.in_memory = true;
        Ok(store)
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
        match Self::connect(path, false, false).await {
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Io) => {
                Self::connect_to_read(&resolved(path)).await.map_err(|_| error)
            }
            opened => opened,
        }
    }

    /// Opens one in a place where nothing may be written, and nobody does. What a killed process has left in a log beside it
    /// cannot be read so.
    pub(super) async fn connect_to_read(path: &Path) -> Result<Self, Error> {
        let has_log =
            Self::files_of(path).get(1).and_then(|log| log.metadata().ok()).is_some_and(|log| log.len() > 0);
        if has_log {
            return Err(Error::new(ErrorKind::ReadOnly, format!("the store {} has a log", path.display())));
        }
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        Self::connect_once(path, &options, false).await
    }

    /// From now on reads what is in the store at this moment, whatever others commit, until it is closed. To write is an error.
    ///
    /// Nothing of it is held in memory. What others write meanwhile stays in the log beside the store (`-wal`), which grows as long
    /// as this is open.
    ///
    /// # Errors
    /// The store can no longer be used.
    ///
    /// ```
    /// use gather_crawler::{SqliteStore, Store};
    ///
    /// # gather_core::run(async {
    /// let folder = tempfile::tempdir().unwrap();
    /// let path = folder.path().join("a.db");
    /// let mut writer = SqliteStore::create(&path, false).await.unwrap();
    /// let mut reader = SqliteStore::open(&path).await.unwrap();
    /// reader.hold_still().await.unwrap();
    /// writer.keep_note("seen", "1").await.unwrap();
    /// assert_eq!(reader.note("seen").await.unwrap(), None);
    /// assert!(reader.keep_note("seen", "2").await.is_err());
    /// # }).unwrap();
    /// ```
    pub async fn hold_still(&mut self) -> Result<(), Error> {
        // A transaction is of the moment of its first query, not of its beginning.
        for statement in ["pragma query_only = on", "begin", "select removed from tally"] {
            ask!(self, sqlx::query(statement).execute(&mut self.connection))?;
        }
        Ok(())
    }

    /// Removes a store and what belongs to it.
    ///
    /// # Errors
    /// A file that is no store is left alone, as is a store that another process is at work on.
    pub async fn remove(path: &Path) -> Result<(), Error> {
        if !path.exists() {
            return Ok(());
        }
        let path = resolved(path);
        let store = Self::open(&path).await?;
        let of_workers = path.clone();
        if off_the_loop(move || worker::somebody_lives(&of_workers)).await? {
            return Err(Error::new(
                ErrorKind::Locked,
                format!("another process crawls into {}", path.display()),
            )
            .hinted("stop it first"));
        }
        drop(store.connection.close().await);
        let files = Self::files_of(&path);
        let removed = off_the_loop(move || {
            files.iter().try_for_each(|file| match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
        });
        removed.await?.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot remove the store {}: {error}", path.display()))
        })
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
        check_place(path)?;
        let synchronous = if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .pragma("cache_size", CACHE)
            .pragma("temp_store", "memory")
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
        let mut store = Self {
            path: path.to_owned(),
            connection,
            worker: None,
            in_memory: false,
            known: KnownUrls::default(),
            depths: HashMap::new(),
        };
        store.check(create).await?;
        Ok(store)
    }

    async fn check(&mut self, create: bool) -> Result<(), Error> {
        match ask!(self, schema::look(&mut self.connection))? {
            Looked::Store { version } if version == schema::VERSION => Ok(()),
            Looked::Store { version } if version < schema::VERSION => {
                ask!(self, schema::bring_up(&mut self.connection))
            }
            Looked::Store { version } => Err(Error::new(
                ErrorKind::Newer,
                format!(
                    "the store {} is of version {version}, and this program knows {}",
                    self.path.display(),
                    schema::VERSION
                ),
            )
            .hinted("use the newer program that made it, or name another with --store")),
            Looked::Empty if create => ask!(self, schema::bring_up(&mut self.connection)),
            Looked::Empty => Err(foreign(&self.path, "it is empty")),
            Looked::Torn => Err(damaged(&self.path, "it is of version 0, which no store is")),
            Looked::Foreign => Err(foreign(&self.path, "it is the database of another program")),
        }
    }

    /// The name that leases of this process are under.
    async fn worker(&mut self) -> Result<String, Error> {
        if self.in_memory {
            return Ok(ALONE.to_owned());
        }
        if let Some(worker) = &self.worker {
            return Ok(worker.name.clone());
        }
        let path = self.path.clone();
        let worker = off_the_loop(move || Worker::begin(&path)).await?.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot make a lock beside {}: {error}", self.path.display()))
        })?;
        let name = worker.name.clone();
        self.worker = Some(worker);
        Ok(name)
    }

    async fn other_owners(&mut self) -> Result<Vec<String>, Error> {
        let alone = || if self.in_memory { ALONE.to_owned() } else { String::new() };
        let mine = self.worker.as_ref().map_or_else(alone, |worker| worker.name.clone());
        ask!(
            self,
            sqlx::query_scalar(
                "select owner from urls where state = 1 and owner <> ?1
                union select robots_owner from hosts where robots_owner is not null and robots_owner <> ?1"
            )
            .bind(mine)
            .fetch_all(&mut self.connection)
        )
    }

    fn other_crawl(&self, what: &str) -> Error {
        Error::invalid(
            format!("the store {} holds a crawl with {what}", self.path.display()),
            "run the command it was begun with, name another store with --store, or begin anew with --restart",
        )
    }
}

async fn note(connection: &mut SqliteConnection, name: &str) -> Result<Option<String>, sqlx::Error> {
    let query = sqlx::query_scalar("select value from notes where name = ?").bind(name.to_owned());
    query.fetch_optional(connection).await
}

async fn keep_note(connection: &mut SqliteConnection, name: &str, value: &str) -> Result<(), sqlx::Error> {
    let query =
        sqlx::query("insert into notes values (?, ?) on conflict do update set value = excluded.value");
    query.bind(name.to_owned()).bind(value.to_owned()).execute(connection).await?;
    Ok(())
}

/// What a crawl in the store is, compared with the one that is to go on: what of it is another.
async fn other_plan(
    connection: &mut SqliteConnection,
    plan: &Plan,
) -> Result<Option<&'static str>, sqlx::Error> {
    let seeds: BTreeSet<&String> = plan.seeds.iter().map(|(canonical, _)| canonical).collect();
    let parts = [
        ("seeds", json!(seeds).to_string(), "other seeds"),
        ("recipe", plan.recipe.clone(), "another recipe"),
        ("scope", plan.scope.clone(), "another scope"),
    ];
    for (name, value, what) in parts {
        match note(connection, name).await? {
            None => keep_note(connection, name, &value).await?,
            Some(known) if known == value => {}
            Some(_) => return Ok(Some(what)),
        }
    }
    Ok(None)
}

async fn round(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    Ok(note(connection, ROUND).await?.and_then(|round| round.parse().ok()).unwrap_or(0))
}

async fn is_finished(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pending + leased = 0 from tally").fetch_one(connection).await
}

/// Adds seeds, and as what they were given.
async fn add_seeds(
    connection: &mut SqliteConnection,
    seeds: &[Found],
    given: &[(String, String)],
    bounds: Bounds,
) -> Result<(), sqlx::Error> {
    let given = given.iter().zip(seeds).map(|((_, given), seed)| json!({"given": given, "key": seed.key}));
    let given: Vec<Value> = given.collect();
    batch::add_seeds(connection, seeds, bounds).await?;
    let query = sqlx::query(
        "insert or ignore into seeds (given, url) select value ->> 'given', urls.id
        from json_each(?) join urls on urls.key = unhex(value ->> 'key') where urls.id not in (select url from seeds)",
    );
    query.bind(Value::from(given).to_string()).execute(connection).await?;
    Ok(())
}

/// So many seeds go into one statement: enough that there are few, few enough that their texts need no memory to speak of.
const SEEDS_AT_ONCE: usize = 1_000;

/// Whether a round has something left to do, besides asking once more for what robots.txt could not be had for: a host that is
/// never there must not hold up all others.
const IS_UNDER_WAY: &str = "
select exists (select 1 from urls where state in (0, 1) and (state = 1 or kind is null or attempts + waits > 0))";

/// So many hosts are looked at in one step.
const HOSTS_AT_ONCE: i64 = 10_000;

const OTHER_PACES: &str = "
select id, name from hosts where id > ?1 and (own_delay <> ?2 or slots <> ?3)
order by id limit cast(?4 as integer)";
const SET_PACES: &str = "
update hosts set own_delay = j.delay, slots = j.slots, latency = iif(own_delay = j.delay, latency, 0)
from (select value ->> 'id' id, value ->> 'delay' delay, value ->> 'slots' slots from jsonb_each(?1)) j
where hosts.id = j.id and (own_delay <> j.delay or hosts.slots <> j.slots)";

/// The pace of this run holds for all hosts that are known, also those that no link leads to any more.
async fn keep_pace(
    connection: &mut SqliteConnection,
    public: Pace,
    loopback: Pace,
) -> Result<(), sqlx::Error> {
    let mut last = 0;
    loop {
        let query = sqlx::query_as(OTHER_PACES).bind(last).bind(public.delay).bind(public.limit);
        let hosts: Vec<(i64, String)> = query.bind(HOSTS_AT_ONCE).fetch_all(&mut *connection).await?;
        let Some((id, _)) = hosts.last() else { return Ok(()) };
        last = *id;
        let paces = hosts.iter().filter_map(|(id, name)| {
            let pace = pace(&Canonical::parse(&format!("http://{name}/"))?, public, loopback);
            Some(json!({"id": id, "delay": pace.delay, "slots": pace.limit}))
        });
        let paces = paces.collect::<Value>().to_string();
        sqlx::query(SET_PACES).bind(paces).execute(&mut *connection).await?;
    }
}

/// How far back a rate looks.
const RATE_OVER: i64 = 60_000;

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&mut self, plan: &Plan, seeds: &[Found]) -> Result<(), Error> {
        let other = ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let other = other_plan(&mut transaction, plan).await?;
            if other.is_some() {
                return Ok(other);
            }
            let mut given = plan.seeds.chunks(SEEDS_AT_ONCE);
            for seeds in seeds.chunks(SEEDS_AT_ONCE) {
                add_seeds(&mut transaction, seeds, given.next().unwrap_or_default(), plan.bounds).await?;
            }
            // What robots.txt could not be had for may be had by now; by its kind it is still told from what was never tried.
            sqlx::query(
                "update urls set state = 0, message = null, attempts = 0, waits = 0
                where state in (3, 4) and (kind = 'robots' or attempts = 0) and host in (select id from hosts where robots_status = 0)",
            )
            .execute(&mut *transaction)
            .await?;
            sqlx::query("update hosts set robots_until = 0, robots_failures = 0 where robots_status = 0")
                .execute(&mut *transaction)
                .await?;
            keep_pace(&mut transaction, plan.public, plan.loopback).await?;
            transaction.commit().await?;
            Ok(None)
        })?;
        other.map_or(Ok(()), |what| Err(self.other_crawl(what)))
    }

    async fn reclaim(&mut self, now: i64) -> Result<u64, Error> {
        let (owners, path) = (self.other_owners().await?, self.path.clone());
        let dead = off_the_loop(move || {
            owners.into_iter().filter(|owner| !worker::lives(&path, owner)).collect::<Vec<_>>()
        });
        let dead = dead.await?;
        if dead.is_empty() {
            return Ok(0);
        }
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let mut reclaimed = 0;
            for owner in dead {
                reclaimed += lease::give_back(&mut transaction, &owner, now).await?;
            }
            transaction.commit().await?;
            Ok(reclaimed)
        })
    }

    async fn lease(&mut self, room: Room, most: Option<u64>) -> Result<Leased, Error> {
        let me = self.worker().await?;
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let leased = lease::lease(&mut transaction, &me, room, most).await?;
            transaction.commit().await?;
            let pages = leased.leases.iter().filter(|lease| lease.work != Work::Robots);
            self.depths.extend(pages.map(|lease| (lease.id, lease.depth)));
            Ok(leased)
        })
    }

    async fn commit(&mut self, ends: &Ends, bounds: Bounds) -> Result<(), Error> {
        let (me, now) = (self.worker().await?, crate::clock::now());
        let (known, depths, mut news) = (&mut self.known, &self.depths, News::default());
        // Under a bound of depth each link is a way that may turn out to be the shortest.
        let all_count = bounds.max_depth.is_some();
        let is_news = |end: &PageEnd, found: &Found| {
            all_count || depths.get(&end.id).is_none_or(|depth| known.is_news(found, *depth, &mut news))
        };
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let round = round(&mut transaction).await?;
            store_robots(&mut transaction, &me, &ends.robots).await?;
            store_pages(&mut transaction, (&me, now, round), ends, bounds, is_news).await?;
            transaction.commit().await
        })?;
        self.known.add(news);
        for end in &ends.pages {
            self.depths.remove(&end.id);
        }
        Ok(())
    }

    async fn robots(&mut self, host: &str) -> Result<Option<RobotsFile>, Error> {
        let query = sqlx::query("select robots_status, robots_body, robots_until from hosts where name = ?");
        let row = ask!(self, query.bind(host.to_owned()).fetch_optional(&mut self.connection))?;
        let read = |row: &SqliteRow| {
            let status: Option<i64> = row.try_get(0)?;
            let status = status.and_then(|status| u16::try_from(status).ok());
            let Some(status) = status else { return Ok(None) };
            Ok(Some(RobotsFile { status, body: row.try_get(1)?, until: row.try_get(2)? }))
        };
        row.as_ref().map_or(Ok(None), read).map_err(|error| fault(&self.path, &error))
    }

    async fn begin_round(&mut self) -> Result<i64, Error> {
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            let round = round(&mut transaction).await?;
            if sqlx::query_scalar(IS_UNDER_WAY).fetch_one(&mut *transaction).await? {
                return Ok(round);
            }
            sqlx::query(
                "update urls set state = 0, kind = null, message = null, attempts = 0, waits = 0, not_before = 0
                where state in (2, 3, 4) or (state = 5 and kind = 'type')",
            )
            .execute(&mut *transaction)
            .await?;
            keep_note(&mut transaction, ROUND, &(round + 1).to_string()).await?;
            transaction.commit().await?;
            Ok(round + 1)
        })
    }

    async fn changes_after(&mut self, number: i64, most: u32) -> Result<Vec<Change>, Error> {
        let query = sqlx::query(
            "select changes.id, round, urls.url, what, before, after from changes join urls on urls.id = changes.url
            where changes.id > ? order by changes.id limit cast(? as integer)",
        );
        let rows = ask!(self, query.bind(number).bind(most).fetch_all(&mut self.connection))?;
        rows.iter().map(change).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn removals(&mut self) -> Result<u64, Error> {
        let query = sqlx::query_scalar("select removed from tally");
        ask!(self, query.fetch_one(&mut self.connection)).map(unsigned)
    }

    async fn release(&mut self) -> Result<(), Error> {
        let me = self.worker().await?;
        ask!(self, async {
            let mut transaction = self.connection.begin_with("begin immediate").await?;
            lease::give_back(&mut transaction, &me, crate::clock::now()).await?;
            transaction.commit().await
        })
    }

    async fn records_after(&mut self, number: i64, most: u32) -> Result<Vec<Stored>, Error> {
        let query =
            sqlx::query("select id, body from records where id > ? order by id limit cast(? as integer)");
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
        ask!(self, is_finished(&mut self.connection))
    }

    async fn counts(&mut self) -> Result<Counts, Error> {
        let query =
            sqlx::query("select discovered, done, failed, refused, skipped, pending, leased from tally");
        let row = ask!(self, query.fetch_one(&mut self.connection))?;
        let at = |place: usize| row.try_get(place).map(unsigned);
        let read = || {
            Ok(Counts {
                discovered: at(0)?,
                done: at(1)?,
                failed: at(2)?,
                refused: at(3)?,
                skipped: at(4)?,
                pending: at(5)?,
                leased: at(6)?,
            })
        };
        read().map_err(|error| fault(&self.path, &error))
    }

    async fn seed_counts(&mut self) -> Result<Counts, Error> {
        let query = sqlx::query(SEED_COUNTS);
        let rows = ask!(self, query.fetch_all(&mut self.connection))?;
        let mut counts = Counts::default();
        for row in rows {
            let (state, count): (i64, i64) = ask!(self, async { Ok((row.try_get(0)?, row.try_get(1)?)) })?;
            counts.add(state, unsigned(count));
        }
        Ok(counts)
    }

    async fn seed_troubles(&mut self) -> Result<Vec<Trouble>, Error> {
        let rows = ask!(self, sqlx::query(SEED_TROUBLES).fetch_all(&mut self.connection))?;
        rows.iter().map(trouble).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn troubles(&mut self, (id, place): (i64, i64), most: u32) -> Result<Vec<Trouble>, Error> {
        let query = sqlx::query(TROUBLES).bind(id).bind(place).bind(most);
        let rows = ask!(self, query.fetch_all(&mut self.connection))?;
        rows.iter().map(trouble).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn by_kind(&mut self) -> Result<Vec<(State, String, u64)>, Error> {
        let query = sqlx::query(
            "select state, kind, count(*) from urls where state >= 2 and kind is not null group by 1, 2",
        );
        let rows = ask!(self, query.fetch_all(&mut self.connection))?;
        let read = |row: &SqliteRow| {
            let state = State::ALL.into_iter().find(|state| Some(state.number()) == row.try_get(0).ok());
            Ok((state.unwrap_or(State::Failed), row.try_get(1)?, unsigned(row.try_get(2)?)))
        };
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| fault(&self.path, &error))
    }

    async fn rate(&mut self, now: i64) -> Result<Rate, Error> {
        let query = sqlx::query(
            "select owner, (fetched * 1.0) / max(seen - started, 1000), (bytes * 1.0) / max(seen - started, 1000)
            from runs where seen > ?",
        );
        let rows = ask!(self, query.bind(now - RATE_OVER).fetch_all(&mut self.connection))?;
        let read = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let runs: Result<Vec<(String, f64, f64)>, sqlx::Error> = rows.iter().map(read).collect();
        let mut runs = runs.map_err(|error| fault(&self.path, &error))?;
        if !self.in_memory {
            let path = self.path.clone();
            let alive = move || {
                runs.retain(|(owner, ..)| worker::lives(&path, owner));
                runs
            };
            runs = off_the_loop(alive).await?;
        }
        let mut rate = Rate::default();
        for (_, pages, bytes) in runs {
            rate.workers += 1;
            rate.pages += 1_000.0 * pages;
            rate.bytes += 1_000.0 * bytes;
        }
        Ok(rate)
    }

    async fn hosts(&mut self, most: u32) -> Result<Vec<HostCounts>, Error> {
        let query = sqlx::query(
            "select name, done, waiting + busy, delay
            from hosts where done + waiting + busy > 0 order by done + waiting + busy desc, name limit ?",
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
        ask!(self, note(&mut self.connection, name))
    }

    async fn keep_note(&mut self, name: &str, value: &str) -> Result<(), Error> {
        ask!(self, keep_note(&mut self.connection, name, value))
    }

    fn files(&self) -> Vec<PathBuf> {
        if self.in_memory {
            return Vec::new();
        }
        Self::files_of(&self.path)
    }

    async fn verify(&mut self) -> Result<Vec<String>, Error> {
        ask!(self, verify::verify(&mut self.connection))
    }

    async fn close(self: Box<Self>) -> Result<(), Error> {
        let Self { path, connection, worker, .. } = *self;
        drop(worker);
        connection.close().await.map_err(|error| fault(&path, &error))
    }
}

fn change(row: &SqliteRow) -> Result<Change, sqlx::Error> {
    let record = |place: usize| {
        let body: Option<String> = row.try_get(place)?;
        let parse =
            |body: String| serde_json::from_str(&body).map_err(|error| sqlx::Error::Decode(Box::new(error)));
        body.map(parse).transpose()
    };
    Ok(Change {
        number: row.try_get(0)?,
        round: row.try_get(1)?,
        url: row.try_get(2)?,
        what: row.try_get(3)?,
        before: record(4)?,
        after: record(5)?,
    })
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
