//! gather-scraper's tree, within its bounds.

use std::ffi::OsStr;

use gather_scraper::Page;

use super::pages;
use super::scraper::Selectors;
use crate::work::{Laps, Work};

pub(super) fn run(list: &OsStr, laps: &mut Laps) -> anyhow::Result<()> {
    let selectors = Selectors::new()?;
    let build = |text: String| Page::builder().content_type("text/html; charset=utf-8").build(text);
    let pages: Vec<Page> = pages::texts(list)?.into_iter().map(build).collect::<Result<_, _>>()?;
    while laps.again() {
        let mut sum = Work::default();
        for page in &pages {
            sum = sum + page.with_tree(|html| selectors.work(page.source().len(), html))?;
        }
        laps.done(sum)?;
    }
    Ok(())
}
