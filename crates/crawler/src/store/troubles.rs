//! What failed or was refused, and what became of the seeds.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::model::{State, Trouble};

/// Where each seed leads by redirects alone: itself, or the end of the way; `null` for a circle. Then a query of it.
macro_rules! of_ends {
    ($query:literal) => {
        concat!(
            "with recursive way (given, seed, id) as (
                select given, url, url from seeds
                union select given, way.seed, leads_to from way join urls on urls.id = way.id
                where urls.state = 2 and leads_to is not null),
            ends (given, seed, id) as (
                select given, way.seed, max(iif(urls.state = 2 and leads_to is not null, null, way.id))
                from way join urls on urls.id = way.id group by given) ",
            $query
        )
    };
}

pub(super) const SEED_COUNTS: &str = of_ends!(
    "select coalesce(urls.state, 3), count(*) from ends left join urls on urls.id = ends.id group by 1"
);

pub(super) const SEED_TROUBLES: &str = of_ends!(
    "
select coalesce(urls.url, seeds.url), given, 3, coalesce(urls.kind, 'redirect'),
    iif(urls.id is null, 'its redirects lead in a circle', coalesce(urls.message, '')), urls.status,
    coalesce(urls.attempts, seeds.attempts), coalesce(urls.id, seeds.id), 0, coalesce(urls.state, 3), urls.phase,
    coalesce(urls.elapsed_ms, seeds.elapsed_ms)
from ends join urls seeds on seeds.id = ends.seed left join urls on urls.id = ends.id
where coalesce(urls.state, 3) in (3, 4) order by 2"
);

pub(super) const TROUBLES: &str = of_ends!(
    "
select url, null, 0, kind, coalesce(message, ''), status, attempts, id, 0 place, state, phase, elapsed_ms from urls
    where state in (3, 4) and id not in (select id from ends where id is not null) and (id, 0) > (?1, ?2)
union all
select urls.url, null, 1, 'parse', dropped.message, urls.status, attempts, id, place, 3, null, elapsed_ms
    from dropped join urls on urls.id = page where (id, place) > (?1, ?2)
order by 8, 9 limit cast(?3 as integer)"
);

/// A row of one of these.
pub(super) fn trouble(row: &SqliteRow) -> Result<Trouble, sqlx::Error> {
    let state: i64 = row.try_get(9)?;
    Ok(Trouble {
        at: (row.try_get(7)?, row.try_get(8)?),
        url: row.try_get(0)?,
        seed: row.try_get(1)?,
        state: if state == State::Refused.number() { State::Refused } else { State::Failed },
        kind: row.try_get(3)?,
        message: row.try_get(4)?,
        status: row.try_get::<Option<i64>, _>(5)?.and_then(|status| u16::try_from(status).ok()),
        phase: row.try_get(10)?,
        elapsed_ms: row.try_get::<i64, _>(11)?.unsigned_abs(),
        attempts: row.try_get(6)?,
        dropped: row.try_get::<i64, _>(8)? > 0,
    })
}
