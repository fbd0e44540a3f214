//! The benchmark `crawl` by spider, all in memory: its own defaults, 64 at once, and the titles that it takes itself, in
//! each page's task, in the pass in which it looks for links.

#[path = "../../order.rs"]
mod order;
#[allow(dead_code, reason = "other contestants need the rest")]
#[path = "../../../src/work.rs"]
mod work;

use spider::page::Page;
use spider::website::Website;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::order::Order;
use crate::work::{Laps, Work};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pages that wait for us: more than the site has, for those that find no room are lost.
const WAITING: usize = 16_384;

fn main() -> anyhow::Result<()> {
    let order = Order::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut laps = Laps::new(order.at_least);
    runtime.block_on(laps.repeat(|| pass(&order.start)))?;
    order::print(laps)
}

async fn pass(start: &str) -> anyhow::Result<Work> {
    let mut website = Website::new(start);
    website.with_concurrency_limit(Some(64)).with_limit(0);
    let pages = website.subscribe(WAITING);
    let sum = tokio::spawn(sum(pages, start.to_owned()));
    website.crawl().await;
    website.unsubscribe();
    drop(website);
    sum.await?
}

async fn sum(mut pages: Receiver<Page>, start: String) -> anyhow::Result<Work> {
    let mut sum = Work::default();
    loop {
        match pages.recv().await {
            Ok(page) if page.status_code.is_success() && order::is_page(page.get_url(), &start) => sum = sum + work(&page),
            Ok(_) => {}
            Err(RecvError::Closed) => return Ok(sum),
            Err(RecvError::Lagged(lost)) => anyhow::bail!("{lost} pages came too fast"),
        }
    }
}

fn work(page: &Page) -> Work {
    let title = page.get_metadata().as_ref().and_then(|found| found.title.as_deref()).unwrap_or_default();
    // spider leaves references such as &#8212; as they are.
    let title = html_escape::decode_html_entities(title);
    Work::page(page.get_html_bytes_u8().len(), &title, [page.get_url()])
}
