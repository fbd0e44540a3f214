//! What a commit writes: sets, never rows. The sets are arrays of one JSON object, which SQLite reads once: all statements take
//! it in SQLite's own form (`?1`), and what does not depend on the outcome of another goes to SQLite together. Each way there
//! and back is two threads that wake each other.

use std::sync::LazyLock;

use gather_records::Kind;
use serde_json::{Map, Value, json};
use sqlx::SqliteConnection;

use crate::canonical::Canonical;
use crate::model::{Answered, Bounds, Ends, Found, PageEnd, RobotsEnd, State, Work};
use crate::trap;

/// What was fetched as a page, and turned out to be a sitemap meanwhile, is fetched as one: its page counts for nothing.
const END_URLS: &str = "
update urls set state = iif(j.state > 1 and j.sitemap = 0 and urls.sitemap > 0, 0, j.state), owner = null, kind = j.kind, message = j.message, status = j.status,
    phase = j.phase, elapsed_ms = j.elapsed_ms, attempts = iif(j.sitemap = 0 and urls.sitemap > 0, 0, j.attempts), waits = j.waits, not_before = j.not_before, leads_to = iif(j.state = 2, null, leads_to)
from (select value ->> 'id' id, value ->> 'state' state, value ->> 'kind' kind, value ->> 'message' message,
        value ->> 'status' status, value ->> 'phase' phase, value ->> 'elapsed_ms' elapsed_ms, value ->> 'attempts' attempts, value ->> 'waits' waits,
        value ->> 'not_before' not_before, value ->> 'sitemap' sitemap
    from jsonb_each(?1, '$.urls')) j
where urls.id = j.id and urls.state = 1 and urls.owner = ?1 ->> '$.me'";

/// A penalty doubles with a 429 or a `Retry-After`, once a second at most for what was on its way, and fades with each answer. The clock is set after the delay is known.
const HOSTS_SLOW: &str = "
update hosts set
    latency = iif(j.took > 0, iif(latency = 0, j.took, (latency * 7 + j.took) / 8), latency),
    penalty = case when j.slow and j.until > slowed_at + 1000 then min(max(penalty * 2, 100), 60000)
        when j.slow then penalty when penalty < 20 then 0 else penalty * 9 / 10 end,
    slowed_at = iif(j.slow and j.until > slowed_at + 1000, j.until, slowed_at)
from (select value ->> 'host' name, max(value ->> 'took') took, max(value ->> 'slow') slow, max(value ->> 'until') until
    from jsonb_each(?1, '$.hosts') where value ->> 'until' is not null group by 1) j
where hosts.name = j.name";

const HOSTS_CLOCK: &str = "
update hosts set next_at = max(next_at, j.until + delay, j.not_before)
from (select value ->> 'host' name, max(value ->> 'until') until, max(value ->> 'hold') not_before
    from jsonb_each(?1, '$.hosts') where value ->> 'until' is not null group by 1) j
where hosts.name = j.name";

/// What was there before and is otherwise, or is not there any more. `_fetched_at` alone is no change.
const NOTE_CHANGES: &str = "
insert into changes (round, url, what, before, after)
select ?2, page, iif(before is null, 'added', iif(after is null, 'gone', 'changed')), before, after
from (select old.page, old.place, old.body before, new.body after
        from records old join (select value ->> 'id' id from jsonb_each(?1, ?3)) again on again.id = old.page
        left join (select value ->> 'page' page, value ->> 'place' place, value ->> 'body' body from jsonb_each(?1, ?4)) new
            on new.page = old.page and new.place = old.place
    union all
    select new.page, new.place, null, new.body
        from (select value ->> 'page' page, value ->> 'place' place, value ->> 'body' body from jsonb_each(?1, ?4)) new
        where not exists (select 1 from records old where old.page = new.page and old.place = new.place))
where before is null or after is null
    or json_remove(before, '$._fetched_at') <> json_remove(after, '$._fetched_at')
order by page, place";

const DROP_RECORDS: &str = "
delete from records where page in (select value ->> 'id' from jsonb_each(?1, ?2))
    and body is not (select value ->> 'body' from jsonb_each(?1, ?3)
        where value ->> 'page' = page and value ->> 'place' = place)";
const DROP_DROPPED: &str =
    "delete from dropped where page in (select value ->> 'id' from jsonb_each(?1, ?2))";
const COUNT_REMOVAL: &str = "update tally set removed = removed + 1";
const FORGET_PAGES: &str =
    "delete from pages where url in (select value ->> 'id' from jsonb_each(?1, '$.gone'))";

/// What is known of a page is of the records that it has: where they are others, what was known before is no more.
const ADD_PAGES: &str = "
insert into pages (url, bytes, records, status, hash, etag, modified, fetched_at)
select value ->> 'id', value ->> 'bytes', value ->> 'records', value ->> 'status', value ->> 'hash', value ->> 'etag',
    value ->> 'modified', value ->> 'until'
from jsonb_each(?1, '$.urls') where value ->> 'state' = 2 and (select state from urls where id = value ->> 'id') = 2
on conflict (url) do update set bytes = iif(excluded.status = 304, bytes, excluded.bytes),
    records = (select count(*) from records where page = pages.url), status = excluded.status,
    hash = excluded.hash, etag = excluded.etag, modified = excluded.modified, fetched_at = excluded.fetched_at";

const ADD_RECORDS: &str = "
insert or ignore into records (page, place, body)
select value ->> 'page', value ->> 'place', value ->> 'body' from jsonb_each(?1, '$.records')
where (select state from urls where id = value ->> 'page') = 2 order by key";

const COUNT_RECORDS: &str = "
update pages set records = (select count(*) from records where page = pages.url)
where url in (select value ->> 'id' from jsonb_each(?1, '$.renewed'))";

const ADD_DROPPED: &str = "
insert or ignore into dropped (page, place, message)
select value ->> 'page', value ->> 'place', value ->> 'body' from jsonb_each(?1, '$.dropped')
where (select state from urls where id = value ->> 'page') = 2";

const ADD_HOSTS: &str = "
insert into hosts (name, own_delay, slots)
select value ->> 'host', value ->> 'delay', value ->> 'limit' from jsonb_each(?1, '$.links')
where value ->> 'in_scope' = 1 group by 1
on conflict (name) do update set own_delay = excluded.own_delay, slots = excluded.slots,
    latency = iif(own_delay = excluded.own_delay, latency, 0)
where own_delay <> excluded.own_delay or slots <> excluded.slots";

/// New URLs that are under a pattern. What is left out for another reason, or too deep so far, takes nothing of its budget. Then a statement.
macro_rules! of_fresh {
    ($statement:literal) => {
        concat!(
            "with fresh as (
                select value ->> 'key' key, hosts.id host, value ->> 'pattern' pattern, min(jsonb_each.key) place
                from jsonb_each(?1, '$.links') join hosts on hosts.name = value ->> 'host'
                left join urls source on source.id = value ->> 'source'
                where value ->> 'in_scope' = 1 and value ->> 'left_out' is null and value ->> 'pattern' <> ''
                    and not exists (select 1 from urls where urls.key = unhex(value ->> 'key'))
                group by 1 having min(coalesce(source.depth, 0) + (value ->> 'deeper')) <= ?2) ",
            $statement
        )
    };
}

const COUNT_PATTERNS: &str = of_fresh!(
    "insert into patterns (host, pattern, count) select host, pattern, count(*) from fresh where true group by 1, 2
    on conflict (host, pattern) do update set count = count + excluded.count"
);

/// The budget of a pattern goes to its first URLs; all of these links are counted by now.
const LEAVE_OUT: &str = of_fresh!(
    ", placed as (
        select key, patterns.count - row_number() over (partition by host, pattern order by place desc) + 1 place
        from fresh join patterns using (host, pattern))
    select key from placed where place > ?3"
);

/// What was fetched as a page, and is a sitemap, is fetched as one. What it came to by its status would be the same again.
const TURN_INTO_SITEMAPS: &str = "
update urls set state = 0, sitemap = j.sitemap, kind = null, message = null, status = null, attempts = 0, waits = 0, not_before = 0, leads_to = null
from (select unhex(value ->> 'key') key, min(value ->> 'sitemap') sitemap from jsonb_each(?1, '$.links')
    where value ->> 'sitemap' > 0 and value ->> 'in_scope' = 1 and value ->> 'left_out' is null group by 1) j
where urls.key = j.key and urls.sitemap = 0
    and (urls.state = 2 or (urls.state in (3, 4) and urls.kind in ('redirect', 'scope', 'parse', 'too_large')))
returning id";

/// In the order of the links. A new URL waits, or is left out with the reason (out of scope, a trap, over a budget, too deep). One that is known
/// keeps its state, unless it was left out and is a sitemap, or one that belongs to the crawl by another way, or too many redirects led to it and now fewer do; one to which a shorter way was found
/// is reopened for the links that are known of it, and for itself if it was too deep.
const ADD_URLS: &str = "
insert into urls (key, url, host, state, kind, depth, hops, priority, seed, sitemap)
select unhex(j.key), j.url, iif(j.in_scope = 0, 0, hosts.id),
    case when j.in_scope = 0 or j.left_out is not null or j.depth > (?1 ->> '$.deepest') then 5 else 0 end,
    case when j.in_scope = 0 then 'scope' when j.left_out is not null then j.left_out when j.depth > (?1 ->> '$.deepest') then 'depth' end,
    j.depth, j.hops, j.priority, j.seed, j.sitemap
from (select value ->> 'key' key, value ->> 'url' url, value ->> 'host' host, max(value ->> 'in_scope') in_scope,
        coalesce(nullif(min(coalesce(value ->> 'left_out', '')), ''), iif(value ->> 'key' in (select value from json_each(?2)), 'budget', null)) left_out,
        min(value ->> 'hops') hops, max(value ->> 'priority') priority, coalesce(min(nullif(value ->> 'sitemap', 0)), 0) sitemap,
        min(coalesce(source.depth, 0) + (value ->> 'deeper')) depth, min(jsonb_each.key) place,
        min(iif(value ->> 'hops' > 0,
            iif(exists (select 1 from seeds where seeds.url = source.id), source.id, source.seed), null)) seed
    from jsonb_each(?1, '$.links') left join urls source on source.id = value ->> 'source'
    group by 1) j
left join hosts on hosts.name = j.host
where true order by j.place
on conflict (key) do update set
    host = iif(urls.host = 0 and urls.state = 5, excluded.host, urls.host),
    depth = min(urls.depth, excluded.depth),
    hops = min(urls.hops, excluded.hops),
    priority = max(urls.priority, excluded.priority),
    sitemap = case when urls.sitemap = 0 and urls.state in (0, 1, 5) then excluded.sitemap
        when urls.state in (0, 5) and excluded.sitemap > 0 then min(urls.sitemap, excluded.sitemap) else urls.sitemap end,
    seed = iif(urls.seed is null or excluded.seed < urls.seed, excluded.seed, urls.seed),
    reopened = iif(excluded.depth < urls.depth and (urls.state = 2 or (urls.state = 5 and urls.kind = 'depth')
        or exists (select 1 from links where links.source = urls.id)), 1, urls.reopened),
    shortened = iif(urls.leads_to is not null and excluded.hops < urls.hops, 1, urls.shortened),
    state = case when urls.state = 5 and excluded.sitemap > 0 and (urls.sitemap = 0 or urls.kind in ('scope', 'trap')) then excluded.state
        when urls.state = 3 and urls.message like 'more than % redirects lead to %' and excluded.hops < urls.hops then 0 else urls.state end,
    kind = iif(urls.state = 5 and excluded.sitemap > 0 and (urls.sitemap = 0 or urls.kind in ('scope', 'trap')), excluded.kind, urls.kind)
where excluded.depth < urls.depth or excluded.hops < urls.hops or excluded.seed < iif(urls.seed is null, excluded.seed + 1, urls.seed)
    or excluded.priority > urls.priority or (excluded.sitemap > 0 and (urls.sitemap = 0 or excluded.sitemap < urls.sitemap
        or (urls.state = 5 and excluded.state = 0)))";

const LEAD: &str = "
update urls set leads_to = j.target from (
    select value ->> 'source' source, target.id target
    from jsonb_each(?1, '$.links') join urls target on target.key = unhex(value ->> 'key')
    where value ->> 'hops' > 0 and value ->> 'source' is not null) j
where urls.id = j.source and urls.leads_to is not j.target";

/// Fewer redirects to a page are fewer to all that it leads to, as far as nothing else leads there by as few: a circle ends so, too.
const PASS_HOPS: &str = "
with recursive way (id, hops) as (
    select leads_to, hops + 1 from urls where shortened > 0 and leads_to is not null
    union select urls.leads_to, way.hops + 1 from way join urls on urls.id = way.id
    where urls.leads_to is not null and way.hops < urls.hops)
update urls set hops = short.hops, state = iif(state = 3 and message like 'more than % redirects lead to %', 0, state)
from (select id, min(hops) hops from way group by 1) short where urls.id = short.id and short.hops < urls.hops";
const UNMARK_SHORTENED: &str = "update urls set shortened = 0 where shortened > 0";

/// What these redirects lead to, and that to in turn. A seed is its own input, and so is what lies behind it.
macro_rules! of_redirects {
    ($statement:literal) => {
        concat!(
            "with recursive way (id, seed) as (
                select target.id, target.seed from jsonb_each(?1, '$.links') join urls target on target.key = unhex(value ->> 'key')
                where value ->> 'hops' > 0 and target.seed is not null and target.id not in (select url from seeds)
                union select urls.leads_to, way.seed from way join urls on urls.id = way.id
                where urls.leads_to is not null and urls.leads_to not in (select url from seeds)) ",
            $statement
        )
    };
}

/// Of several seeds that lead to a page the first one counts, whichever answers first.
const PASS_SEED: &str = of_redirects!(
    "update urls set seed = first.seed from (select id, min(seed) seed from way group by 1) first
    where urls.id = first.id and (urls.seed is null or first.seed < urls.seed)"
);

/// A record that was made before its page's seed was known.
const NAME_INPUT: &str = of_redirects!(
    "update records set body = iif(body ->> '$._fetched_at' is null, json_set(body, '$._input', named.given),
        json_set(json_remove(body, '$._fetched_at', '$._status'), '$._input', named.given,
            '$._fetched_at', body ->> '$._fetched_at', '$._status', body ->> '$._status'))
    from (select urls.id, min(seeds.given) given from way join urls on urls.id = way.id join seeds on seeds.url = urls.seed group by 1) named
    where records.page = named.id and body ->> '$._input' is not named.given"
);

const ADD_LINKS: &str = "
insert into links (source, target, deeper)
select value ->> 'source', target.id, min(value ->> 'deeper')
from jsonb_each(?1, '$.links') join urls target on target.key = unhex(value ->> 'key')
where value ->> 'source' is not null group by 1, 2
on conflict (source, target) do update set deeper = excluded.deeper where excluded.deeper < deeper";

/// The reopened pages pass their shorter way on, by all links that were ever found on them. 2 marks those whose turn it is.
const MARK_REOPENED: &str = "update urls set reopened = 2 where reopened > 0 and reopened = 1";
const PASS_ON: &str = "
update urls set depth = way.depth, reopened = iif(urls.state = 2 or (urls.state = 5 and urls.kind = 'depth')
    or exists (select 1 from links where links.source = urls.id), 1, urls.reopened)
from (select links.target, min(source.depth + links.deeper) depth
    from urls source join links on links.source = source.id where source.reopened > 0 and source.reopened = 2 group by 1) way
where urls.id = way.target and way.depth < urls.depth";
const NEAR_ENOUGH: &str = "
select id, host, url from urls where reopened > 0 and reopened = 2 and state = 5 and kind = 'depth' and depth <= ? order by id";
const UNMARK: &str = "update urls set reopened = 0 where reopened > 0 and reopened = 2";

/// What is near enough now is under the budget of its pattern, which it took nothing of before.
const COUNT_REVIVED: &str = "
insert into patterns (host, pattern, count)
select value ->> 'host', value ->> 'pattern', count(*) from jsonb_each(?1) where value ->> 'pattern' <> '' group by 1, 2
on conflict (host, pattern) do update set count = count + excluded.count";
const REVIVE: &str = "
update urls set state = iif(j.is_over, 5, 0), kind = iif(j.is_over, 'budget', null)
from (select value ->> 'id' id, patterns.count
        - row_number() over (partition by value ->> 'host', value ->> 'pattern' order by jsonb_each.key desc) + 1 > ?2 is_over
    from jsonb_each(?1) left join patterns on patterns.host = value ->> 'host' and patterns.pattern = value ->> 'pattern') j
where urls.id = j.id";

const SEE_RUN: &str = "
insert into runs (owner, started, seen, fetched, bytes)
values (?1 ->> '$.me', ?1 ->> '$.now', ?1 ->> '$.now', ?1 ->> '$.requests', ?1 ->> '$.bytes')
on conflict (owner) do update set seen = excluded.seen, fetched = fetched + excluded.fetched, bytes = bytes + excluded.bytes";

/// What the pages of a commit are now, and their hosts; the first is before what a new round takes away.
static ENDS: LazyLock<String> = LazyLock::new(|| [END_URLS, HOSTS_SLOW, HOSTS_CLOCK].join(";"));
static PAGES: LazyLock<String> = LazyLock::new(|| [ADD_PAGES, ADD_RECORDS, ADD_DROPPED, SEE_RUN].join(";"));
static ENDS_AND_PAGES: LazyLock<String> = LazyLock::new(|| [ENDS.as_str(), PAGES.as_str()].join(";"));

/// Adds the links, and says whether one is a way with fewer redirects.
static LINKS: LazyLock<String> = LazyLock::new(|| [ADD_HOSTS, ADD_URLS, HAS_SHORTENED].join(";"));
const HAS_SHORTENED: &str = "select exists (select 1 from urls where shortened > 0)";

/// The sets of a commit as SQLite has them: read once.
pub(super) struct Sets(Vec<u8>);

impl Sets {
    async fn read(connection: &mut SqliteConnection, object: &Value) -> Result<Self, sqlx::Error> {
        let read = sqlx::query_scalar("select jsonb(?1)").bind(object.to_string());
        read.fetch_one(connection).await.map(Self)
    }

    async fn run(&self, connection: &mut SqliteConnection, sql: &'static str) -> Result<u64, sqlx::Error> {
        Ok(sqlx::query(sql).bind(self.0.clone()).execute(connection).await?.rows_affected())
    }
}

/// Adds URLs that no page led to.
pub(super) async fn add_seeds(
    connection: &mut SqliteConnection,
    seeds: &[Found],
    bounds: Bounds,
) -> Result<(), sqlx::Error> {
    let links: Vec<Value> = seeds.iter().map(|seed| link(seed, None)).collect();
    let sets = Sets::read(connection, &json!({"links": links, "deepest": deepest(bounds)})).await?;
    add_urls(connection, &sets, bounds).await
}

fn deepest(bounds: Bounds) -> i64 {
    bounds.max_depth.and_then(|depth| i64::try_from(depth).ok()).unwrap_or(i64::MAX)
}

/// Adds what is new of the links.
async fn add_urls(connection: &mut SqliteConnection, sets: &Sets, bounds: Bounds) -> Result<(), sqlx::Error> {
    let over = match bounds.per_pattern {
        Some(most) => over_budget(connection, sets, bounds, most).await?,
        None => "[]".to_owned(),
    };
    let add = sqlx::query_scalar(LINKS.as_str()).bind(sets.0.clone()).bind(over);
    let has_shortened: bool = add.fetch_one(&mut *connection).await?;
    if sets.run(connection, LEAD).await? > 0 || has_shortened {
        sqlx::query(PASS_HOPS).execute(&mut *connection).await?;
        sqlx::query(UNMARK_SHORTENED).execute(&mut *connection).await?;
        sets.run(connection, PASS_SEED).await?;
        if sets.run(connection, NAME_INPUT).await? > 0 {
            sqlx::query(COUNT_REMOVAL).execute(&mut *connection).await?;
        }
    }
    if bounds.max_depth.is_none() {
        return Ok(());
    }
    sets.run(connection, ADD_LINKS).await?;
    loop {
        let marked = sqlx::query(MARK_REOPENED).execute(&mut *connection).await?.rows_affected();
        if marked == 0 {
            return Ok(());
        }
        sqlx::query(PASS_ON).execute(&mut *connection).await?;
        revive(connection, bounds).await?;
        sqlx::query(UNMARK).execute(&mut *connection).await?;
    }
}

/// The keys of the new URLs that are more than their pattern may have, as a JSON array.
async fn over_budget(
    connection: &mut SqliteConnection,
    sets: &Sets,
    bounds: Bounds,
    most: u64,
) -> Result<String, sqlx::Error> {
    sets.run(connection, ADD_HOSTS).await?;
    let (deepest, most) = (deepest(bounds), i64::try_from(most).unwrap_or(i64::MAX));
    sqlx::query(COUNT_PATTERNS).bind(sets.0.clone()).bind(deepest).execute(&mut *connection).await?;
    let query = sqlx::query_scalar(LEAVE_OUT).bind(sets.0.clone()).bind(deepest).bind(most);
    let keys: Vec<String> = query.fetch_all(&mut *connection).await?;
    Ok(Value::from(keys).to_string())
}

/// Takes in what was too deep before, and is marked: it waits, or is more than its pattern may have.
async fn revive(connection: &mut SqliteConnection, bounds: Bounds) -> Result<(), sqlx::Error> {
    let query = sqlx::query_as(NEAR_ENOUGH).bind(deepest(bounds));
    let near: Vec<(i64, i64, String)> = query.fetch_all(&mut *connection).await?;
    if near.is_empty() {
        return Ok(());
    }
    let pattern = |url: &str| Canonical::parse(url).map(|url| trap::pattern(url.url())).unwrap_or_default();
    let row = |(id, host, url): (i64, i64, String)| json!({"id": id, "host": host, "pattern": pattern(&url)});
    let near = Sets::read(connection, &near.into_iter().map(row).collect()).await?;
    if bounds.per_pattern.is_some() {
        near.run(connection, COUNT_REVIVED).await?;
    }
    let most = bounds.per_pattern.and_then(|most| i64::try_from(most).ok()).unwrap_or(i64::MAX);
    sqlx::query(REVIVE).bind(near.0).bind(most).execute(connection).await?;
    Ok(())
}

fn link(found: &Found, source: Option<i64>) -> Value {
    json!({
        "key": found.key, "url": found.url, "host": found.host, "delay": found.delay, "limit": found.limit,
        "in_scope": found.in_scope, "deeper": found.deeper, "hops": found.hops, "source": source,
        "pattern": found.pattern, "left_out": found.left_out, "priority": found.priority, "sitemap": found.sitemap.map_or(0, |nested| nested + 1),
    })
}

/// Whether what the page gave before is no more: it is not there, or left out. What could not be had may be as it was.
fn is_gone(end: &PageEnd) -> bool {
    match end.state {
        State::Failed => {
            matches!(end.status, Some(404 | 410)) || end.kind.as_deref() == Some(Kind::Redirect.as_str())
        }
        State::Refused | State::Skipped => !end.unchanged,
        _ => false,
    }
}

fn of_host(answered: &Answered) -> Value {
    json!({
        "host": answered.host, "until": answered.until, "took": answered.took, "slow": answered.slow_down,
        "hold": answered.not_before,
    })
}

fn of_page(end: &PageEnd) -> Value {
    let sitemap = if let Work::Sitemap { nested } = end.work { nested + 1 } else { 0 };
    json!({
        "id": end.id, "state": end.state.number(), "kind": end.kind, "message": end.message, "status": end.status,
        "phase": end.phase, "elapsed_ms": end.elapsed_ms, "attempts": end.attempts, "waits": end.waits, "not_before": end.not_before, "until": end.answered.until,
        "bytes": end.bytes, "records": end.records.len(), "hash": end.known.hash, "etag": end.known.etag,
        "modified": end.known.modified, "sitemap": sitemap,
    })
}

/// Adds what the pages of a commit are now, and what they led to.
///
/// `is_news` says whether a link of a page can change anything.
pub(super) async fn store_pages(
    connection: &mut SqliteConnection,
    (me, now, round): (&str, i64, i64),
    ends: &Ends,
    bounds: Bounds,
    is_news: impl FnMut(&PageEnd, &Found) -> bool,
) -> Result<(), sqlx::Error> {
    let links = news(ends, is_news);
    let has_links = !links.is_empty();
    let mut object = sets_of(ends);
    object.extend([
        ("me".to_owned(), json!(me)),
        ("now".to_owned(), json!(now)),
        ("deepest".to_owned(), json!(deepest(bounds))),
        ("links".to_owned(), Value::from(links)),
    ]);
    let sets = Sets::read(connection, &Value::Object(object)).await?;
    if round > 0 {
        sets.run(connection, &ENDS).await?;
        renew(connection, &sets, round).await?;
        sets.run(connection, &PAGES).await?;
        sets.run(connection, COUNT_RECORDS).await?;
    } else {
        sets.run(connection, &ENDS_AND_PAGES).await?;
    }
    if !has_links {
        return Ok(());
    }
    if finds_sitemaps(ends) {
        turn_into_sitemaps(connection, &sets, round).await?;
    }
    add_urls(connection, &sets, bounds).await
}

fn finds_sitemaps(ends: &Ends) -> bool {
    let of_pages = ends.pages.iter().flat_map(|end| &end.links);
    of_pages.chain(ends.robots.iter().flat_map(|end| &end.links)).any(|found| found.sitemap.is_some())
}

async fn turn_into_sitemaps(
    connection: &mut SqliteConnection,
    sets: &Sets,
    round: i64,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query_scalar(TURN_INTO_SITEMAPS).bind(sets.0.clone());
    let turned: Vec<i64> = query.fetch_all(&mut *connection).await?;
    if turned.is_empty() {
        return Ok(());
    }
    let turned: Value = turned.into_iter().map(|id| json!({"id": id})).collect();
    let sets = Sets::read(connection, &json!({"gone": turned})).await?;
    take_away(connection, &sets, round, ("$.gone", "$.none")).await?;
    sets.run(connection, FORGET_PAGES).await?;
    Ok(())
}

/// The links that can change something.
fn news(ends: &Ends, mut is_news: impl FnMut(&PageEnd, &Found) -> bool) -> Vec<Value> {
    let of_pages = ends.pages.iter().flat_map(|end| end.links.iter().map(move |found| (end, found)));
    let of_pages = of_pages.filter(|(end, found)| is_news(end, found));
    let of_pages = of_pages.map(|(end, found)| link(found, Some(end.id)));
    let of_robots = ends.robots.iter().flat_map(|end| end.links.iter().map(|found| link(found, None)));
    of_pages.chain(of_robots).collect()
}

/// Each table's rows, and what is counted of all. `renewed` are pages whose records are new, `gone` those that are not there
/// any more, or are no pages of the crawl.
fn sets_of(ends: &Ends) -> Map<String, Value> {
    let pages = &ends.pages;
    let rows = |texts: Vec<String>, id: i64| {
        let row = move |(place, body)| json!({"page": id, "place": place + 1, "body": body});
        texts.into_iter().enumerate().map(row)
    };
    let ids = |wanted: fn(&PageEnd) -> bool| -> Value {
        pages.iter().filter(|end| wanted(end)).map(|end| json!({"id": end.id})).collect()
    };
    let texts = |end: &PageEnd| end.records.iter().map(ToString::to_string).collect();
    let hosts = pages.iter().map(|end| &end.answered).chain(ends.robots.iter().map(|end| &end.answered));
    let bytes: u64 = pages.iter().map(|end| end.bytes).sum();
    let sets = [
        ("urls", pages.iter().map(of_page).collect()),
        ("hosts", hosts.map(of_host).collect()),
        ("records", pages.iter().flat_map(|end| rows(texts(end), end.id)).collect()),
        ("dropped", pages.iter().flat_map(|end| rows(end.dropped.clone(), end.id)).collect()),
        ("renewed", ids(|end| end.state == State::Done && !end.unchanged)),
        ("gone", ids(is_gone)),
        ("requests", json!(pages.iter().filter(|end| end.answered.until.is_some()).count())),
        ("bytes", json!(i64::try_from(bytes).unwrap_or(i64::MAX))),
    ];
    sets.into_iter().map(|(name, set)| (name.to_owned(), set)).collect()
}

/// Notes what changed since the last round, and takes away what is no more.
async fn renew(connection: &mut SqliteConnection, sets: &Sets, round: i64) -> Result<(), sqlx::Error> {
    take_away(connection, sets, round, ("$.renewed", "$.records")).await?;
    take_away(connection, sets, round, ("$.gone", "$.none")).await?;
    sets.run(connection, FORGET_PAGES).await?;
    Ok(())
}

/// Takes what these pages had before and have not among these records. A round notes it as a change.
async fn take_away(
    connection: &mut SqliteConnection,
    sets: &Sets,
    round: i64,
    (pages, records): (&str, &str),
) -> Result<(), sqlx::Error> {
    if round > 0 {
        let note = sqlx::query(NOTE_CHANGES).bind(sets.0.clone()).bind(round);
        note.bind(pages.to_owned()).bind(records.to_owned()).execute(&mut *connection).await?;
    }
    let drop = sqlx::query(DROP_RECORDS).bind(sets.0.clone()).bind(pages.to_owned()).bind(records.to_owned());
    if drop.execute(&mut *connection).await?.rows_affected() > 0 {
        sqlx::query(COUNT_REMOVAL).execute(&mut *connection).await?;
    }
    sqlx::query(DROP_DROPPED).bind(sets.0.clone()).bind(pages.to_owned()).execute(connection).await?;
    Ok(())
}

/// What it asks for between two requests holds from this answer on, also where another host gave it.
const ROBOTS_ANSWER: &str = "
update hosts set robots_owner = null, robots_failures = 0, robots_status = ?3, robots_body = ?4, robots_until = ?5,
    crawl_delay = ?6, next_at = iif(robots_hops > 0 and ?6 > 0, max(next_at, ?7 + ?6), next_at),
    robots_url = null, robots_host = null, robots_hops = 0 where id = ?1 and robots_owner = ?2";
/// Both wait: the host that was asked, by its clock, and the one whose file it is.
const ROBOTS_LATER: &str = "
update hosts set robots_owner = null, robots_failures = robots_failures + 1, next_at = max(next_at, ?3),
    robots_url = null, robots_host = null, robots_hops = 0 where id = ?1 and robots_owner = ?2";
const ROBOTS_HOST: &str = "insert or ignore into hosts (name, own_delay, slots) values (?, ?, ?)";
const ROBOTS_MOVED: &str = "
update hosts set robots_owner = null, robots_url = ?3, robots_host = (select id from hosts where name = ?4), robots_hops = ?5
where id = ?1 and robots_owner = ?2";
/// The host that was asked, where it is another than the one whose file it is.
const ROBOTS_ASKED: &str = "update hosts set robots_owner = null where name = ?1 and robots_owner = ?2";

/// The answers of robots.txt; before the clocks of the hosts are set, for they may ask for a delay.
pub(super) async fn store_robots(
    connection: &mut SqliteConnection,
    me: &str,
    ends: &[RobotsEnd],
) -> Result<(), sqlx::Error> {
    for end in ends {
        let query = |sql| sqlx::query(sql).bind(end.id).bind(me.to_owned());
        let query = match (&end.file, &end.moved) {
            (Some(file), _) => query(ROBOTS_ANSWER)
                .bind(i64::from(file.status))
                .bind(file.body.clone())
                .bind(file.until)
                .bind(end.crawl_delay)
                .bind(end.answered.until.unwrap_or_default()),
            (None, Some(to)) => {
                let host = sqlx::query(ROBOTS_HOST).bind(to.host.clone()).bind(to.delay).bind(to.limit);
                host.execute(&mut *connection).await?;
                query(ROBOTS_MOVED).bind(to.url.clone()).bind(to.host.clone()).bind(to.hops)
            }
            (None, None) => query(ROBOTS_LATER).bind(end.answered.not_before),
        };
        query.execute(&mut *connection).await?;
        let asked = sqlx::query(ROBOTS_ASKED).bind(end.answered.host.clone()).bind(me.to_owned());
        asked.execute(&mut *connection).await?;
    }
    Ok(())
}
