//! What the benchmark asks of a peer: `PROGRAM START_URL AT_LEAST_MS FOLDER`, and a line of JSON in return.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::work::Laps;

pub(crate) struct Order {
    /// The page to begin at; all pages under its folder whose path ends with `.html` belong to the crawl.
    pub(crate) start: String,
    pub(crate) at_least: Duration,
    /// For what the peer writes.
    #[allow(dead_code, reason = "not every peer writes")]
    pub(crate) folder: PathBuf,
}

impl Order {
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut args = std::env::args().skip(1);
        let mut next = || args.next().context("usage: PROGRAM START_URL AT_LEAST_MS FOLDER");
        let (start, at_least, folder) = (next()?, next()?, next()?);
        Ok(Self { start, at_least: Duration::from_millis(at_least.parse()?), folder: folder.into() })
    }
}

/// Whether a link leads to a page of the site.
pub(crate) fn is_page(url: &str, start: &str) -> bool {
    let folder = start.rsplit_once('/').map_or(start, |(folder, _)| folder);
    url.starts_with(folder) && url.split(['?', '#']).next().is_some_and(|path| path.ends_with(".html"))
}

pub(crate) fn print(laps: Laps) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&laps.finish()?)?)?)
}
