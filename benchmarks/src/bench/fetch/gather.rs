//! gather-fetch: what a program calls, and the transport below it, without rules for redirects, retries, limits, bodies.

use std::ffi::OsStr;
use std::future::Future;
use std::num::NonZeroUsize;

use anyhow::anyhow;
use futures::{StreamExt, stream};
use gather_core::map_concurrent;
use gather_fetch::Client;
use gather_fetch::internals::Transport;

use super::{AT_ONCE, SLOW_AT_ONCE};
use crate::bench::site;
use crate::work::{Laps, Work};

const LIMIT: NonZeroUsize = NonZeroUsize::new(AT_ONCE).unwrap();
const SLOW_LIMIT: NonZeroUsize = NonZeroUsize::new(SLOW_AT_ONCE).unwrap();

pub(super) fn fetch(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = site::list(&super::fast_list(lists))?;
    let client = Client::builder().allow_private(true).build()?;
    gather_core::run(laps.repeat(|| pass(&urls, LIMIT, |url| get(client.clone(), url))))?
}

pub(super) fn latency(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = super::slow_urls(lists)?;
    let client = Client::builder().allow_private(true).build()?;
    gather_core::run(laps.repeat(|| pass(&urls, SLOW_LIMIT, |url| get(client.clone(), url))))?
}

pub(super) fn transport(lists: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let urls = site::list(&super::fast_list(lists))?;
    let transport = Transport::new();
    gather_core::run(laps.repeat(|| pass(&urls, LIMIT, |url| get_bare(transport.clone(), url))))?
}

async fn pass<F>(urls: &[String], limit: NonZeroUsize, get: impl Fn(String) -> F) -> anyhow::Result<Work>
where
    F: Future<Output = anyhow::Result<Work>> + Send + 'static,
{
    let mut pages = map_concurrent(stream::iter(urls.to_vec()), limit, get);
    let mut sum = Work::default();
    while let Some(done) = pages.next().await {
        sum = sum + done.map_err(|ended| anyhow!("{ended}"))??;
    }
    Ok(sum)
}

async fn get(client: Client, url: String) -> anyhow::Result<Work> {
    Ok(Work::body(client.get(url).await?.error_for_status()?.length()))
}

async fn get_bare(transport: Transport, url: String) -> anyhow::Result<Work> {
    let (status, bytes) = transport.get(&url).await?;
    anyhow::ensure!(status == 200, "{url} has status {status}");
    Ok(Work::body(bytes.len() as u64))
}
