//! What a crawl came to: its summary, its failures, its law.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, UNIX_EPOCH};

use gather_crawler::{Counts, Crawl as Crawling, Error, State, Trouble};
use gather_fetch::{Url, without_password};
use gather_records::{Failure, Kind, Record};
use gather_scraper::Stats;
use serde_json::json;

use crate::input::{Asked, By};
use crate::session::Session;

/// So much is read from the store at once.
pub(super) const AT_ONCE: u32 = 1_000;

/// Who led to the URLs of a crawl.
pub(super) struct Origins<'a> {
    /// Of the seeds that pages led to, those pages.
    pages: HashMap<Cow<'a, str>, &'a str>,
    /// Where the crawl began, by origin: the store knows of what was found that it was, and not by whom.
    begun: HashMap<String, Cow<'a, str>>,
    first: Cow<'a, str>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(seeds: &'a [Asked], sitemaps: impl Iterator<Item = &'a String>) -> Self {
        let of_page = |seed: &'a Asked| match &seed.by {
            By::Page(page) => Some((without_password(&seed.text), &**page)),
            By::User | By::List => None,
        };
        let begun: Vec<_> = seeds.iter().map(|seed| &seed.text).chain(sitemaps).collect();
        let first = begun.first().map_or("".into(), |url| without_password(url));
        let begun = begun.into_iter().rev().filter_map(|url| Some((origin(url)?, without_password(url))));
        Self { pages: seeds.iter().filter_map(of_page).collect(), begun: begun.collect(), first }
    }

    /// What led to the URL of a trouble; `None` if it was the user.
    fn of(&self, trouble: &Trouble) -> Option<&str> {
        match &trouble.seed {
            Some(seed) => self.pages.get(&**seed).copied(),
            // What a page of its own origin leads to is as far as that could be reached.
            None => {
                Some(origin(&trouble.url).and_then(|origin| self.begun.get(&origin)).unwrap_or(&self.first))
            }
        }
    }
}

fn origin(url: &str) -> Option<String> {
    Url::parse(url).ok().map(|url| url.origin().ascii_serialization())
}

/// Fills in the summary from the store. Returns whether the crawl has failed, beyond its given URLs.
pub(super) async fn account(
    session: &mut Session,
    crawl: &mut Crawling,
    origins: &Origins<'_>,
    quiet: bool,
) -> Result<bool, Error> {
    let counts = crawl.counts().await?;
    let seeds = crawl.store().await.seed_counts().await?;
    let by_kind = crawl.store().await.by_kind().await?;
    let found = troubles(session, crawl, origins).await?;
    let records = crawl.store().await.record_count().await?;
    session.report.fields(&Stats::default());
    session.report.fields(&crawl.stats());
    let summary = &mut session.report.summary;
    summary.inputs = seeds.discovered;
    summary.ok = seeds.done;
    (summary.failed, summary.refused, summary.skipped) = (seeds.failed, seeds.refused, seeds.skipped);
    summary.pending = seeds.pending + seeds.leased;
    summary.bytes = crawl.bytes();
    (summary.records, summary.records_dropped) = (Some(records), Some(found.dropped));
    summary.stopped_by = crawl.stopped_by().map(str::to_owned);
    let mut law = of_counts(&counts);
    law.insert("by_kind", kinds(&by_kind));
    session.more.insert("crawl", law);
    if !quiet {
        session.report.say(&in_words(&counts));
    }
    if let Some(until) = crawl.held_until() {
        let until =
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(until.unsigned_abs()));
        session.report.warn(&format!(
            "what is pending waits until {until}, as its hosts asked\n  hint: the same command goes on then"
        ));
    }
    Ok(found.failed || crawl.held_until().is_some())
}

/// What the troubles of a store come to.
#[derive(Default)]
struct Found {
    failed: bool,
    dropped: u64,
}

/// Keeps each in the file of `--errors`, and names those that the crawl has failed by.
async fn troubles(
    session: &mut Session,
    crawl: &mut Crawling,
    origins: &Origins<'_>,
) -> Result<Found, Error> {
    let mut found = Found::default();
    let of_seeds = crawl.store().await.seed_troubles().await?;
    name(session, &of_seeds, origins, &mut found).await;
    let mut after = (0, -1);
    loop {
        let troubles = crawl.store().await.troubles(after, AT_ONCE).await?;
        name(session, &troubles, origins, &mut found).await;
        match troubles.last() {
            Some(last) => after = last.at,
            None => return Ok(found),
        }
    }
}

async fn name(session: &mut Session, troubles: &[Trouble], origins: &Origins<'_>, found: &mut Found) {
    for trouble in troubles {
        let mut failure = failure(trouble);
        failure.source = origins.of(trouble).map(str::to_owned);
        if trouble.seed.is_some() {
            *session.report.summary.by_kind.entry(failure.kind).or_default() += 1;
        }
        if trouble.is_failure_of_the_crawl() {
            found.failed = true;
            session.report.name(&failure);
        }
        found.dropped += u64::from(trouble.dropped);
        session.keep(failure).await;
    }
}

/// How many URLs there are of each kind, whatever their state.
pub(crate) fn kinds(by_kind: &[(State, String, u64)]) -> Record {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, kind, count) in by_kind {
        *sums.entry(kind).or_default() += count;
    }
    sums.into_iter().map(|(kind, count)| (kind, json!(count))).collect()
}

fn failure(trouble: &Trouble) -> Failure {
    let input = trouble.seed.as_ref().unwrap_or(&trouble.url);
    let mut failure = Failure::new(input, trouble.kind.parse().unwrap_or(Kind::Io), &trouble.message);
    failure.status = trouble.status;
    failure.final_url = Some(trouble.url.clone());
    failure.attempts = trouble.attempts;
    failure.phase.clone_from(&trouble.phase);
    failure.elapsed_ms = trouble.elapsed_ms;
    failure
}

/// The law's parts, in their order.
pub(crate) fn of_counts(counts: &Counts) -> Record {
    [
        ("discovered", counts.discovered),
        ("done", counts.done),
        ("failed", counts.failed),
        ("refused", counts.refused),
        ("skipped", counts.skipped),
        ("pending", counts.pending),
        ("leased", counts.leased),
    ]
    .into_iter()
    .map(|(name, count)| (name, json!(count)))
    .collect()
}

/// The same for people: what there is none of is left out.
pub(crate) fn in_words(counts: &Counts) -> String {
    let parts = of_counts(counts);
    let parts: Vec<String> = parts
        .iter()
        .filter(|(name, count)| *name != "discovered" && count.as_u64() != Some(0))
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    format!("{} discovered: {}", counts.discovered, parts.join(", "))
}
