//! What must hold between the tables. Each rule counts what breaks it.

use std::collections::BTreeMap;

use gather_records::Kind;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};

use super::schema;
use crate::canonical::Canonical;
use crate::model::State;

/// A rule, and the query that counts its exceptions.
const RULES: [(&str, &str); 23] = [
    (
        "discovered URLs are not in the table of URLs",
        "select abs((select discovered from tally) - (select count(*) from urls))",
    ),
    (
        "URLs are counted in another state than they are in",
        "select cast(abs(pending - s0) + abs(leased - s1) + abs(done - s2) + abs(failed - s3) + abs(refused - s4) + abs(skipped - s5) as integer)
        from tally, (select total(state = 0) s0, total(state = 1) s1, total(state = 2) s2, total(state = 3) s3, total(state = 4) s4,
            total(state = 5) s5 from urls)",
    ),
    (
        "hosts have other counts than their URLs",
        "select count(*) from hosts left join (select host, sum(state = 0) w, sum(state = 1) b, sum(state = 2) d
            from urls group by 1) own on own.host = hosts.id
        where waiting <> coalesce(w, 0) or busy <> coalesce(b, 0) or done <> coalesce(d, 0)",
    ),
    (
        "records are no JSON objects",
        "select count(*) from records where iif(json_valid(body), json_type(body) <> 'object', 1)",
    ),
    (
        "URLs are deeper than a way to them",
        "select count(*) from links join urls source on source.id = links.source join urls target on target.id = links.target
        where target.depth > source.depth + links.deeper and source.reopened = 0",
    ),
    (
        "seeds are missing, or the notes of what the crawl is",
        "select (exists (select 1 from urls) and not exists (select 1 from seeds))
            + (select count(*) from urls where id = 1 and not exists (select 1 from notes where name = 'seeds'))",
    ),
    (
        "patterns have fewer URLs than were counted",
        "select count(*) from patterns where count < 1 or host not in (select id from hosts)",
    ),
    (
        "URLs of no host are not left out",
        "select count(*) from urls where host = 0 and (state <> 5 or kind is not 'scope')",
    ),
    ("URLs are in no state", "select count(*) from urls where state not between 0 and 5"),
    (
        "URLs are leased to nobody, or owned and not leased",
        "select count(*) from urls where (state = 1) <> (owner is not null)",
    ),
    (
        "pages that are done have no entry among the pages",
        "select count(*) from urls where state = 2 and id not in (select url from pages)",
    ),
    (
        "entries among the pages belong to URLs that were never fetched",
        "select count(*) from pages join urls on urls.id = pages.url join hosts on hosts.id = urls.host
        where urls.state > 3 and not (urls.state = 4 and robots_status is 0)",
    ),
    (
        "pages do not have the records they gave",
        "select count(*) from pages where records <> (select count(*) from records where page = pages.url)",
    ),
    ("records belong to no page", "select count(*) from records where page not in (select url from pages)"),
    (
        "failed or refused URLs have no kind",
        "select count(*) from urls where state in (3, 4) and kind is null",
    ),
    ("seeds are not among the URLs", "select count(*) from seeds where url not in (select id from urls)"),
    (
        "values are of another type than their column",
        "select (select count(*) from urls where typeof(url) <> 'text' or typeof(key) <> 'blob' or typeof(depth) <> 'integer'
                or typeof(hops) <> 'integer' or typeof(kind) not in ('text', 'null') or typeof(message) not in ('text', 'null'))
            + (select count(*) from seeds where typeof(given) <> 'text')
            + (select count(*) from records where typeof(body) <> 'text')
            + (select count(*) from notes where typeof(name) <> 'text' or typeof(value) <> 'text')",
    ),
    ("redirects lead to themselves", "select count(*) from urls where leads_to = id"),
    (
        "redirects lead deeper than they are",
        "select count(*) from urls source join urls target on target.id = source.leads_to
        where target.depth > source.depth and source.state = 2 and source.reopened = 0",
    ),
    (
        "seeds are not at depth 0",
        "select count(*) from urls where id in (select url from seeds) and depth <> 0",
    ),
    ("URLs are nearer than nothing", "select count(*) from urls where depth < 0 or hops < 0"),
    (
        // Links are kept where depth is limited, and there all of them.
        "URLs are nearer than any way to them",
        "select count(*) from urls left join
            (select target, min(source.depth + deeper) depth from links join urls source on source.id = links.source group by 1) way
            on way.target = urls.id
        where urls.depth > 0 and exists (select 1 from links) and (way.depth is null or way.depth > urls.depth)",
    ),
    (
        "URLs have a page and were not fetched, and no round is on its way",
        "select count(*) from urls where state in (0, 1, 3) and id in (select url from pages)
            and not exists (select 1 from notes where name = 'round')",
    ),
];

/// Why URLs are skipped.
const SKIPPED: [&str; 7] = ["scope", "type", "hook", "trap", "length", "depth", "budget"];

/// Why pages that are done give no records.
const WITHOUT_RECORDS: [&str; 2] = ["noindex", "canonical"];

/// How many URLs are looked at in one step.
const STEP: i64 = 10_000;

/// What is wrong, in words. Where tables are missing the rules are not asked: they would find no others.
pub(super) async fn verify(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let said: Vec<String> =
        sqlx::query_scalar("pragma integrity_check(10)").fetch_all(&mut *connection).await?;
    let mut wrong: Vec<String> = said.into_iter().filter(|said| said != "ok").collect();
    let others = other_objects(connection).await?;
    let is_complete = !others.iter().any(|other| other.is_missing_table());
    wrong.extend(others.iter().map(Other::in_words));
    if is_complete {
        wrong.extend(broken_rules(connection).await?);
    }
    Ok(wrong)
}

async fn broken_rules(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut wrong = Vec::new();
    let orphans = sqlx::query("pragma foreign_key_check").fetch_all(&mut *connection).await?.len();
    if orphans > 0 {
        wrong.push(format!("{orphans} rows refer to what is not there"));
    }
    let tallies: i64 = sqlx::query_scalar("select count(*) from tally").fetch_one(&mut *connection).await?;
    if tallies != 1 {
        wrong.push(format!("the tally has {tallies} rows, and not one"));
    }
    for (rule, query) in RULES {
        // A rule about what is not there has no exceptions.
        let exceptions: Option<i64> =
            sqlx::query_scalar(query).fetch_optional(&mut *connection).await?.flatten();
        if let Some(exceptions) = exceptions.filter(|count| *count > 0) {
            wrong.push(format!("{exceptions} {rule}"));
        }
    }
    wrong.extend(strange_kinds(connection).await?);
    let misnamed = misnamed(connection).await?;
    if misnamed > 0 {
        wrong.push(format!("{misnamed} URLs are not canonical, or not under their key"));
    }
    Ok(wrong)
}

/// A table, an index or a trigger that is not as this program makes it.
struct Other {
    what: String,
    name: String,
    how: &'static str,
}

impl Other {
    fn is_missing_table(&self) -> bool {
        self.what == "table" && self.how == MISSING
    }

    fn in_words(&self) -> String {
        format!("the {} {} {}", self.what, self.name, self.how)
    }
}

const MISSING: &str = "is missing";

/// Compared with those of a new store.
async fn other_objects(connection: &mut SqliteConnection) -> Result<Vec<Other>, sqlx::Error> {
    let mut model = SqliteConnection::connect_with(&SqliteConnectOptions::new().in_memory(true)).await?;
    schema::bring_up(&mut model).await?;
    let (wanted, mut there) = (objects(&mut model).await?, objects(connection).await?);
    let mut others = Vec::new();
    for ((what, name), text) in wanted {
        let how = match there.remove(&(what.clone(), name.clone())) {
            None => MISSING,
            // What a table is called when it is made, and its later columns, are written in several ways.
            Some(other) if what != "table" && other != text => "is another one",
            Some(_) => continue,
        };
        others.push(Other { what, name, how });
    }
    let more = there.into_keys().filter(|(what, _)| what == "trigger");
    others.extend(more.map(|(what, name)| Other { what, name, how: "is none of a store" }));
    Ok(others)
}

/// What there is besides SQLite's own, by what it is and its name.
async fn objects(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<(String, String), String>, sqlx::Error> {
    let query = "select type, name, coalesce(sql, '') from sqlite_schema where name not like 'sqlite%'";
    let rows: Vec<(String, String, String)> = sqlx::query_as(query).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(what, name, text)| ((what, name), text)).collect())
}

/// Kinds that are none of their state.
async fn strange_kinds(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let query = "select state, cast(kind as text), count(*) from urls where kind is not null or state = 5 group by 1, 2";
    let rows: Vec<(i64, Option<String>, i64)> = sqlx::query_as(query).fetch_all(connection).await?;
    let strange =
        rows.into_iter().filter(|(state, kind, _)| !fits(*state, kind.as_deref().unwrap_or_default()));
    let in_words = |(state, kind, count): (i64, Option<String>, i64)| {
        let state =
            State::ALL.into_iter().find(|known| known.number() == state).map_or("in no state", State::as_str);
        format!("{count} URLs are {state} with the kind `{}`", kind.unwrap_or_default())
    };
    Ok(strange.map(in_words).collect())
}

/// Whether URLs of this state may have the kind. One that waits to be tried again keeps that of its last try.
fn fits(state: i64, kind: &str) -> bool {
    let failure = kind.parse::<Kind>().ok();
    let (is_failed, is_refused) =
        (failure.is_some_and(|kind| !kind.is_refused()), failure.is_some_and(Kind::is_refused));
    match State::ALL.into_iter().find(|known| known.number() == state) {
        Some(State::Pending | State::Leased) => failure.is_some() || SKIPPED.contains(&kind),
        Some(State::Done) => WITHOUT_RECORDS.contains(&kind),
        Some(State::Failed) => is_failed,
        Some(State::Refused) => is_refused,
        Some(State::Skipped) => SKIPPED.contains(&kind),
        None => false,
    }
}

async fn misnamed(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let (mut last, mut misnamed) = (0, 0);
    loop {
        let rows = sqlx::query(
            "select id, lower(hex(key)), cast(url as text) from urls where id > ? and kind is not 'length'
            order by id limit cast(? as integer)",
        )
        .bind(last)
        .bind(STEP)
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            last = row.try_get(0)?;
            let (key, url): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let fits = Canonical::parse(&url).is_some_and(|same| same.as_str() == url && same.key() == key);
            misnamed += u64::from(!fits);
        }
        if rows.is_empty() {
            return Ok(misnamed);
        }
    }
}
