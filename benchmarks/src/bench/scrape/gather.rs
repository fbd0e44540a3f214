//! gather-fetch for the pages, gather-scraper on the CPU lane for what is in them.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use futures::{StreamExt, stream};
use gather_core::{Lane, map_concurrent, to_thread_in};
use gather_fetch::{Bytes, Client};
use gather_scraper::{Page, Recipe};
use serde::Deserialize;

use super::AT_ONCE;
use crate::work::{Laps, Work};

const LIMIT: NonZeroUsize = NonZeroUsize::new(AT_ONCE).unwrap();

/// What the recipe takes.
#[derive(Deserialize)]
struct Found {
    title: Option<String>,
    links: Option<Vec<String>>,
}

pub(super) fn run(urls: &Path, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = super::pages::list(urls)?;
    let recipe = Arc::new(Recipe::builder().field("title", "title").spec("links[]=a@href").build()?);
    let client = Client::builder().allow_private(true).build()?;
    gather_core::run(async {
        while laps.again() {
            laps.done(pass(&client, &recipe, &urls).await?)?;
        }
        Ok(())
    })?
}

async fn pass(client: &Client, recipe: &Arc<Recipe>, urls: &[String]) -> anyhow::Result<Work> {
    let mut pages = map_concurrent(stream::iter(urls.to_vec()), LIMIT, |url| {
        let (client, recipe) = (client.clone(), Arc::clone(recipe));
        async move { scrape(client, recipe, url).await }
    });
    let mut sum = Work::default();
    while let Some(done) = pages.next().await {
        sum = sum + done.map_err(|ended| anyhow!("{ended}"))??;
    }
    Ok(sum)
}

async fn scrape(client: Client, recipe: Arc<Recipe>, url: String) -> anyhow::Result<Work> {
    let body = client.get(url.as_str()).await?.error_for_status()?.into_bytes();
    let parsed = to_thread_in(Lane::Cpu, move || extract(body, &url, &recipe));
    parsed.await.map_err(|ended| anyhow!("{ended}"))?
}

fn extract(body: Bytes, url: &str, recipe: &Recipe) -> anyhow::Result<Work> {
    let bytes = body.len();
    let extraction = Page::from_bytes(body, url)?.records(recipe)?;
    let found: Found = extraction.records.first().with_context(|| format!("no record of {url}"))?.to()?;
    let (title, links) = (found.title.unwrap_or_default(), found.links.unwrap_or_default());
    Ok(Work::page(bytes, &title, links.iter().map(String::as_str)))
}
