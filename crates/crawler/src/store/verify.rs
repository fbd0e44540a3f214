//! What must hold between the tables. Each rule counts what breaks it.

use sqlx::{Row, SqliteConnection};

use crate::canonical::Canonical;

/// A rule, and the query that counts its exceptions.
const RULES: [(&str, &str); 15] = [
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
        "select count(*) from pages join urls on urls.id = pages.url where urls.state > 3",
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
];

/// How many URLs are looked at in one step.
const STEP: i64 = 10_000;

pub(super) async fn verify(connection: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let said: Vec<String> =
        sqlx::query_scalar("pragma integrity_check(10)").fetch_all(&mut *connection).await?;
    let mut wrong: Vec<String> = said.into_iter().filter(|said| said != "ok").collect();
    let orphans = sqlx::query("pragma foreign_key_check").fetch_all(&mut *connection).await?.len();
    if orphans > 0 {
        wrong.push(format!("{orphans} rows refer to what is not there"));
    }
    for (rule, query) in RULES {
        let exceptions: i64 = sqlx::query_scalar(query).fetch_one(&mut *connection).await?;
        if exceptions > 0 {
            wrong.push(format!("{exceptions} {rule}"));
        }
    }
    let misnamed = misnamed(connection).await?;
    if misnamed > 0 {
        wrong.push(format!("{misnamed} URLs are not canonical, or not under their key"));
    }
    Ok(wrong)
}

async fn misnamed(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let (mut last, mut misnamed) = (0, 0);
    loop {
        let rows = sqlx::query("select id, lower(hex(key)), url from urls where id > ? and kind is not 'length' order by id limit ?")
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
