//! The clock that sleeps, timeouts, periods and retries go through, so that a test can own it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::timers;

/// A source of time. Clones are the same clock.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Clock, run};
///
/// let hands = Clock::manual();
/// let clock = hands.clock();
/// let later = clock.now() + Duration::from_secs(3600);
/// hands.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now(), later);
/// run(clock.sleep_until(later)).unwrap();
///
/// assert!(Clock::system().now() <= Clock::system().now());
/// ```
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<Manual>>),
}

impl Clock {
    /// The system's monotonic clock: the default everywhere.
    pub const fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands still until [`ManualClock::advance`] moves it, for tests.
    pub fn manual() -> ManualClock {
        ManualClock::new()
    }

    /// The present instant of this clock.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Instant::now(),
            Source::Manual(manual) => lock(manual).now,
        }
    }

    /// A future that is ready once this clock has reached `when`. Dropping it forgets the timer.
    pub fn sleep_until(&self, when: Instant) -> Sleep {
        Sleep(match &self.0 {
            Source::System => Timer::System(timers::Timer::at(when)),
            Source::Manual(manual) => Timer::Manual(ManualTimer { clock: manual.clone(), when, key: None }),
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock::system()",
            Source::Manual(_) => "Clock::manual()",
        })
    }
}

/// A clock in the hands of a test. What runs under it sleeps until the test advances it; sockets work as ever.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Clock, now, sleep};
///
/// let clock = Clock::manual();
/// gather_core::run(async {
///     let nap = clock.within(async {
///         let start = now();
///         sleep(Duration::from_secs(3600)).await;
///         now() - start
///     });
///     let (slept, ()) = futures::join!(nap, async { clock.advance(Duration::from_secs(3600)) });
///     assert_eq!(slept, Duration::from_secs(3600));
/// })
/// .unwrap();
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

struct Manual {
    now: Instant,
    next_key: u64,
    sleepers: BTreeMap<(Instant, u64), Waker>,
}

impl ManualClock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Manual { now: Instant::now(), next_key: 0, sleepers: BTreeMap::new() })))
    }

    /// The clock itself, to hand to what takes a [`Clock`].
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.0.clone()))
    }

    /// Moves the clock forward and wakes what is due.
    pub fn advance(&self, by: Duration) {
        let due: Vec<Waker> = {
            let mut manual = lock(&self.0);
            manual.now += by;
            let now = manual.now;
            let later = manual.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut manual.sleepers, later).into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// How many sleeps wait for this clock: a test that waits for "it sleeps now" looks here.
    pub fn sleepers(&self) -> usize {
        lock(&self.0).sleepers.len()
    }

    /// The time until the earliest sleep is due, if there is one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use futures::FutureExt;
    /// use gather_core::Clock;
    ///
    /// let hands = Clock::manual();
    /// let clock = hands.clock();
    /// let mut nap = clock.sleep_until(clock.now() + Duration::from_secs(5));
    /// assert!((&mut nap).now_or_never().is_none());
    /// assert_eq!((hands.sleepers(), hands.next_due()), (1, Some(Duration::from_secs(5))));
    /// ```
    pub fn next_due(&self) -> Option<Duration> {
        let manual = lock(&self.0);
        let ((when, _), _) = manual.sleepers.first_key_value()?;
        Some(when.saturating_duration_since(manual.now))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("sleepers", &self.sleepers()).finish()
    }
}

fn lock(manual: &Mutex<Manual>) -> MutexGuard<'_, Manual> {
    manual.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The future of a sleep; its output is nothing.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Clock, Sleep, run};
///
/// let clock = Clock::system();
/// let nap: Sleep = clock.sleep_until(clock.now() + Duration::from_millis(1));
/// assert_eq!(run(nap), Ok(()));
/// ```
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep(Timer);

enum Timer {
    System(timers::Timer),
    Manual(ManualTimer),
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Timer::System(timer) => Pin::new(timer).poll(cx),
            Timer::Manual(timer) => timer.poll(cx),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}

struct ManualTimer {
    clock: Arc<Mutex<Manual>>,
    when: Instant,
    key: Option<u64>,
}

impl ManualTimer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut manual = lock(&self.clock);
        if manual.now >= self.when {
            return Poll::Ready(());
        }
        let key = *self.key.get_or_insert_with(|| {
            manual.next_key += 1;
            manual.next_key
        });
        let before = manual.sleepers.insert((self.when, key), cx.waker().clone());
        drop(manual);
        drop(before); // dropping a waker may run foreign code, which may use this clock
        Poll::Pending
    }
}

impl Drop for ManualTimer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = lock(&self.clock).sleepers.remove(&(self.when, key));
            drop(waker);
        }
    }
}
