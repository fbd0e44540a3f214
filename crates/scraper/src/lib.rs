//! From any page to clean records: recipes, selectors, links, charsets, bounded parsing.
//!
//! A [`Page`] is decoded bytes, a [`Recipe`] says what to take from it, an [`Extraction`] is what was
//! taken. Parsing is bounded ([`Limits`]) and synchronous: run it where blocking is allowed.
//! With the feature `fetch` (on by default) a `Scraper` gets the pages too, and parses on the CPU lane.
//!
//! ```
//! use gather_scraper::{Page, Recipe};
//!
//! let recipe = Recipe::builder().each("article").field("title", "h3 a@title").spec("price:number=.price").build()?;
//! let html = r#"<article><h3><a title="Tea, green">Te…</a></h3><p class=price>£51.77 incl.</article>"#;
//! let found = Page::from_bytes(html, "https://shop.example/")?.records(&recipe)?;
//! assert_eq!(found.records[0].to_string(), r#"{"title":"Tea, green","price":51.77}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Modules, top to bottom; a module uses those below it:
//! `scraper` (pages over HTTP), `backlog`, `stream` (pages from anywhere), `sitemap`, `outline`, `page`, `details`, `extract`, then
//! `table`, `label`, `meta`, `embedded`, `links`, `recipe`, then `value`, `base`, `date`, `text`, `element`, `walk`, `json`, `parse`,
//! `sink`, `tokenizer`, `sight`, `phrasing`, `charset`, `html_check`, `budget`, `limits`, `error`. What the recipe format is, is in the crate's
//! README.

#[cfg(feature = "fetch")]
mod backlog;
mod base;
mod budget;
mod charset;
mod date;
mod details;
mod element;
mod embedded;
mod error;
mod extract;
mod html_check;
mod json;
mod label;
mod limits;
mod links;
mod meta;
mod outline;
mod page;
mod parse;
mod phrasing;
mod recipe;
#[cfg(feature = "fetch")]
mod scraper;
mod sight;
mod sink;
mod sitemap;
#[cfg(feature = "stream")]
mod stream;
mod table;
#[cfg(test)]
mod test_pages;
mod text;
mod tokenizer;
mod value;
mod walk;

pub use charset::{Charset, CharsetSource, charset};
pub use error::{Error, ErrorKind, RecipeError};
pub use extract::{Dropped, Extraction, Stats};
pub use gather_records::Record;
pub use limits::Limits;
pub use links::{Link, LinkOptions};
pub use outline::Outline;
pub use page::{Document, Page, PageBuilder};
pub use recipe::model::Request;
pub use recipe::{RECIPE_SCHEMA, Recipe, RecipeBuilder};
#[cfg(feature = "fetch")]
pub use scraper::{Pages, Scraped, ScrapedPage, Scraper};
pub use sitemap::{Sitemap, SitemapEntry};
#[cfg(feature = "stream")]
pub use stream::scrape;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
