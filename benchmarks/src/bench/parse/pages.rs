//! The pages: UTF-8 files, named one a line.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tempfile::NamedTempFile;

use crate::args::Args;
use crate::bench::{Input, site};

/// The pages of a corpus, or of the site that ships with the project.
pub(super) fn prepare(args: &Args) -> anyhow::Result<Input> {
    let others = args.urls.is_some() || args.tasks.is_some();
    ensure!(!others, "`parse` takes no --urls and no --tasks; hint: --corpus DIR");
    let (folder, pages) = site::pages(args.corpus.as_deref())?;
    listed(&folder, &pages)
}

fn listed(folder: &Path, pages: &[PathBuf]) -> anyhow::Result<Input> {
    ensure!(!pages.is_empty(), "no page in {}", folder.display());
    let mut list = NamedTempFile::new()?;
    let mut bytes = 0;
    for page in pages {
        let page = std::path::absolute(folder.join(page))?;
        bytes += std::fs::metadata(&page).with_context(|| format!("no page {}", page.display()))?.len();
        writeln!(list, "{}", page.to_str().with_context(|| format!("{} is not UTF-8", page.display()))?)?;
    }
    let about = format!("{} pages, {:.1} MB, of {}", pages.len(), bytes as f64 / 1e6, folder.display());
    Ok(Input::new(list.path().to_owned(), about, vec![Box::new(list)]))
}

/// The pages themselves.
pub(super) fn texts(list: &OsStr) -> anyhow::Result<Vec<String>> {
    let read = |page: &str| {
        let bytes = std::fs::read(page).with_context(|| format!("cannot read {page}"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    std::fs::read_to_string(list)?.lines().map(read).collect()
}
