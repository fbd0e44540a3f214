//! `fetch`: get a list of pages and count their bytes; and many slow ones at once.

mod curl;
mod gather;
mod reqwest;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, getrlimit, setrlimit};

use super::{Bench, Contestant, Input, Part, pages, site};
use crate::args::Args;
use crate::figure::Figure;
use crate::server::Server;

/// How many pages everybody has in flight.
const AT_ONCE: usize = 64;
/// A list that is shorter is gone through several times in a pass, so that no one's start-up counts.
const PAGES: usize = 5_000;

/// How many of the slow pages everybody has in flight.
const SLOW_AT_ONCE: usize = 2_000;
/// How many slow pages there are in a pass.
const SLOW_PAGES: usize = 10_000;
/// How long a slow page takes.
const LATENCY: Duration = Duration::from_millis(100);

pub(super) static BENCH: Bench = Bench {
    name: "fetch",
    about: "get a list of pages, 64 at once; get 10,000 that take 100 ms each, 2,000 at once",
    parts: &[FETCH, LATENT],
    packages: &["async-std", "surf", "hyper", "hyper-util", "reqwest", "tokio", "mimalloc"],
    prepare,
};

const FETCH: Part = Part {
    name: "fetch",
    figures: &Figure::OF_PAGES,
    contestants: &[
        Contestant::new("gather", gather::fetch),
        Contestant::new("gather (transport)", gather::transport),
        Contestant::new("reqwest", reqwest::fetch),
        Contestant::new("curl", curl::fetch),
    ],
};

const LATENT: Part = Part {
    name: "latency",
    figures: &[Figure::seconds_per_pass("latency"), Figure::cpu("latency cpu", "us/page")],
    contestants: &[Contestant::new("gather", gather::latency), Contestant::new("reqwest", reqwest::latency)],
};

/// A folder with the two lists.
fn prepare(args: &Args) -> anyhow::Result<Input> {
    let found = pages::find(args)?;
    let times = PAGES.div_ceil(found.urls.len().max(1));
    let urls: Vec<String> = std::iter::repeat_n(&found.urls, times).flatten().cloned().collect();
    let (lists, slow_site) = (tempfile::tempdir()?, tempfile::tempdir()?);
    std::fs::write(slow_site.path().join("page.html"), "<title>slow</title>")?;
    let slow = Server::start(slow_site.path(), LATENCY)?;
    let slow_urls: Vec<String> = (0..SLOW_PAGES).map(|n| format!("{}page.html?{n}", slow.url())).collect();
    pages::write_list(&fast_list(lists.path().as_os_str()), &urls)?;
    pages::write_list(&slow_list(lists.path().as_os_str()), &slow_urls)?;
    let about =
        format!("{}, {} in a pass; {SLOW_PAGES} pages that take {LATENCY:?}", found.about, urls.len());
    Ok(Input::new(lists.path().to_owned(), about, vec![Box::new((lists, slow_site, slow, found.server))]))
}

fn fast_list(lists: &OsStr) -> PathBuf {
    Path::new(lists).join("pages.txt")
}

fn slow_list(lists: &OsStr) -> PathBuf {
    Path::new(lists).join("slow.txt")
}

/// The slow pages; their connections need as many open files.
fn slow_urls(lists: &OsStr) -> anyhow::Result<Vec<String>> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")?;
    site::list(&slow_list(lists))
}
