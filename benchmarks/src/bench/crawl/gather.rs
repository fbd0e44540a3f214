//! gather's own crawl, into a store in a file, and into one in memory to see what the file costs.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context;
use gather_crawler::{Crawl, Record, SqliteStore, Store};
use gather_scraper::Recipe;

use super::{AT_ONCE, scratch};
use crate::work::{Laps, Work};

/// As `gather crawl` does it: every commit survives the end of the process.
pub(super) fn in_a_file(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(start, laps, false)
}

/// With `--durable`: every commit survives a power cut, too.
pub(super) fn durable(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(start, laps, true)
}

/// Nothing survives.
pub(super) fn in_memory(start: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let start = start.to_str().context("the URL is no text")?;
    gather_core::run(laps.repeat(async || crawl(start, Box::new(SqliteStore::in_memory().await?)).await))?
}

fn run(start: &OsStr, laps: &mut Laps, durable: bool) -> anyhow::Result<()> {
    let start = start.to_str().context("the URL is no text")?;
    let folder = scratch()?;
    let mut pass = 0;
    gather_core::run(laps.repeat(async || {
        pass += 1;
        let path = folder.path().join(format!("{pass}.db"));
        let work = crawl(start, Box::new(SqliteStore::create(&path, durable).await?)).await;
        remove(&path)?;
        work
    }))?
}

fn remove(store: &Path) -> anyhow::Result<()> {
    std::fs::remove_file(store).with_context(|| format!("no store at {}", store.display()))
}

async fn crawl(start: &str, store: Box<dyn Store>) -> anyhow::Result<Work> {
    let recipe: Recipe = "[fields]\ntitle = \"title\"\n".parse()?;
    let crawl = Crawl::builder().seed(start).recipe(recipe).allow("/**/*.html").robots(false);
    let mut crawl = crawl.jobs(NonZeroUsize::new(AT_ONCE).context("nothing at once")?).begin(store).await?;
    let mut sum = Work::default();
    while let Some(records) = crawl.next().await? {
        sum = records.iter().fold(sum, |sum, stored| sum + work(&stored.record));
    }
    sum.bytes = crawl.bytes();
    crawl.close().await?;
    Ok(sum)
}

/// A page's title and URL; the bytes are known of all pages together.
fn work(record: &Record) -> Work {
    let text = |name| record.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    Work::page(0, text("title"), [text("_source")])
}
