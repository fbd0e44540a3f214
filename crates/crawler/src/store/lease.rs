//! Taking URLs, and giving them back.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::clock::millis;
use crate::model::{Known, Lease, Leased, Moved, Room, Work};
use crate::waits::LONGEST_BACKOFF;

/// So many hosts are looked at for one batch of leases at least, of which some may have nothing yet; else as many as there are leases.
const HOSTS_AT_ONCE: i64 = 256;

/// When the next host may get a request.
macro_rules! next {
    () => {
        "select min(next_at) from hosts where waiting > 0 and next_at > ?1"
    };
}

/// Whether a host has no more requests on their way than it may have besides another one.
macro_rules! is_idle {
    () => {
        "robots_owner is null and (busy = 0 or (delay = 0 and (slots = 0 or busy < slots)))"
    };
}

/// Hosts that may get a request: [`Candidate::open`] is above 0 for them, so that those that are busy take no other's place. Each row
/// also says [when the next host may](NEXT).
///
/// The limit is cast for a reason, here and wherever a statement is asked again and again: SQLite (3.51) plans for the number that
/// stands at a bare `limit ?`, and so prepares the statement anew for every one that is bound.
const CANDIDATES: &str = concat!(
    "
select id, name, delay, slots, busy, robots_until, robots_host,
    (select min(not_before) from urls where state = 0 and host = hosts.id),
    (",
    next!(),
    ")
from hosts where waiting > 0 and next_at <= ?1 and ",
    is_idle!(),
    "
order by next_at, id limit cast(?2 as integer)"
);

const NEXT: &str = next!();

/// Whether a host waits for its delay, for its turn by the rate, or to be asked for its robots.txt once more, alone.
const SOON: &str = "
select exists (select 1 from hosts where waiting > 0 and next_at > ?1
    and (next_at - max(delay, ?3) <= ?1 + ?2 or (robots_failures > 0 and next_at <= ?1 + ?4)))";

const TAKEN: &str = "select leased + done from tally";

const TAKE: &str = "
update urls set state = 1, owner = ?1 where id in (
    select id from urls where state = 0 and host = ?2 and not_before <= ?3
    order by not_before, priority desc, depth, id limit cast(?4 as integer))
returning id, url, attempts, hops, depth, waits, priority,
    iif(urls.seed is null or exists (select 1 from seeds where seeds.url = urls.id), null,
        (select min(given) from seeds where seeds.url = urls.seed)),
    exists (select 1 from pages where pages.url = urls.id),
    (select hash from pages where pages.url = urls.id), (select etag from pages where pages.url = urls.id),
    (select modified from pages where pages.url = urls.id),
    sitemap";

const TAKE_ROBOTS: &str = "
update hosts set robots_owner = ?1 where id = ?2
returning (select url from urls where state = 0 and host = hosts.id order by not_before, priority desc, depth, id limit 1),
    robots_failures, robots_hops, robots_url, (select name from hosts asked where asked.id = hosts.robots_host)";

/// Of another host, whether it may get a request, and when.
const IS_OPEN: &str = concat!("select next_at <= ?2 and ", is_idle!(), ", next_at from hosts where id = ?1");

/// Until nothing more is on its way to it, that host gets nothing else.
const TAKE_ASKED: &str = "
update hosts set robots_owner = ?1, next_at = ?3 + max(delay, ?4) where id = ?2";

const WAIT_WITH: &str = "update hosts set next_at = max(next_at, (select next_at from hosts asked where asked.id = ?2)) where id = ?1";

/// A host with something to do.
struct Candidate {
    id: i64,
    name: String,
    delay: i64,
    slots: i64,
    busy: i64,
    robots_until: i64,
    /// The host to which its robots.txt has moved, itself or another.
    robots_host: Option<i64>,
    /// When its first URL may be fetched.
    first: i64,
}

impl Candidate {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            delay: row.try_get(2)?,
            slots: row.try_get(3)?,
            busy: row.try_get(4)?,
            robots_until: row.try_get(5)?,
            robots_host: row.try_get(6)?,
            first: row.try_get(7)?,
        })
    }

    fn needs_robots(&self, room: Room) -> bool {
        room.robots && self.robots_until <= room.now
    }

    /// The other host that is to be asked for its robots.txt.
    fn asks_elsewhere(&self, room: Room) -> Option<i64> {
        self.robots_host.filter(|host| self.needs_robots(room) && *host != self.id)
    }

    /// How many requests it may get at this moment. With a delay it is one: that counts from the end of a response.
    fn open(&self, room: Room) -> i64 {
        let slots = if self.delay > 0 { 1 } else { self.slots };
        let free = if slots == 0 { i64::MAX } else { (slots - self.busy).max(0) };
        let is_one_by_one = room.apart > 0 || self.needs_robots(room);
        if is_one_by_one { free.min(1) } else { free }
    }
}

/// Takes what may be fetched now: first an even share for each host, then what is left for those that have more.
pub(super) async fn lease(
    connection: &mut SqliteConnection,
    me: &str,
    room: Room,
    most: Option<u64>,
) -> Result<Leased, sqlx::Error> {
    let mut left = i64::from(room.leases);
    if let Some(most) = most {
        let taken: i64 = sqlx::query_scalar(TAKEN).fetch_one(&mut *connection).await?;
        left = left.min(i64::try_from(most).unwrap_or(i64::MAX) - taken);
    }
    let hosts = HOSTS_AT_ONCE.max(left);
    let rows = sqlx::query(CANDIDATES).bind(room.now).bind(hosts).fetch_all(&mut *connection).await?;
    let next = match rows.first() {
        Some(row) => row.try_get(8)?,
        None => sqlx::query_scalar(NEXT).bind(room.now).fetch_one(&mut *connection).await?,
    };
    let mut leased = Leased { leases: Vec::new(), next, held: false };
    let (mut ready, mut soon) = (Vec::new(), false);
    let backoff = millis(LONGEST_BACKOFF);
    for row in &rows {
        let host = Candidate::from_row(row)?;
        if host.first > room.now {
            soon |= host.first <= room.now.saturating_add(backoff);
            leased.next = Some(leased.next.map_or(host.first, |next| next.min(host.first)));
        } else {
            ready.push(host);
        }
    }
    let waits_long = |next| next > room.now.saturating_add(room.max_wait);
    if ready.is_empty() && !soon && leased.next.is_some_and(waits_long) {
        let query = sqlx::query_scalar(SOON).bind(room.now).bind(room.max_wait);
        let soon: bool = query.bind(room.apart).bind(backoff).fetch_one(&mut *connection).await?;
        leased.held = !soon;
    }
    // One that waited for another host comes before that: else the other one would be busy with itself again, each time.
    ready.sort_by_key(|host| host.asks_elsewhere(room).is_none());
    // Hosts that are asked for the robots.txt of others: they get nothing besides.
    let mut asked: Vec<String> = Vec::new();
    while left > 0 && !ready.is_empty() {
        let share = i64::try_from(ready.len()).map_or(1, |hosts| (left / hosts).max(1));
        let mut more = Vec::new();
        for mut host in ready {
            let open = host.open(room).min(share).min(left);
            if open <= 0 || asked.contains(&host.name) {
                continue;
            }
            let taken = match host.asks_elsewhere(room) {
                Some(other) => take_elsewhere(connection, me, &host, other, room, &mut leased.next).await?,
                None => take(connection, me, &host, room, open).await?,
            };
            asked.extend(
                taken.iter().filter_map(|lease| lease.moved.as_ref()).map(|moved| moved.host.clone()),
            );
            let count = i64::try_from(taken.len()).unwrap_or(left);
            let has_more = count == open && host.delay == 0 && room.apart == 0 && !host.needs_robots(room);
            (left, host.busy) = (left - count, host.busy + count);
            leased.leases.extend(taken);
            if has_more {
                more.push(host);
            }
        }
        ready = more;
    }
    Ok(leased)
}

async fn take(
    connection: &mut SqliteConnection,
    me: &str,
    host: &Candidate,
    room: Room,
    most: i64,
) -> Result<Vec<Lease>, sqlx::Error> {
    let wait = host.delay.max(room.apart);
    if wait > 0 {
        let query = sqlx::query("update hosts set next_at = ? where id = ?");
        query.bind(room.now.saturating_add(wait)).bind(host.id).execute(&mut *connection).await?;
    }
    if host.needs_robots(room) {
        return Ok(vec![take_robots(connection, me, host).await?]);
    }
    let query = sqlx::query(TAKE).bind(me.to_owned()).bind(host.id).bind(room.now).bind(most);
    let rows = query.fetch_all(connection).await?;
    let mut leases = rows.iter().map(|row| of_row(row, host)).collect::<Result<Vec<_>, _>>()?;
    leases.sort_by_key(|(place, _)| *place);
    Ok(leases.into_iter().map(|(_, lease)| lease).collect())
}

async fn take_robots(
    connection: &mut SqliteConnection,
    me: &str,
    host: &Candidate,
) -> Result<Lease, sqlx::Error> {
    let row = sqlx::query(TAKE_ROBOTS).bind(me.to_owned()).bind(host.id).fetch_one(connection).await?;
    let moved: (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
    let lease = blank(Work::Robots, host.id, row.try_get(0)?, host);
    Ok(Lease {
        attempts: row.try_get(1)?,
        hops: row.try_get(2)?,
        moved: moved.0.zip(moved.1).map(|(url, host)| Moved { url, host }),
        ..lease
    })
}

/// Asks `other` for the robots.txt of `host`: takes both, or neither. Where the other one may get nothing yet, this host waits
/// as long as it does, and `next` is when that may be over.
async fn take_elsewhere(
    connection: &mut SqliteConnection,
    me: &str,
    host: &Candidate,
    other: i64,
    room: Room,
    next: &mut Option<i64>,
) -> Result<Vec<Lease>, sqlx::Error> {
    let query = sqlx::query_as(IS_OPEN).bind(other).bind(room.now);
    let (is_open, at): (bool, i64) = query.fetch_one(&mut *connection).await?;
    if !is_open {
        sqlx::query(WAIT_WITH).bind(host.id).bind(other).execute(connection).await?;
        *next = [*next, Some(at).filter(|at| *at > room.now)].into_iter().flatten().min();
        return Ok(Vec::new());
    }
    let query = sqlx::query(TAKE_ASKED).bind(me.to_owned()).bind(other).bind(room.now).bind(room.apart);
    query.execute(&mut *connection).await?;
    Ok(vec![take_robots(connection, me, host).await?])
}

fn blank(work: Work, id: i64, url: String, host: &Candidate) -> Lease {
    Lease {
        work,
        id,
        url,
        host: host.name.clone(),
        attempts: 0,
        waits: 0,
        hops: 0,
        depth: 0,
        input: None,
        known: None,
        delay: host.delay,
        robots_until: host.robots_until,
        moved: None,
    }
}

/// A lease, and its place among the others of its host.
fn of_row(row: &SqliteRow, host: &Candidate) -> Result<((i64, i64, i64), Lease), sqlx::Error> {
    let (id, depth, priority): (i64, i64, i64) = (row.try_get(0)?, row.try_get(4)?, row.try_get(6)?);
    let known = if row.try_get(8)? {
        Some(Known { hash: row.try_get(9)?, etag: row.try_get(10)?, modified: row.try_get(11)? })
    } else {
        None
    };
    let work = match row.try_get::<u32, _>(12)?.checked_sub(1) {
        Some(nested) => Work::Sitemap { nested },
        None => Work::Page,
    };
    let lease = Lease {
        attempts: row.try_get(2)?,
        hops: row.try_get(3)?,
        depth,
        waits: row.try_get(5)?,
        input: row.try_get(7)?,
        known,
        ..blank(work, id, row.try_get(1)?, host)
    };
    Ok(((-priority, depth, id), lease))
}

/// Lets others have what `owner` had leased. What it asked last is not known: its hosts get their whole delay.
pub(super) async fn give_back(
    connection: &mut SqliteConnection,
    owner: &str,
    now: i64,
) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "update hosts set next_at = max(next_at, ?1 + delay) where delay > 0
        and (robots_owner = ?2 or id in (select host from urls where state = 1 and owner = ?2))",
    )
    .bind(now)
    .bind(owner.to_owned())
    .execute(&mut *connection)
    .await?;
    sqlx::query("update hosts set robots_owner = null where robots_owner = ?")
        .bind(owner.to_owned())
        .execute(&mut *connection)
        .await?;
    let query = sqlx::query("update urls set state = 0, owner = null where state = 1 and owner = ?");
    Ok(query.bind(owner.to_owned()).execute(&mut *connection).await?.rows_affected())
}
