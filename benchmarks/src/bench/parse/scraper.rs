//! `scraper::Html::parse_document`, and the selectors that both have.

use std::ffi::OsStr;

use scraper::{Html, Selector};

use super::{LINKS, TITLE, pages};
use crate::work::{Laps, Work};

pub(super) fn run(list: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let selectors = Selectors::new()?;
    let pages = pages::texts(list)?;
    while laps.again() {
        laps.done(pages.iter().map(|page| selectors.work(page.len(), &Html::parse_document(page))).sum())?;
    }
    Ok(())
}

pub(super) struct Selectors {
    title: Selector,
    links: Selector,
}

impl Selectors {
    pub(super) fn new() -> anyhow::Result<Self> {
        let parse = |css: &str| Selector::parse(css).map_err(|error| anyhow::anyhow!("{error}"));
        Ok(Self { title: parse(TITLE)?, links: parse(LINKS)? })
    }

    /// The title and the links of a page of so many bytes.
    pub(super) fn work(&self, bytes: usize, html: &Html) -> Work {
        let title: String =
            html.select(&self.title).next().map(|title| title.text().collect()).unwrap_or_default();
        Work::page(bytes, &title, html.select(&self.links).filter_map(|link| link.attr("href")))
    }
}
