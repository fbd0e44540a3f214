//! `scrape`: fetch a list of pages over HTTP, take the title and the links of each.

mod gather;
mod pages;
mod reqwest;

use super::{Bench, Contestant};
use crate::figure::Figure;

/// How many pages everybody has in flight.
const AT_ONCE: usize = 64;

pub(super) static BENCH: Bench = Bench {
    name: "scrape",
    about: "fetch a list of pages, 64 at once, and take the title and the links of each",
    item: "page",
    figures: &[Figure::ItemsPerSecond, Figure::MegabytesPerSecond, Figure::Cpu, Figure::PeakMemory],
    contestants: &[
        Contestant { who: "gather", run: gather::run },
        Contestant { who: "reqwest+scraper", run: reqwest::run },
    ],
    packages: &["async-std", "surf", "hyper", "scraper", "reqwest", "tokio", "mimalloc"],
    prepare: pages::prepare,
};
