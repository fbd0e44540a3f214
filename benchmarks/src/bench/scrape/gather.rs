//! gather-scraper over gather-fetch.

use std::path::Path;

use crate::work::Laps;

pub(super) fn run(_urls: &Path, _laps: &mut Laps) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
