//! The loop: takes leases, has them fetched, commits what came of them.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use gather_core::{Cancelled, Task, cancelled, now, sleep, spawn};
use gather_scraper::Stats;

use crate::clock;
use crate::error::Error;
use crate::fetcher::{Fetched, Fetcher};
use crate::model::{Counts, Lease, PageEnd, Room, State, Stored};
use crate::store::Store;

/// The longest that a page waits for its commit.
const COMMIT_WITHIN: Duration = Duration::from_millis(50);

/// A batch of so many pages is committed at once.
const BATCH: usize = 64;

/// From one lease to the next, where few places are free.
const LEASE_APART: Duration = Duration::from_millis(20);

/// How often somebody with nothing to do looks whether another worker has died or found something.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// So many records are handed out at a time.
const RECORDS: u32 = 1_000;

/// Limits on a whole crawl that its user set; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Most {
    pub(crate) pages: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) time: Option<Duration>,
}

/// A crawl on its way. Dropped, it stops at once: what was leased is given back by whoever goes on with the store.
pub struct Crawl {
    pub(crate) store: Box<dyn Store>,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) grace: Duration,
    pub(crate) max_depth: Option<u64>,
    pub(crate) most: Most,
    pub(crate) progress: Progress,
}

/// Fetches a page; a panic in that is a failure of this page and no other.
async fn fetched(fetcher: Arc<Fetcher>, lease: Lease) -> Fetched {
    let broken = Fetched::broken(&lease, "it panicked");
    AssertUnwindSafe(fetcher.fetch(lease)).catch_unwind().await.unwrap_or(broken)
}

/// Where the loop is.
pub(crate) struct Progress {
    running: FuturesUnordered<Task<Fetched>>,
    /// Ends that are not committed yet, and since when the first of them waits.
    ends: Vec<PageEnd>,
    first_end: Option<Instant>,
    last_record: i64,
    /// When there may be something to lease.
    lease_at: i64,
    /// When something was leased last.
    leased_at: Option<Instant>,
    /// When the leases of the dead were last looked for.
    reclaimed: Option<Instant>,
    started: Instant,
    stopping: Option<Instant>,
    /// It listens all the time: who does not gets no time to end by himself.
    cancelled: Cancelled,
    stopped_by: Option<&'static str>,
    bytes: u64,
    fetched: u64,
    done: u64,
    stats: Stats,
    over: bool,
}

impl Progress {
    pub(crate) fn behind(last_record: i64) -> Self {
        Self {
            running: FuturesUnordered::new(),
            ends: Vec::new(),
            first_end: None,
            last_record,
            lease_at: 0,
            leased_at: None,
            reclaimed: None,
            started: now(),
            stopping: None,
            cancelled: cancelled(),
            stopped_by: None,
            bytes: 0,
            fetched: 0,
            done: 0,
            stats: Stats::default(),
            over: false,
        }
    }
}

impl std::fmt::Debug for Crawl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crawl").field("jobs", &self.jobs).field("most", &self.most).finish_non_exhaustive()
    }
}

impl Crawl {
    /// The next records, each of a page that is in the store by now; `None` when the crawl is finished, or was stopped: by
    /// a limit, or because its scope was cancelled and what ran is done or out of its grace.
    ///
    /// Pages are fetched on while the caller is busy with the records, until as many as `jobs` are done. Dropping the
    /// future loses nothing: the next call goes on.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn next(&mut self) -> Result<Option<Vec<Stored>>, Error> {
        loop {
            let records = self.store.records_after(self.progress.last_record, RECORDS).await?;
            if let Some(last) = records.last() {
                self.progress.last_record = last.number;
                return Ok(Some(records));
            }
            if self.progress.over {
                return Ok(None);
            }
            self.step().await?;
        }
    }

    /// Goes on until a batch was committed, or nothing is left to do.
    async fn step(&mut self) -> Result<(), Error> {
        loop {
            self.note_stop();
            if self.is_out_of_time() {
                return self.end().await;
            }
            if self.is_commit_due() {
                return self.commit().await;
            }
            self.fill().await?;
            if self.progress.running.is_empty() && self.progress.ends.is_empty() && self.is_over().await? {
                return self.end().await;
            }
            if self.wait().await {
                return Ok(());
            }
        }
    }

    fn note_stop(&mut self) {
        let progress = &mut self.progress;
        if progress.stopping.is_none() && (&mut progress.cancelled).now_or_never().is_some() {
            progress.stopping = Some(now());
        }
        let (bytes, time) = (progress.bytes, now() - progress.started);
        if progress.stopped_by.is_none() {
            progress.stopped_by = match self.most {
                Most { bytes: Some(most), .. } if bytes >= most => Some("max_bytes"),
                Most { time: Some(most), .. } if time >= most => Some("max_time"),
                _ => None,
            };
            if progress.stopped_by == Some("max_time") {
                progress.stopping.get_or_insert_with(now);
            }
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.progress.stopping.is_some_and(|since| now() - since >= self.grace)
    }

    fn takes_no_more(&self) -> bool {
        self.progress.stopping.is_some() || self.progress.stopped_by.is_some()
    }

    /// Waiting for more pages saves commits only as long as something runs that could bring them.
    fn is_commit_due(&self) -> bool {
        let Progress { ends, first_end, running, .. } = &self.progress;
        let late = first_end.is_some_and(|first| now() - first >= COMMIT_WITHIN);
        !ends.is_empty() && (late || ends.len() >= BATCH || running.is_empty())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        self.store.commit(&self.progress.ends, self.max_depth).await?;
        self.progress.ends.clear();
        self.progress.first_end = None;
        self.progress.lease_at = 0;
        Ok(())
    }

    /// Takes as many leases as there are places.
    async fn fill(&mut self) -> Result<(), Error> {
        let free = self.jobs.get().saturating_sub(self.progress.running.len());
        if self.takes_no_more() || free == 0 || clock::now() < self.progress.lease_at {
            return Ok(());
        }
        // Many leases at once are cheaper; pages that hang hold nobody up for it.
        let waited = self.progress.leased_at.is_none_or(|at| now() - at >= LEASE_APART);
        if free * 4 < self.jobs.get() && !waited {
            return Ok(());
        }
        self.progress.leased_at = Some(now());
        if self.progress.reclaimed.is_none_or(|at| now() - at >= LOOK_AGAIN) {
            self.store.reclaim(clock::now()).await?;
            self.progress.reclaimed = Some(now());
        }
        let room = Room { leases: u32::try_from(free).unwrap_or(u32::MAX), now: clock::now() };
        let leased = self.store.lease(room, self.most.pages).await?;
        let look_again = room.now.saturating_add(clock::millis(LOOK_AGAIN));
        self.progress.lease_at = leased.next.map_or(look_again, |next| next.min(look_again));
        if leased.leases.len() == free {
            self.progress.lease_at = 0;
        }
        for lease in leased.leases {
            self.progress.running.push(spawn(fetched(self.fetcher.clone(), lease)));
        }
        Ok(())
    }

    /// Whether there is nothing to do now, and will not be.
    async fn is_over(&mut self) -> Result<bool, Error> {
        if self.takes_no_more() {
            return Ok(true);
        }
        if self.store.is_finished().await? {
            return Ok(true);
        }
        let Some(most) = self.most.pages else { return Ok(false) };
        let is_full = self.store.counts().await?.done >= most;
        if is_full {
            self.progress.stopped_by = Some("max_pages");
        }
        Ok(is_full)
    }

    /// Waits for a page or for the time to do something else. Returns whether the caller should look at the store, where
    /// another worker may have put records.
    async fn wait(&mut self) -> bool {
        let until_commit = self.progress.first_end.map(|first| COMMIT_WITHIN.saturating_sub(now() - first));
        let until_lease = self.progress.lease_at.saturating_sub(clock::now()).max(1);
        let until_lease = Duration::from_millis(u64::try_from(until_lease).unwrap_or(1));
        let is_idle = self.progress.running.is_empty();
        let pause = until_commit.unwrap_or(LOOK_AGAIN).min(if is_idle { until_lease } else { LOOK_AGAIN });
        let pause =
            if self.jobs.get() > self.progress.running.len() { pause.min(until_lease) } else { pause };
        let mut timer = std::pin::pin!(sleep(pause));
        let is_stopping = self.progress.stopping.is_some();
        let cancelled = &mut self.progress.cancelled;
        let interrupted = async {
            if is_stopping {
                std::future::pending::<()>().await;
            }
            cancelled.await
        };
        let mut interrupted = std::pin::pin!(interrupted);
        let woken = select(&mut timer, &mut interrupted);
        if is_idle {
            woken.await;
            return true;
        }
        let ended = match select(self.progress.running.next(), woken).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => None,
        };
        // A task that was cancelled leaves its lease: it is given back at the end.
        if let Some(Ok(fetched)) = ended {
            self.take(fetched);
        }
        false
    }

    fn take(&mut self, fetched: Fetched) {
        self.progress.bytes += fetched.end.bytes;
        self.progress.fetched += u64::from(fetched.end.attempts > 0 && fetched.end.asked_until.is_some());
        self.progress.done += u64::from(fetched.end.state == State::Done);
        if let Some(stats) = &fetched.stats {
            self.progress.stats.merge(stats);
        }
        self.progress.first_end.get_or_insert_with(now);
        self.progress.ends.push(fetched.end);
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.progress.running.clear();
        self.commit().await?;
        self.store.release().await?;
        self.progress.over = true;
        Ok(())
    }

    /// Hands out the records behind this number alone: earlier ones are known already.
    pub fn skip_to(&mut self, number: i64) {
        self.progress.last_record = self.progress.last_record.max(number);
    }

    /// Stops: what was fetched is committed, what runs is given back.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn stop(&mut self) -> Result<(), Error> {
        if self.progress.over { Ok(()) } else { self.end().await }
    }

    /// Closes the store, so that all of it is in its one file. To be called when [`next`](Self::next) has given `None`.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn close(self) -> Result<(), Error> {
        self.store.close().await
    }

    /// How many URLs are in each state.
    ///
    /// # Errors
    /// The store can no longer be used.
    pub async fn counts(&mut self) -> Result<Counts, Error> {
        self.store.counts().await
    }

    /// The limit that stopped the crawl: `max_pages`, `max_bytes`, `max_time`.
    pub fn stopped_by(&self) -> Option<&'static str> {
        self.progress.stopped_by
    }

    /// How many pages this run has done.
    pub fn done(&self) -> u64 {
        self.progress.done
    }

    /// How many requests for pages this run has made.
    pub fn fetched(&self) -> u64 {
        self.progress.fetched
    }

    /// The bytes of the pages of this run, decoded.
    pub fn bytes(&self) -> u64 {
        self.progress.bytes
    }

    /// How well the fields of this run's pages were filled.
    pub fn stats(&self) -> &Stats {
        &self.progress.stats
    }

    /// The store.
    pub fn store(&mut self) -> &mut dyn Store {
        &mut *self.store
    }
}
