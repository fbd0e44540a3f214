//! Where the pages come from, and the list of their URLs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::NamedTempFile;

use super::{Input, site};
use crate::args::Args;
use crate::server::Server;

/// What stays as it is in a URL's path.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Pages on a server.
pub(super) struct Pages {
    pub(super) urls: Vec<String>,
    pub(super) about: String,
    /// Gone with this; `None` if the user runs it.
    pub(super) server: Option<Server>,
}

/// The pages of the user's own server (`--urls`), of a corpus or of the site that ships with the project, served by a
/// process of its own.
pub(super) fn find(args: &Args) -> anyhow::Result<Pages> {
    ensure!(args.tasks.is_none(), "pages take no --tasks; hint: --corpus DIR or --urls FILE");
    if let Some(file) = &args.urls {
        let urls = site::list(file)?;
        let about = format!("{} URLs of {}, from a server of your own", urls.len(), file.display());
        return Ok(Pages { urls, about, server: None });
    }
    let (folder, pages) = site::pages(args.corpus.as_deref())?;
    serve(&folder, &pages)
}

/// The list of the pages' URLs, in a file.
pub(super) fn listed(args: &Args) -> anyhow::Result<Input> {
    let Pages { urls, about, server } = find(args)?;
    let file = NamedTempFile::new()?;
    write_list(file.path(), &urls)?;
    Ok(Input::new(file.path().to_owned(), about, vec![Box::new(file), Box::new(server)]))
}

/// Writes a list of URLs, one a line.
pub(super) fn write_list(file: &Path, urls: &[String]) -> anyhow::Result<()> {
    std::fs::write(file, urls.join("\n")).with_context(|| format!("cannot write {}", file.display()))
}

fn serve(site: &Path, pages: &[PathBuf]) -> anyhow::Result<Pages> {
    ensure!(!pages.is_empty(), "no page in {}", site.display());
    let server = Server::start(site, Duration::ZERO)?;
    let mut urls = Vec::new();
    let mut bytes = 0;
    for page in pages {
        let path = page.to_str().with_context(|| format!("{} is not UTF-8", page.display()))?;
        urls.push(format!("{}{}", server.url(), utf8_percent_encode(path, IN_PATH)));
        bytes +=
            std::fs::metadata(site.join(page)).with_context(|| format!("no page {}", page.display()))?.len();
    }
    let megabytes = bytes as f64 / 1e6;
    let about =
        format!("{} pages, {megabytes:.1} MB, of {}, served by gather-site", pages.len(), site.display());
    Ok(Pages { urls, about, server: Some(server) })
}
