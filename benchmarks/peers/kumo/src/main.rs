//! The benchmark `crawl` by kumo: its frontier in memory, its records in a file of JSON lines, 64 at once.

#[path = "../../order.rs"]
mod order;
#[allow(dead_code, reason = "other contestants need the rest")]
#[path = "../../../src/work.rs"]
mod work;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use kumo::prelude::*;
use serde::Serialize;

use crate::order::Order;
use crate::work::{Laps, Work};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let order = Order::read()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut laps = Laps::new(order.at_least);
    runtime.block_on(laps.repeat(|| pass(&order)))?;
    order::print(laps)
}

async fn pass(order: &Order) -> anyhow::Result<Work> {
    let file = order.folder.join("kumo.jsonl");
    let sum = Arc::new(Mutex::new(Work::default()));
    let site = Site { start: order.start.clone(), sum: sum.clone() };
    let engine = CrawlEngine::builder().concurrency(64).store(JsonlStore::new(&file)?);
    engine.run(site).await.context("kumo")?;
    std::fs::remove_file(&file)?;
    Ok(*sum.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Site {
    start: String,
    sum: Arc<Mutex<Work>>,
}

#[derive(Serialize)]
struct Title {
    url: String,
    title: String,
}

#[async_trait::async_trait]
impl Spider for Site {
    type Item = Title;

    fn name(&self) -> &str {
        "site"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    async fn parse(&self, page: &Response) -> Result<Output<Title>, KumoError> {
        if page.status() != 200 {
            return Ok(Output::new());
        }
        let title = page.css("title").first().map(|title| title.text()).unwrap_or_default();
        let work = Work::page(page.bytes().len(), &title, [page.url()]);
        {
            let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
            *sum = *sum + work;
        }
        let anchors = page.css("a");
        let links = anchors.iter().filter_map(|link| link.attr("href")).map(|href| page.urljoin(&href));
        let links = links.map(|url| url.split('#').next().unwrap_or_default().to_owned());
        let links = links.filter(|url| order::is_page(url, &self.start)).collect();
        Ok(Output::new().item(Title { url: page.url().to_owned(), title }).follow_many(links))
    }
}
