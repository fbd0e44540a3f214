//! `crawl`: follow the links of a site from its index, and take the title of each page.

mod gather;
mod peers;
mod scrapy;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use walkdir::WalkDir;

use super::{Bench, Contestant, Input, Part, small_files};
use crate::args::Args;
use crate::figure::Figure;
use crate::server::Server;

/// How many requests everybody makes at once.
const AT_ONCE: usize = 64;

/// How many pages the site has that is made where there is no corpus, and how large they are.
const PAGES: usize = 300;
const PAGE_BYTES: usize = 8_000;

/// What stores and files of a run may take.
const SPACE: u64 = 1 << 28;

pub(super) static BENCH: Bench = Bench {
    name: "crawl",
    about: "follow the links of a site from its index, 64 at once, and take the title of each page",
    parts: &[Part {
        name: "crawl",
        figures: &Figure::OF_PAGES,
        contestants: &[
            Contestant::new("gather", gather::in_a_file),
            Contestant::new("gather (in memory)", gather::in_memory),
            Contestant::new("gather (--durable)", gather::durable),
            Contestant::where_it_is("spider", peers::spider, peers::has_spider),
            Contestant::where_it_is("kumo", peers::kumo, peers::has_kumo),
            Contestant::where_it_is("scrapy", scrapy::run, scrapy::is_here).slow(),
        ],
    }],
    packages: &["async-std", "surf", "hyper", "sqlx", "libsqlite3-sys", "mimalloc"],
    prepare,
};

/// The site, served; the argument is the URL of its index.
fn prepare(args: &Args) -> anyhow::Result<Input> {
    ensure!(args.tasks.is_none() && args.urls.is_none(), "crawl takes its pages from --corpus DIR");
    let made = tempfile::Builder::new().prefix("gather-crawl-").tempdir_in(small_files::place(SPACE))?;
    let folder = match &args.corpus {
        Some(corpus) => folder_of(corpus)?,
        None => make(made.path()).map(|()| made.path().to_owned())?,
    };
    let pages = count_pages(&folder)?;
    let server = Server::start(&folder, Duration::ZERO)?;
    let index = format!("{}index.html", server.url());
    let about = format!("{pages} pages of {}, served by gather-site", folder.display());
    Ok(Input::new(index, about, vec![Box::new(server), Box::new(made)]))
}

/// Python's documentation, 530 pages, where the corpus has it; else the corpus itself.
fn folder_of(corpus: &Path) -> anyhow::Result<PathBuf> {
    let places = ["site/python3.11-doc", "site", "."].map(|place| corpus.join(place));
    let found = places.into_iter().find(|place| place.join("index.html").exists());
    found.with_context(|| format!("no index.html in {}, nor in its site", corpus.display()))
}

fn count_pages(folder: &Path) -> anyhow::Result<usize> {
    let mut pages = 0;
    for entry in WalkDir::new(folder) {
        pages += usize::from(entry?.path().extension().is_some_and(|extension| extension == "html"));
    }
    Ok(pages)
}

/// Pages that link to each other, so that each can be reached.
fn make(folder: &Path) -> anyhow::Result<()> {
    let name = |page: usize| if page == 0 { "index.html".to_owned() } else { format!("{page}.html") };
    let text = "<p>All work and no play makes a dull page. </p>\n".repeat(PAGE_BYTES / 48);
    for page in 0..PAGES {
        let links = [2 * page + 1, 2 * page + 2, page / 2, page + 7].map(|link| name(link % PAGES));
        let links: String = links.iter().map(|link| format!("<a href=\"{link}#top\">{link}</a>\n")).collect();
        let html = format!(
            "<!DOCTYPE html><html><head><title>page {page} &amp; more</title></head>\n<body>{links}{text}</body></html>"
        );
        std::fs::write(folder.join(name(page)), html)?;
    }
    Ok(())
}

/// A folder for what a contestant writes, in memory where there is room.
fn scratch() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("gather-crawl-").tempdir_in(small_files::place(SPACE))?)
}
