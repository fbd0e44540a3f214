//! Work started at each tick, and what becomes of it when the next one comes before it is done.

use std::future::Future;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::pin::pin;

use futures::future::{Either, FutureExt, select};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{Every, Tick};
use crate::cancel::{CancelToken, Cancelled};
use crate::context::Context;
use crate::outcome::{Ended, Outcome, Reason};
use crate::task::{Task, begin};
use crate::unseen::{Fault, Unseen};

/// What [`Every::run`] does at a tick while earlier work is still running.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
/// use gather_core::{Overlap, every, sleep, test, timeout};
///
/// // A tick every 10 s, work of 15 s: how much is done in a minute?
/// let done_in_a_minute = |overlap| test(1, async move {
///     let done = Arc::new(AtomicU32::new(0));
///     let count = done.clone();
///     let pieces = every(Duration::from_secs(10)).overlap(overlap).run(move |_tick| {
///         let count = count.clone();
///         async move {
///             sleep(Duration::from_secs(15)).await;
///             count.fetch_add(1, Ordering::SeqCst);
///         }
///     });
///     assert!(timeout(Duration::from_secs(59), pieces).await.is_err());
///     done.load(Ordering::SeqCst)
/// });
/// assert_eq!(done_in_a_minute(Overlap::Wait), 3);
/// assert_eq!(done_in_a_minute(Overlap::Allow(NonZeroUsize::new(2).unwrap())), 5);
/// assert_eq!(done_in_a_minute(Overlap::Restart), 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// The next tick waits until the work is done; ticks due meanwhile follow [`Missed`](crate::Missed).
    #[default]
    Wait,
    /// So many pieces of work run at once; when there are as many, the next tick waits for one of them.
    Allow(NonZeroUsize),
    /// The work in progress is cancelled, as by [`Task::cancel`], and gone before the next begins.
    Restart,
}

impl Every {
    /// Starts `work` at each tick, as a task of its own, until the current scope is cancelled.
    ///
    /// Then it begins no more, waits for what runs, which is below that scope and sees the same cancelling, and
    /// returns the reason. A panic ends its piece of work only, and goes to the [`reporter`](crate::Root::reporter) of
    /// the root scope. Dropping the future cancels what runs.
    ///
    /// `work` itself is called in the caller's task; what it returns runs on the executor.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{CancelToken, Reason, every, run};
    ///
    /// let scope = CancelToken::new();
    /// let stop = scope.clone();
    /// let thrice = every(Duration::from_millis(5)).run(move |tick| {
    ///     let stop = stop.clone();
    ///     async move {
    ///         if tick.number == 2 {
    ///             stop.cancel(Reason::new("three times are enough"));
    ///         }
    ///     }
    /// });
    /// let reason = run(scope.within(thrice));
    /// assert_eq!(reason.unwrap().why(), "three times are enough");
    /// ```
    #[track_caller]
    pub fn run<F>(self, work: impl FnMut(Tick) -> F) -> impl Future<Output = Reason>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.run_from(Location::caller(), work)
    }

    async fn run_from<F>(
        mut self,
        place: &'static Location<'static>,
        mut work: impl FnMut(Tick) -> F,
    ) -> Reason
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut cancelled = CancelToken::current().cancelled();
        let mut pieces = Pieces { overlap: self.overlap, running: FuturesUnordered::new() };
        loop {
            match self.next(&mut pieces, &mut cancelled).await {
                Ok(tick) => pieces.running.push(begin(None, place, work(tick))),
                Err(reason) => {
                    pieces.wait_for_all().await;
                    return reason;
                }
            }
        }
    }

    /// The tick at which the next piece of work begins, unless the scope is cancelled before that.
    async fn next(&mut self, pieces: &mut Pieces, cancelled: &mut Cancelled) -> Result<Tick, Reason> {
        let tick = {
            let tick = pin!(async {
                pieces.wait_for_room().await;
                pieces.watched_until(self.tick()).await
            });
            match select(&mut *cancelled, tick).await {
                Either::Left((reason, _)) => return Err(reason),
                Either::Right((tick, _)) => tick,
            }
        };
        pieces.make_way().await; // not raced with the cancelling: what it stops is to be gone when we return
        match cancelled.now_or_never() {
            Some(reason) => Err(reason),
            None => Ok(tick),
        }
    }
}

/// The pieces of work that are not known to be over.
struct Pieces {
    overlap: Overlap,
    running: FuturesUnordered<Task<()>>,
}

impl Pieces {
    async fn wait_for_room(&mut self) {
        while let Some(Some(outcome)) = self.running.next().now_or_never() {
            over(outcome);
        }
        while self.running.len() >= self.most()
            && let Some(outcome) = self.running.next().await
        {
            over(outcome);
        }
    }

    /// Waits for the tick; a piece that ends meanwhile is seen at once, and its panic told.
    async fn watched_until(&mut self, tick: impl Future<Output = Tick>) -> Tick {
        let mut tick = pin!(tick);
        while !self.running.is_empty() {
            match select(tick.as_mut(), self.running.next()).await {
                Either::Left((tick, _)) => return tick,
                Either::Right((outcome, _)) => outcome.into_iter().for_each(over),
            }
        }
        tick.await
    }

    fn most(&self) -> usize {
        match self.overlap {
            Overlap::Wait => 1,
            Overlap::Allow(most) => most.get(),
            Overlap::Restart => usize::MAX, // the one there is makes way at the tick
        }
    }

    async fn make_way(&mut self) {
        if self.overlap == Overlap::Restart {
            for task in std::mem::take(&mut self.running) {
                over(task.cancel(Reason::new("the next tick has come")).await);
            }
        }
    }

    async fn wait_for_all(&mut self) {
        while let Some(outcome) = self.running.next().await {
            over(outcome);
        }
    }
}

/// A panic has ended its piece of work only. Nobody else will look at it, so it goes to the reporter.
fn over(outcome: Outcome<()>) {
    if let Err(Ended::Panicked(panic)) = outcome {
        Context::current().tell(&Unseen::new(None, Fault::Panicked(panic)));
    }
}
