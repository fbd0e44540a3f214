//! `parse`: pages in memory, as text; a tree of each, on one core, and its title and links by selectors.

mod gather;
mod pages;
mod scraper;
mod selectolax;

use super::{Bench, Contestant, Part};
use crate::figure::Figure;

/// What is taken from each page.
const TITLE: &str = "title";
const LINKS: &str = "a[href]";

pub(super) static BENCH: Bench = Bench {
    name: "parse",
    about: "make trees of pages that are in memory as text, on one core, and take the title and the links of each",
    parts: &[Part {
        name: "parse",
        figures: &[Figure::MEGABYTES_PER_SECOND],
        contestants: &[
            Contestant::new("gather", gather::run),
            Contestant::new("scraper", scraper::run),
            Contestant::where_it_is("lexbor (selectolax)", selectolax::run, selectolax::is_here),
        ],
    }],
    packages: &["scraper", "html5ever", "mimalloc"],
    prepare: pages::prepare,
};
