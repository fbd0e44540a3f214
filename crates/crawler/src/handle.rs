//! A crawl on its way, as its owner sees it.

use std::sync::{Arc, Mutex, PoisonError};

use futures::lock::MutexGuard;
use gather_core::Task;
use gather_core::channel::{Receiver, Sender};
use gather_scraper::Stats;

use crate::engine::{Account, Shared};
use crate::error::{Error, ErrorKind};
use crate::model::{Counts, Stored};
use crate::store::Store;

/// So many records are handed out at a time.
const RECORDS: u32 = 1_000;

/// The store of a crawl, for as long as this is held: nothing is committed meanwhile.
pub type StoreGuard<'a> = MutexGuard<'a, Box<dyn Store>>;

/// A crawl on its way. Dropped, it stops at once: what was leased is given back by whoever goes on with the store.
#[must_use = "dropped, it stops"]
pub struct Crawl {
    pub(crate) store: Shared,
    pub(crate) engine: Option<Task<Result<(), Error>>>,
    pub(crate) account: Arc<Mutex<Account>>,
    pub(crate) committed: Receiver<()>,
    /// Dropped to stop the loop.
    pub(crate) stop: Option<Sender<()>>,
    pub(crate) last_record: i64,
    pub(crate) is_round: bool,
}

impl std::fmt::Debug for Crawl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crawl").field("last_record", &self.last_record).finish_non_exhaustive()
    }
}

impl Crawl {
    /// The next records, each of a page that is in the store by now; `None` when the crawl is finished, or was stopped: by
    /// a limit, or because its scope was cancelled and what ran is done or out of its grace.
    ///
    /// Pages are fetched and committed on while the caller is busy with the records, which wait in the store. Dropping the
    /// future loses nothing: the next call goes on.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn next(&mut self) -> Result<Option<Vec<Stored>>, Error> {
        loop {
            let is_over = self.committed.is_closed() && self.committed.is_empty();
            let records = self.store.lock().await.records_after(self.last_record, RECORDS).await?;
            if let Some(last) = records.last() {
                self.last_record = last.number;
                return Ok(Some(records));
            }
            if is_over {
                self.join().await?;
                return Ok(None);
            }
            let _ = self.committed.recv().await; // closed: the loop has ended, and what it left is looked for once more
        }
    }

    /// Hands out the records behind this number alone: earlier ones are known already.
    pub fn skip_to(&mut self, number: i64) {
        self.last_record = self.last_record.max(number);
    }

    /// Stops: what was fetched is committed, what runs is given back.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn stop(&mut self) -> Result<(), Error> {
        self.stop = None;
        self.join().await
    }

    async fn join(&mut self) -> Result<(), Error> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        let ended = engine.await;
        self.engine = None;
        ended.map_err(|ended| Error::new(ErrorKind::Io, format!("the crawl ended: {ended}")))?
    }

    /// Closes the store, so that all of it is in its one file. To be called when [`next`](Self::next) has given `None`.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn close(mut self) -> Result<(), Error> {
        let stopped = self.stop().await;
        match Arc::try_unwrap(self.store) {
            Ok(store) => stopped.and(store.into_inner().close().await),
            Err(_) => stopped,
        }
    }

    /// How many URLs are in each state.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn counts(&mut self) -> Result<Counts, Error> {
        self.store.lock().await.counts().await
    }

    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The limit that stopped the crawl: `max_pages`, `max_bytes`, `max_time`.
    pub fn stopped_by(&self) -> Option<&'static str> {
        self.account().stopped_by
    }

    /// Until when all hosts with URLs that wait have asked to be left alone, in milliseconds of the Unix epoch, if the
    /// crawl has ended by that.
    pub fn held_until(&self) -> Option<i64> {
        self.account().held_until
    }

    /// Whether pages that were done before are asked for again, by [`refresh`](crate::CrawlBuilder::refresh) of this run or of an
    /// earlier one that did not come to its end: until this one does, any record may be taken back.
    pub fn is_round(&self) -> bool {
        self.is_round
    }

    /// How many pages this run has done.
    pub fn done(&self) -> u64 {
        self.account().done
    }

    /// How many requests for pages this run has made.
    pub fn fetched(&self) -> u64 {
        self.account().fetched
    }

    /// The bytes of the pages of this run, decoded.
    pub fn bytes(&self) -> u64 {
        self.account().bytes
    }

    /// How well the fields of this run's pages were filled.
    pub fn stats(&self) -> Stats {
        self.account().stats.clone()
    }

    /// The store. The crawl waits while this is held, so it is to be let go of before the next record is waited for.
    pub async fn store(&mut self) -> StoreGuard<'_> {
        self.store.lock().await
    }
}
