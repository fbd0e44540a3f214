//! A crawl that can be killed at any instant and loses nothing.
//!
//! A [`Crawl`] follows links from its seeds, politely, and takes records from the pages by a recipe. All it knows is in a
//! [`Store`]: one transaction commits a page with its links and its records, so that the same crawl begun again goes on
//! where it was, and each record is there once. [`SqliteStore`] is a store in one file.
//!
//! Modules, top to bottom; a module uses those below it: `crawl` (the options, and how it begins), `projection` (a file of
//! records), `handle` (a crawl on its way), `engine` (the loop), `fetcher` (one page), `robots` (one robots.txt), `waits`,
//! `page_times` (how long a page has been tried), `hooks`, `store` (the seam, and SQLite), `page_rules`, `sitemap`, `links`,
//! `scope`, `trap`, `canonical` (pure), `identity` (one file by several names), `model`, `clock`, `blocking`, `error`.

mod blocking;
mod canonical;
mod clock;
mod crawl;
mod engine;
mod error;
mod fetcher;
mod handle;
mod hex;
mod hooks;
mod identity;
mod links;
mod model;
mod page_rules;
mod page_times;
mod projection;
mod recent;
mod robots;
mod scope;
mod sitemap;
mod store;
mod trap;
mod waits;

pub use canonical::{Canonical, Form};
pub use crawl::CrawlBuilder;
pub use error::{Error, ErrorKind};
pub use gather_records::Record;
pub use handle::{Crawl, StoreGuard};
pub use hooks::{Hooks, Keep, Verdict};
pub use model::{
    Answered, Bounds, Change, Counts, Ends, Found, HostCounts, Known, Lease, Leased, Pace, PageEnd, Plan,
    Rate, RobotsEnd, RobotsFile, Room, State, Stored, Trouble, Work,
};
pub use projection::Projection;
pub use scope::Same;
#[cfg(feature = "sqlite")]
pub use store::SqliteStore;
pub use store::Store;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
