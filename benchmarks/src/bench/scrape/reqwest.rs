//! What most people would write: reqwest and scraper on tokio, a task per page.

use std::ffi::OsStr;

use anyhow::Context;
use scraper::{Html, Selector};
use tokio::task::JoinSet;

use super::AT_ONCE;
use crate::bench::site;
use crate::work::{Laps, Work};

pub(super) fn run(urls: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = site::list(urls.as_ref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let client = reqwest::Client::builder().build()?;
    runtime.block_on(laps.repeat(|| pass(&client, &urls)))
}

async fn pass(client: &reqwest::Client, urls: &[String]) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    let mut pages = JoinSet::new();
    for url in urls {
        if pages.len() >= AT_ONCE
            && let Some(done) = pages.join_next().await
        {
            sum = sum + done??;
        }
        pages.spawn(scrape(client.clone(), url.clone()));
    }
    while let Some(done) = pages.join_next().await {
        sum = sum + done??;
    }
    Ok(sum)
}

async fn scrape(client: reqwest::Client, url: String) -> anyhow::Result<Work> {
    let body = client.get(&url).send().await?.error_for_status()?.bytes().await?;
    extract(&body).with_context(|| format!("cannot parse {url}"))
}

fn extract(body: &[u8]) -> anyhow::Result<Work> {
    // Parsing a selector costs next to nothing beside a page.
    let selector = |css: &str| Selector::parse(css).map_err(|error| anyhow::anyhow!("{error}"));
    let (titles, links) = (selector("title")?, selector("a[href]")?);
    let page = Html::parse_document(&String::from_utf8_lossy(body));
    let title: String = page.select(&titles).next().map(|title| title.text().collect()).unwrap_or_default();
    let links: Vec<String> =
        page.select(&links).filter_map(|link| link.attr("href")).map(str::to_owned).collect();
    Ok(Work::page(body.len(), &title, links.iter().map(String::as_str)))
}
