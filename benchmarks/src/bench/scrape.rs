//! `scrape`: fetch a list of pages over HTTP, take the title and the links of each.

mod aiohttp;
mod gather;
mod reqwest;

use super::{Bench, Contestant, Part, pages};
use crate::figure::Figure;

/// How many pages everybody has in flight.
const AT_ONCE: usize = 64;

pub(super) static BENCH: Bench = Bench {
    name: "scrape",
    about: "fetch a list of pages, 64 at once, and take the title and the links of each",
    parts: &[Part {
        name: "scrape",
        figures: &Figure::OF_PAGES,
        contestants: &[
            Contestant::new("gather", gather::run),
            Contestant::new("reqwest+scraper", reqwest::run),
            Contestant::where_it_is("aiohttp+lexbor", aiohttp::run, aiohttp::is_here),
        ],
    }],
    packages: &["async-std", "surf", "hyper", "scraper", "reqwest", "tokio", "mimalloc"],
    prepare: pages::listed,
};
