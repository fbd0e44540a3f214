//! gather-scraper over gather-fetch, as a program that uses them would call them.

use std::ffi::OsStr;
use std::num::NonZeroUsize;

use anyhow::{Context, anyhow};
use futures::{StreamExt, stream};
use gather_core::map_concurrent;
use gather_fetch::Client;
use gather_scraper::{Recipe, ScrapedPage, Scraper};
use serde::Deserialize;

use super::AT_ONCE;
use crate::bench::site;
use crate::work::{Laps, Work};

const LIMIT: NonZeroUsize = NonZeroUsize::new(AT_ONCE).unwrap();

/// What the recipe takes.
#[derive(Deserialize)]
struct Found {
    title: Option<String>,
    links: Option<Vec<String>>,
}

pub(super) fn run(urls: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = site::list(urls.as_ref())?;
    let recipe = Recipe::builder().field("title", "title").spec("links[]=a@href").build()?;
    let scraper = Scraper::new(Client::builder().allow_private(true).build()?, recipe)?;
    gather_core::run(laps.repeat(|| pass(&scraper, &urls)))?
}

async fn pass(scraper: &Scraper, urls: &[String]) -> anyhow::Result<Work> {
    let mut pages = map_concurrent(stream::iter(urls.to_vec()), LIMIT, |url| {
        let scraper = scraper.clone();
        async move { work(&scraper.scrape_page(&url).await?) }
    });
    let mut sum = Work::default();
    while let Some(done) = pages.next().await {
        sum = sum + done.map_err(|ended| anyhow!("{ended}"))??;
    }
    Ok(sum)
}

fn work(page: &ScrapedPage) -> anyhow::Result<Work> {
    let record = page.extraction.records.first().with_context(|| format!("no record of {}", page.url))?;
    let found: Found = record.to()?;
    let (title, links) = (found.title.unwrap_or_default(), found.links.unwrap_or_default());
    Ok(Work::page(usize::try_from(page.bytes)?, &title, links.iter().map(String::as_str)))
}
