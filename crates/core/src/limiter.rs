//! Limits by key: how many at once, and how fast one after the other.

mod line;
mod pace;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_lock::SemaphoreGuardArc;

use crate::time::now;
use line::Line;
use pace::{CENTURY, Pace};

/// Limits, for each key alone, how many run at once and how fast they start. Without keys: `Limiter<()>`.
///
/// Whoever wants to start stands in the line of the key: first come, first served. The head of the line waits for the
/// next slot of the rate, then for a place among those that run. So nobody holds a place while they wait for time to
/// pass, and starts never come faster than the rate. Time is that of the current clock.
///
/// With one start per interval `I` (`per / count`) and a burst of `b`, `n` starts in a row span at least `(n - b) * I`:
/// any span of `per` has at most `count + b - 1` of them, its end not included.
///
/// Defaults: no limit on how many, none on how fast; a burst of 1. Memory follows the keys in use, not all ever seen.
///
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
/// use gather_core::{Limiter, now, run};
///
/// let limiter = Limiter::new()
///     .concurrency(NonZeroUsize::MIN)
///     .rate(100, Duration::from_secs(1));
/// let took = run(async {
///     let start = now();
///     for _ in 0..3 {
///         let _permit = limiter.acquire("example.org").await;
///     }
///     now() - start
/// });
/// assert!(took.unwrap() >= Duration::from_millis(20));
/// ```
pub struct Limiter<K = ()> {
    concurrency: Option<NonZeroUsize>,
    pace: Pace,
    keys: Mutex<Keys<K>>,
}

struct Keys<K> {
    lines: HashMap<K, Arc<Line>>,
    /// Idle ones are swept out when there are this many, so that a key costs the same however many there are.
    sweep_at: usize,
}

const SWEEP_AT_LEAST: usize = 64;

impl<K> Limiter<K> {
    /// A limiter with the defaults: it limits nothing, but can [`hold`](Self::hold).
    pub fn new() -> Self {
        let keys = Keys { lines: HashMap::new(), sweep_at: SWEEP_AT_LEAST };
        Self { concurrency: None, pace: Pace::default(), keys: Mutex::new(keys) }
    }

    /// How many permits of a key there are at once. The default is no limit.
    #[must_use]
    pub fn concurrency(mut self, limit: NonZeroUsize) -> Self {
        self.concurrency = Some(limit);
        self
    }

    /// So many starts of a key in a span of `per`, evenly: the next one an interval of `per / count` after the last,
    /// rounded up to whole nanoseconds. A count of 0 counts as 1, an interval of more than a century as a century.
    /// The default is no limit, as is a `per` of zero.
    #[must_use]
    pub fn rate(mut self, count: u32, per: Duration) -> Self {
        self.pace = self.pace.with_rate(count, per);
        self
    }

    /// How many may start at once after a quiet time, ahead of the rate; 0 counts as 1. The default is 1: none is ahead.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::Limiter;
    ///
    /// let limiter = Limiter::new().rate(1, Duration::from_secs(3600)).burst(2);
    /// assert!(limiter.try_acquire(()).is_some());
    /// assert!(limiter.try_acquire(()).is_some());
    /// assert!(limiter.try_acquire(()).is_none());
    /// ```
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.pace = self.pace.with_burst(burst);
        self
    }

    /// How many keys are remembered: those in use, those that still owe time, and others not yet swept out.
    ///
    /// ```
    /// use gather_core::Limiter;
    ///
    /// let limiter = Limiter::new();
    /// let permits = [limiter.try_acquire("a"), limiter.try_acquire("b"), limiter.try_acquire("a")];
    /// assert_eq!(limiter.keys(), 2);
    /// assert!(permits.iter().all(Option::is_some));
    /// ```
    pub fn keys(&self) -> usize {
        self.known().lines.len()
    }

    fn known(&self) -> MutexGuard<'_, Keys<K>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Limiter<K> {
    /// Waits until this key may start once more. The work goes on as long as its [`Permit`] is kept.
    ///
    /// The place in the line is taken at the first poll. Dropping the future gives it up, and costs the others neither
    /// a slot nor a place nor time. It borrows nothing and can be kept; but once it stands in the line, those behind it
    /// wait for it to be polled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Limiter, run, timeout};
    ///
    /// let limiter = Limiter::new().rate(1, Duration::from_secs(3600));
    /// run(async {
    ///     let first = limiter.acquire(()).await;
    ///     assert!(timeout(Duration::from_millis(10), limiter.acquire(())).await.is_err());
    ///     drop(first);
    /// })
    /// .unwrap();
    /// ```
    pub fn acquire(&self, key: K) -> impl Future<Output = Permit> + use<K> {
        let (line, pace) = (self.line(key), self.pace);
        async move {
            let place = line.start(pace).await;
            Permit { _place: place, _line: line }
        }
    }

    /// A permit, if this key may start right now and nobody waits for it.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use gather_core::Limiter;
    ///
    /// let limiter = Limiter::new().concurrency(NonZeroUsize::MIN);
    /// let permit = limiter.try_acquire("a").unwrap();
    /// assert!(limiter.try_acquire("a").is_none());
    /// assert!(limiter.try_acquire("b").is_some());
    /// drop(permit);
    /// assert!(limiter.try_acquire("a").is_some());
    /// ```
    pub fn try_acquire(&self, key: K) -> Option<Permit> {
        let line = self.line(key);
        let place = line.try_start(self.pace, now())?;
        Some(Permit { _place: place, _line: line })
    }

    /// Nobody starts for this key for so long: the other side asked for it (`Retry-After`). What runs goes on.
    ///
    /// Of several holds the one that ends last counts. More than a century counts as a century.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::Limiter;
    ///
    /// let limiter = Limiter::new();
    /// limiter.hold("busy.example", Duration::from_secs(120));
    /// assert!(limiter.try_acquire("busy.example").is_none());
    /// assert!(limiter.try_acquire("idle.example").is_some());
    /// ```
    pub fn hold(&self, key: K, duration: Duration) {
        self.hold_until(key, now() + duration.min(CENTURY));
    }

    /// [`hold`](Self::hold), up to an instant of the current clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Limiter, now, test};
    ///
    /// test(1, async {
    ///     let (limiter, noon) = (Limiter::new(), now() + Duration::from_secs(3600));
    ///     limiter.hold_until((), noon);
    ///     let _permit = limiter.acquire(()).await;
    ///     assert_eq!(now(), noon);
    /// });
    /// ```
    pub fn hold_until(&self, key: K, when: Instant) {
        self.line(key).hold_until(when);
    }

    /// How many permits of this key there are at the moment.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    /// use std::pin::pin;
    /// use futures::FutureExt;
    /// use gather_core::Limiter;
    ///
    /// let limiter = Limiter::new().concurrency(NonZeroUsize::MIN);
    /// let permit = limiter.try_acquire("a").unwrap();
    /// let mut next = pin!(limiter.acquire("a"));
    /// assert!(next.as_mut().now_or_never().is_none());
    /// assert_eq!((limiter.running(&"a"), limiter.waiting(&"a")), (1, 1));
    /// drop(permit);
    /// assert!(next.now_or_never().is_some());
    /// ```
    pub fn running(&self, key: &K) -> usize {
        self.line_if_known(key).map_or(0, |line| line.running())
    }

    /// How many stand in the line of this key at the moment.
    pub fn waiting(&self, key: &K) -> usize {
        self.line_if_known(key).map_or(0, |line| line.waiting())
    }

    fn line(&self, key: K) -> Arc<Line> {
        let (now, limit) = (now(), self.concurrency.map_or(usize::MAX, NonZeroUsize::get));
        let mut known = self.known();
        if let Some(line) = known.lines.get(&key) {
            return line.clone();
        }
        known.sweep(now);
        let line = Arc::new(Line::new(limit, now));
        known.lines.insert(key, line.clone());
        line
    }

    fn line_if_known(&self, key: &K) -> Option<Arc<Line>> {
        self.known().lines.get(key).cloned()
    }
}

impl<K: Eq + Hash> Keys<K> {
    fn sweep(&mut self, now: Instant) {
        if self.lines.len() < self.sweep_at {
            return;
        }
        // A permit keeps its line, and so does who waits: what nobody else keeps is not in use.
        self.lines.retain(|_, line| Arc::strong_count(line) > 1 || !line.is_idle(now));
        self.sweep_at = SWEEP_AT_LEAST.max(2 * self.lines.len());
        self.lines.shrink_to(self.sweep_at);
    }
}

impl<K> Default for Limiter<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for Limiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limits = f.debug_struct("Limiter");
        limits.field("concurrency", &self.concurrency).field("pace", &self.pace).field("keys", &self.keys());
        limits.finish_non_exhaustive()
    }
}

/// A place among those that run. Dropping it, on whichever thread, frees the place.
///
/// ```
/// use std::num::NonZeroUsize;
/// use gather_core::{Limiter, Permit, run};
///
/// struct Connection {
///     _permit: Permit,
/// }
/// let limiter = Limiter::new().concurrency(NonZeroUsize::MIN);
/// run(async {
///     let connection = Connection { _permit: limiter.acquire("host").await };
///     assert!(limiter.try_acquire("host").is_none());
///     drop(connection);
///     assert!(limiter.try_acquire("host").is_some());
/// })
/// .unwrap();
/// ```
#[must_use = "the place is free again when the permit is dropped"]
pub struct Permit {
    _place: SemaphoreGuardArc,
    _line: Arc<Line>,
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}
