//! What a program may say to each step of a crawl.

use gather_records::Record;

use crate::model::{Counts, Lease, PageEnd};

/// Whether a page is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Fetch,
    /// It is left out: state `skipped`, kind `hook`.
    Skip,
}

/// Whether a record is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is, as it is now.
    Yes,
    /// It is left out.
    No,
}

/// What a program may say to each step of a crawl. For each page in this order: [`before_fetch`](Self::before_fetch),
/// [`page`](Self::page), [`record`](Self::record) for each of its records; then the page is committed, and its records are
/// handed out by [`Crawl::next`](crate::Crawl::next). [`end`](Self::end) comes last, once a run. A sitemap goes the way of a page.
///
/// A page that was fetched and not committed before a kill goes through them again. They are called from the tasks of the
/// pages, several at once, so they are to be quick; one that panics fails its page alone.
///
/// ```
/// use gather_crawler::{Crawl, Hooks, Keep, Record, SqliteStore};
/// use gather_site::{Mock, Reply};
///
/// struct Shout;
///
/// impl Hooks for Shout {
///     fn record(&self, record: &mut Record) -> Keep {
///         record.insert("title", "LOUD");
///         Keep::Yes
///     }
/// }
///
/// # gather_core::run(async {
/// let site = Mock::start(|_| Reply::html("<title>quiet</title>")).unwrap();
/// let folder = tempfile::tempdir().unwrap();
/// let store = SqliteStore::create(&folder.path().join("a.db"), false).await.unwrap();
/// let mut crawl = Crawl::builder().seed(site.url()).hooks(Shout).begin(Box::new(store)).await.unwrap();
/// let records = crawl.next().await.unwrap().unwrap();
/// assert_eq!(records[0].record.get("title").unwrap(), "LOUD");
/// # }).unwrap();
/// ```
pub trait Hooks: Send + Sync {
    /// Before a page is asked for, once robots.txt allows it. Default: it is fetched.
    fn before_fetch(&self, _lease: &Lease) -> Verdict {
        Verdict::Fetch
    }

    /// What became of a page. Default: nothing.
    fn page(&self, _end: &PageEnd) {}

    /// A record, which may be changed or left out. Default: it stays.
    fn record(&self, _record: &mut Record) -> Keep {
        Keep::Yes
    }

    /// The run is over: finished, stopped or cancelled. Default: nothing.
    fn end(&self, _counts: &Counts) {}
}
