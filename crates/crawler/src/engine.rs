//! The loop: takes leases, has them fetched, commits what came of them. It runs as a task of its own, so that nobody who
//! is slow with the records holds up a commit.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::lock::Mutex as AsyncMutex;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use gather_core::channel::{Receiver, Sender};
use gather_core::{Cancelled, Outcome, Task, now, sleep, spawn};
use gather_scraper::Stats;

use crate::clock;
use crate::error::Error;
use crate::fetcher::{Fetched, Fetcher};
use crate::model::{Bounds, Ends, Lease, Room, State};
use crate::store::Store;

/// The longest from the end of a page to that of its commit, as long as a commit takes no more than half of it.
const COMMIT_WITHIN: Duration = Duration::from_millis(50);

/// A batch of so many pages is committed at once.
const BATCH: usize = 64;

/// From one lease to the next, where few places are free.
const LEASE_APART: Duration = Duration::from_millis(20);

/// How often somebody with nothing to do looks whether another worker has died or found something.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Limits on a whole crawl that its user set; `None` is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Most {
    pub(crate) pages: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) time: Option<Duration>,
}

/// A store that the loop and whoever reads records share.
pub(crate) type Shared = Arc<AsyncMutex<Box<dyn Store>>>;

/// What a run has come to so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) stopped_by: Option<&'static str>,
    /// Until when all that waits is held back by its hosts.
    pub(crate) held_until: Option<i64>,
    pub(crate) bytes: u64,
    pub(crate) fetched: u64,
    pub(crate) done: u64,
    pub(crate) stats: Stats,
}

/// What the loop needs, and where it is.
pub(crate) struct Engine {
    pub(crate) store: Shared,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) grace: Duration,
    pub(crate) bounds: Bounds,
    pub(crate) most: Most,
    /// From the start of a request to the next to its host, in milliseconds.
    pub(crate) apart: i64,
    /// The longest `Retry-After` that is waited for, in milliseconds: what is held back for longer stays pending.
    pub(crate) max_wait: i64,
    pub(crate) account: Arc<Mutex<Account>>,
    /// Says that there may be records.
    pub(crate) committed: Sender<()>,
    /// Closed by whoever wants no more.
    pub(crate) stop: Receiver<()>,
    pub(crate) cancelled: Cancelled,
    pub(crate) progress: Progress,
}

/// Where the loop is.
pub(crate) struct Progress {
    running: FuturesUnordered<Task<(Fetched, Instant)>>,
    /// Ends that are not committed yet, and since when the first of them waits.
    ends: Ends,
    first_end: Option<Instant>,
    /// How long the last commit took.
    commit_took: Duration,
    /// Whether one of them sets a clock that the next lease is to heed.
    urgent: bool,
    /// When there may be something to lease.
    lease_at: i64,
    leased_at: Option<Instant>,
    /// When the leases of the dead were last looked for.
    reclaimed: Option<Instant>,
    started: Instant,
    stopping: Option<Instant>,
    held: Option<i64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            running: FuturesUnordered::new(),
            ends: Ends::default(),
            first_end: None,
            commit_took: Duration::ZERO,
            urgent: false,
            lease_at: 0,
            leased_at: None,
            reclaimed: None,
            started: now(),
            stopping: None,
            held: None,
        }
    }
}

/// Fetches a page, and tells when that was done; a panic in it is a failure of this page and no other.
async fn fetched(fetcher: Arc<Fetcher>, lease: Lease) -> (Fetched, Instant) {
    let broken = Fetched::broken(&lease, "it panicked");
    (AssertUnwindSafe(fetcher.fetch(lease)).catch_unwind().await.unwrap_or(broken), now())
}

impl Engine {
    /// Until the crawl is finished, or stopped by a limit, a cancelled scope or its owner.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        loop {
            self.note_stop();
            if self.is_out_of_time() {
                return self.end().await;
            }
            if self.is_commit_due() {
                self.commit().await?;
            }
            self.fill().await?;
            let Progress { running, ends, .. } = &self.progress;
            let is_idle = running.is_empty() && ends.pages.is_empty() && ends.robots.is_empty();
            if is_idle && self.is_over().await? {
                return self.end().await;
            }
            self.wait().await;
        }
    }

    fn account(&self) -> std::sync::MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_stop(&mut self) {
        if self.progress.stopping.is_none() && (&mut self.cancelled).now_or_never().is_some() {
            self.progress.stopping = Some(now());
        }
        let time = now() - self.progress.started;
        let by = match (self.account().bytes, self.most) {
            (bytes, Most { bytes: Some(most), .. }) if bytes >= most => "max_bytes",
            (_, Most { time: Some(most), .. }) if time >= most => "max_time",
            _ => return,
        };
        let first = *self.account().stopped_by.get_or_insert(by);
        if first == "max_time" {
            self.progress.stopping.get_or_insert_with(now);
        }
    }

    fn is_out_of_time(&self) -> bool {
        self.stop.is_closed() || self.progress.stopping.is_some_and(|since| now() - since >= self.grace)
    }

    fn takes_no_more(&self) -> bool {
        self.progress.stopping.is_some() || self.account().stopped_by.is_some()
    }

    /// Waiting for more pages saves commits only as long as something runs that could bring them.
    fn is_commit_due(&self) -> bool {
        let Progress { ends, running, urgent, .. } = &self.progress;
        let count = ends.pages.len() + ends.robots.len();
        let late = self.until_commit().is_some_and(|left| left.is_zero());
        count > 0 && (late || *urgent || count >= BATCH || running.is_empty())
    }

    /// How long what waits for its commit may still wait; `None` if nothing does.
    fn until_commit(&self) -> Option<Duration> {
        let within = COMMIT_WITHIN - self.progress.commit_took.min(COMMIT_WITHIN / 2);
        self.progress.first_end.map(|first| within.saturating_sub(now() - first))
    }

    async fn commit(&mut self) -> Result<(), Error> {
        let begun = now();
        self.store.lock().await.commit(&self.progress.ends, self.bounds).await?;
        self.progress.commit_took = now() - begun;
        self.progress.ends = Ends::default();
        self.progress.first_end = None;
        self.progress.urgent = false;
        self.progress.lease_at = 0;
        let _ = self.committed.try_send(()); // one that was not looked at yet is enough
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
        let store = self.store.clone();
        let mut store = store.lock().await;
        if self.progress.reclaimed.is_none_or(|at| now() - at >= LOOK_AGAIN) {
            store.reclaim(clock::now()).await?;
            self.progress.reclaimed = Some(now());
        }
        let (leases, robots) = (u32::try_from(free).unwrap_or(u32::MAX), self.fetcher.gate.is_some());
        let room = Room { leases, now: clock::now(), robots, apart: self.apart, max_wait: self.max_wait };
        let leased = store.lease(room, self.most.pages).await?;
        let look_again = room.now.saturating_add(clock::millis(LOOK_AGAIN));
        self.progress.lease_at = leased.next.map_or(look_again, |next| next.min(look_again));
        self.progress.held = leased.next.filter(|_| leased.held);
        if leased.leases.len() == free {
            self.progress.lease_at = 0;
        }
        for lease in leased.leases {
            self.know_robots(&mut **store, &lease).await?;
            self.progress.running.push(spawn(fetched(self.fetcher.clone(), lease)));
        }
        Ok(())
    }

    /// Takes what the store knows of the host's robots.txt into memory.
    async fn know_robots(&self, store: &mut dyn Store, lease: &Lease) -> Result<(), Error> {
        let Some(gate) = &self.fetcher.gate else { return Ok(()) };
        if !gate.has(&lease.host, lease.robots_until)
            && let Some(file) = store.robots(&lease.host).await?
        {
            gate.keep(&lease.host, &file);
        }
        Ok(())
    }

    /// Whether there is nothing to do now, and will not be.
    async fn is_over(&mut self) -> Result<bool, Error> {
        if self.takes_no_more() {
            return Ok(true);
        }
        let store = self.store.clone();
        let mut store = store.lock().await;
        let counts = store.counts().await?;
        if counts.is_finished() {
            return Ok(true);
        }
        let waits_long = |until: &i64| *until > clock::now().saturating_add(self.max_wait);
        if let Some(until) = self.progress.held.filter(waits_long)
            && counts.leased == 0
        {
            self.account().held_until = Some(until);
            return Ok(true);
        }
        let is_full = self.most.pages.is_some_and(|most| counts.done >= most);
        if is_full {
            self.account().stopped_by = Some("max_pages");
        }
        Ok(is_full)
    }

    /// How long until something is to be done, if no page comes.
    fn pause(&self) -> Duration {
        let progress = &self.progress;
        let until_lease = progress.lease_at.saturating_sub(clock::now()).max(1);
        let until_lease = Duration::from_millis(u64::try_from(until_lease).unwrap_or(1));
        let free = self.jobs.get().saturating_sub(progress.running.len());
        let apart = progress.leased_at.map_or(Duration::ZERO, |at| LEASE_APART.saturating_sub(now() - at));
        let next_lease = match free * 4 < self.jobs.get() {
            true => until_lease.max(apart),
            false => until_lease,
        };
        let wants_more = free > 0 && !self.takes_no_more();
        let grace = progress.stopping.map(|since| self.grace.saturating_sub(now() - since));
        let waits = [self.until_commit(), wants_more.then_some(next_lease), grace];
        waits.into_iter().flatten().fold(LOOK_AGAIN, Duration::min)
    }

    /// Waits for a page, for somebody who stops it, or for the time to do something else.
    async fn wait(&mut self) {
        let mut next = self.next_page().await;
        // All that have ended by now go into the same commit.
        while let Some(ended) = next {
            // A task that was cancelled leaves its lease: it is given back at the end.
            if let Ok((fetched, at)) = ended {
                self.take(fetched, at);
            }
            next = self.progress.running.next().now_or_never().flatten();
        }
    }

    async fn next_page(&mut self) -> Option<Outcome<(Fetched, Instant)>> {
        let mut timer = std::pin::pin!(sleep(self.pause()));
        let is_stopping = self.progress.stopping.is_some();
        let (cancelled, stop) = (&mut self.cancelled, &self.stop);
        let interrupted = async {
            let mut closed = std::pin::pin!(stop.recv());
            if is_stopping {
                let _ = closed.await;
            } else {
                select(cancelled, &mut closed).await;
            }
        };
        let mut interrupted = std::pin::pin!(interrupted);
        let woken = select(&mut timer, &mut interrupted);
        if self.progress.running.is_empty() {
            woken.await;
            return None;
        }
        match select(self.progress.running.next(), woken).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => None,
        }
    }

    fn take(&mut self, fetched: Fetched, at: Instant) {
        let Fetched { ends, stats } = fetched;
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        for end in &ends.pages {
            account.bytes += end.bytes;
            account.fetched += u64::from(end.answered.until.is_some());
            account.done += u64::from(end.state == State::Done);
        }
        if let Some(stats) = &stats {
            account.stats.merge(stats);
        }
        let asks_for_less =
            ends.pages.iter().any(|end| end.answered.slow_down || end.answered.not_before > 0);
        // Nothing of a host is leased before its robots.txt is in the store.
        self.progress.urgent |= asks_for_less || !ends.robots.is_empty();
        self.progress.first_end = Some(self.progress.first_end.map_or(at, |first| first.min(at)));
        self.progress.ends.pages.extend(ends.pages);
        self.progress.ends.robots.extend(ends.robots);
    }

    async fn end(&mut self) -> Result<(), Error> {
        self.progress.running.clear();
        self.commit().await?;
        let mut store = self.store.lock().await;
        store.release().await?;
        if let Some(hooks) = &self.fetcher.hooks {
            hooks.end(&store.counts().await?);
        }
        Ok(())
    }
}
