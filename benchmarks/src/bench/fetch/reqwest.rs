//! reqwest on tokio, a task per page.

use std::ffi::OsStr;

use tokio::task::JoinSet;

use super::{AT_ONCE, SLOW_AT_ONCE};
use crate::bench::site;
use crate::work::{Laps, Work};

pub(super) fn fetch(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(&site::list(&super::fast_list(lists))?, AT_ONCE, laps)
}

pub(super) fn latency(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    run(&super::slow_urls(lists)?, SLOW_AT_ONCE, laps)
}

fn run(urls: &[String], at_once: usize, laps: &mut Laps) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let client = reqwest::Client::builder().build()?;
    runtime.block_on(laps.repeat(|| pass(&client, urls, at_once)))
}

async fn pass(client: &reqwest::Client, urls: &[String], at_once: usize) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    let mut pages = JoinSet::new();
    for url in urls {
        if pages.len() >= at_once
            && let Some(done) = pages.join_next().await
        {
            sum = sum + done??;
        }
        pages.spawn(get(client.clone(), url.clone()));
    }
    while let Some(done) = pages.join_next().await {
        sum = sum + done??;
    }
    Ok(sum)
}

async fn get(client: reqwest::Client, url: String) -> anyhow::Result<Work> {
    let body = client.get(&url).send().await?.error_for_status()?.bytes().await?;
    Ok(Work::body(body.len() as u64))
}
