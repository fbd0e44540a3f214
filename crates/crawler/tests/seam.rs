//! A store and hooks of somebody else, with what the crate makes public alone.

#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is how a failure is said")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gather_crawler::{
    Bounds, Change, Counts, Crawl, Ends, Error, ErrorKind, Found, Hooks, HostCounts, Keep, Lease, Leased,
    PageEnd, Plan, Rate, Record, RobotsFile, Room, SqliteStore, State, Store, Stored, Trouble, Verdict,
};
use gather_site::{Mock, Reply};

/// A store whose disk is full after so many commits.
struct Filling {
    inner: SqliteStore,
    room: usize,
}

#[async_trait]
impl Store for Filling {
    async fn begin(&mut self, plan: &Plan, seeds: &[Found]) -> Result<(), Error> {
        self.inner.begin(plan, seeds).await
    }
    async fn reclaim(&mut self, now: i64) -> Result<u64, Error> {
        self.inner.reclaim(now).await
    }
    async fn lease(&mut self, room: Room, most: Option<u64>) -> Result<Leased, Error> {
        self.inner.lease(room, most).await
    }
    async fn commit(&mut self, ends: &Ends, bounds: Bounds) -> Result<(), Error> {
        if self.room == 0 {
            return Err(Error::new(ErrorKind::Full, "no space left").hinted("make room"));
        }
        self.room -= 1;
        self.inner.commit(ends, bounds).await
    }
    async fn robots(&mut self, host: &str) -> Result<Option<RobotsFile>, Error> {
        self.inner.robots(host).await
    }
    async fn begin_round(&mut self) -> Result<i64, Error> {
        self.inner.begin_round().await
    }
    async fn changes_after(&mut self, number: i64, most: u32) -> Result<Vec<Change>, Error> {
        self.inner.changes_after(number, most).await
    }
    async fn removals(&mut self) -> Result<u64, Error> {
        self.inner.removals().await
    }
    async fn release(&mut self) -> Result<(), Error> {
        self.inner.release().await
    }
    async fn records_after(&mut self, number: i64, most: u32) -> Result<Vec<Stored>, Error> {
        self.inner.records_after(number, most).await
    }
    async fn last_record(&mut self) -> Result<i64, Error> {
        self.inner.last_record().await
    }
    async fn record_count(&mut self) -> Result<u64, Error> {
        self.inner.record_count().await
    }
    async fn is_finished(&mut self) -> Result<bool, Error> {
        self.inner.is_finished().await
    }
    async fn counts(&mut self) -> Result<Counts, Error> {
        self.inner.counts().await
    }
    async fn seed_counts(&mut self) -> Result<Counts, Error> {
        self.inner.seed_counts().await
    }
    async fn seed_troubles(&mut self) -> Result<Vec<Trouble>, Error> {
        self.inner.seed_troubles().await
    }
    async fn troubles(&mut self, after: (i64, i64), most: u32) -> Result<Vec<Trouble>, Error> {
        self.inner.troubles(after, most).await
    }
    async fn by_kind(&mut self) -> Result<Vec<(State, String, u64)>, Error> {
        self.inner.by_kind().await
    }
    async fn rate(&mut self, now: i64) -> Result<Rate, Error> {
        self.inner.rate(now).await
    }
    async fn hosts(&mut self, most: u32) -> Result<Vec<HostCounts>, Error> {
        self.inner.hosts(most).await
    }
    async fn note(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.inner.note(name).await
    }
    async fn keep_note(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.inner.keep_note(name, value).await
    }
    async fn verify(&mut self) -> Result<Vec<String>, Error> {
        self.inner.verify().await
    }
    async fn close(self: Box<Self>) -> Result<(), Error> {
        Box::new(self.inner).close().await
    }
}

fn site() -> Mock {
    Mock::start(|request| match request.path() {
        "/robots.txt" => Reply::status(404),
        "/" => Reply::html("<title>home</title><a href=/a><a href=/skip>"),
        path => Reply::html(format!("<title>{path}</title>")),
    })
    .unwrap()
}

#[test]
fn a_store_that_takes_no_more_ends_the_crawl_with_its_own_words_and_keeps_what_it_has() {
    gather_core::run(async {
        let (site, folder) = (site(), tempfile::tempdir().unwrap());
        let path = folder.path().join("a.db");
        // The first commit is robots.txt, the second the seed.
        let store = Filling { inner: SqliteStore::create(&path, true).await.unwrap(), room: 2 };
        let mut crawl = Crawl::builder().seed(site.url()).begin(Box::new(store)).await.unwrap();
        let mut seen = 0;
        let error = loop {
            match crawl.next().await {
                Ok(records) => seen += records.unwrap().len(),
                Err(error) => break error,
            }
        };
        assert_eq!((seen, error.kind(), error.hint()), (1, ErrorKind::Full, Some("make room")));
        drop(crawl);
        let store = SqliteStore::create(&path, true).await.unwrap();
        let mut crawl = Crawl::builder().seed(site.url()).begin(Box::new(store)).await.unwrap();
        while crawl.next().await.unwrap().is_some() {}
        assert_eq!(crawl.counts().await.unwrap().done, 3);
        assert!(crawl.store().await.verify().await.unwrap().is_empty());
        crawl.close().await.unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    })
    .unwrap();
}

/// Notes what it is told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

impl Hooks for Told {
    fn before_fetch(&self, lease: &Lease) -> Verdict {
        self.note("before");
        if lease.url.ends_with("/skip") { Verdict::Skip } else { Verdict::Fetch }
    }
    fn page(&self, end: &PageEnd) {
        self.note(end.state.as_str());
    }
    fn record(&self, record: &mut Record) -> Keep {
        self.note("record");
        if record.get("title").is_some_and(|title| title == "/a") { Keep::No } else { Keep::Yes }
    }
    fn end(&self, counts: &Counts) {
        self.note(&format!("end with {} done and {} skipped", counts.done, counts.skipped));
    }
}

#[test]
fn hooks_are_asked_in_their_order_and_their_answers_hold() {
    gather_core::run(async {
        let (site, told) = (site(), Told::default());
        let store = SqliteStore::in_memory().await.unwrap();
        let builder = Crawl::builder().seed(site.url()).jobs(std::num::NonZeroUsize::MIN).hooks(told.clone());
        let mut crawl = builder.begin(Box::new(store)).await.unwrap();
        let mut records = Vec::new();
        while let Some(more) = crawl.next().await.unwrap() {
            records.extend(more);
        }
        assert_eq!(records.len(), 1, "one was left out");
        assert_eq!(site.calls_of("/skip"), 0);
        let expected = [
            "before",
            "done",
            "record",
            "before",
            "done",
            "record",
            "before",
            "end with 2 done and 1 skipped",
        ];
        assert_eq!(*told.0.lock().unwrap(), expected);
    })
    .unwrap();
}
