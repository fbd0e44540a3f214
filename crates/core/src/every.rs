//! Periodic work at a fixed rate.

mod overlap;

use std::time::{Duration, Instant};

use crate::time::{let_others_run, now, sleep_until};
pub use overlap::Overlap;

/// What happens to ticks that came due while the work of an earlier one was still running.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Missed, every, now, sleep, test};
///
/// let due_after_a_delay = |missed| test(1, async move {
///     let start = now();
///     let mut ticks = every(Duration::from_secs(10)).missed(missed);
///     ticks.tick().await;
///     sleep(Duration::from_secs(25)).await;
///     [ticks.tick().await, ticks.tick().await].map(|tick| (tick.due - start).as_secs())
/// });
/// assert_eq!(due_after_a_delay(Missed::Skip), [20, 30]);
/// assert_eq!(due_after_a_delay(Missed::Burst), [10, 20]);
/// assert_eq!(due_after_a_delay(Missed::Delay), [10, 35]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are left out; the next tick is the next multiple of the period.
    #[default]
    Skip,
    /// They follow one another at once until the schedule is caught up with.
    Burst,
    /// The next tick comes a whole period after this late one; the schedule moves.
    Delay,
}

/// Ticks at a fixed rate: the n-th is due n periods after the first, so delays do not add up.
///
/// The first tick is due at once. A period of zero ticks without a pause, but lets others run in between.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{every, run};
///
/// let numbers = run(async {
///     let mut ticks = every(Duration::from_millis(5));
///     [ticks.tick().await.number, ticks.tick().await.number, ticks.tick().await.number]
/// });
/// assert_eq!(numbers.unwrap(), [0, 1, 2]);
/// ```
pub fn every(period: Duration) -> Every {
    Every {
        period,
        missed: Missed::default(),
        overlap: Overlap::default(),
        jitter: Duration::ZERO,
        drawn: None,
        first_after: Duration::ZERO,
        next: None,
        number: 0,
    }
}

/// The schedule made by [`every`].
///
/// ```
/// use std::time::Duration;
/// use gather_core::{Every, every, test};
///
/// struct Heart {
///     beat: Every,
/// }
/// let mut heart = Heart { beat: every(Duration::from_secs(1)) };
/// test(1, async {
///     let first = heart.beat.tick().await;
///     assert_eq!(heart.beat.tick().await.due - first.due, Duration::from_secs(1));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Every {
    period: Duration,
    missed: Missed,
    overlap: Overlap,
    jitter: Duration,
    /// How much later the next tick comes, once it was waited for.
    drawn: Option<Duration>,
    first_after: Duration,
    next: Option<Instant>,
    number: u64,
}

/// One tick.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{every, sleep, test};
///
/// let late = test(1, async {
///     let mut ticks = every(Duration::from_secs(10));
///     ticks.tick().await;
///     sleep(Duration::from_secs(25)).await;
///     ticks.tick().await
/// });
/// assert_eq!((late.number, late.missed), (1, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// Counts the ticks from 0.
    pub number: u64,
    /// When it was due.
    pub due: Instant,
    /// How many ticks were left out before this one ([`Missed::Skip`]).
    pub missed: u64,
}

impl Every {
    /// What happens to missed ticks; the default is [`Missed::Skip`].
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// What [`run`](Self::run) does while earlier work is still running; the default is [`Overlap::Wait`].
    pub fn overlap(mut self, overlap: Overlap) -> Self {
        self.overlap = overlap;
        self
    }

    /// Lets each tick come up to this much later, at random. The default is zero. The schedule itself does not drift.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{every, now, test};
    ///
    /// test(1, async {
    ///     let start = now();
    ///     let mut ticks = every(Duration::from_secs(60)).jitter(Duration::from_secs(9));
    ///     let tick = ticks.tick().await;
    ///     assert_eq!(tick.due, start);
    ///     assert!(now() - start <= Duration::from_secs(9));
    /// });
    /// ```
    pub fn jitter(mut self, jitter: Duration) -> Self {
        (self.jitter, self.drawn) = (jitter, None);
        self
    }

    /// Lets the first tick come so long after the first call of [`tick`](Self::tick). The default is zero: at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{every, now, test};
    ///
    /// test(1, async {
    ///     let start = now();
    ///     let mut ticks = every(Duration::from_secs(60)).first_after(Duration::from_secs(5));
    ///     assert_eq!(ticks.tick().await.due - start, Duration::from_secs(5));
    ///     assert_eq!(ticks.tick().await.due - start, Duration::from_secs(65));
    /// });
    /// ```
    pub fn first_after(mut self, delay: Duration) -> Self {
        self.first_after = delay;
        self
    }

    /// Waits for the next tick. Dropping the future loses none: the same tick is still due.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{every, test, timeout};
    ///
    /// test(1, async {
    ///     let mut ticks = every(Duration::from_secs(60));
    ///     assert_eq!(ticks.tick().await.number, 0);
    ///     assert!(timeout(Duration::from_secs(1), ticks.tick()).await.is_err());
    ///     assert_eq!(ticks.tick().await.number, 1);
    /// });
    /// ```
    pub async fn tick(&mut self) -> Tick {
        let due = *self.next.get_or_insert_with(|| later(now(), self.first_after));
        // Drawn once: a tick waited for again and again would come by the smallest of many draws.
        let jitter = self.jitter;
        let when = later(due, *self.drawn.get_or_insert_with(|| random_up_to(jitter)));
        if when > now() {
            sleep_until(when).await;
        } else {
            let_others_run().await; // a schedule that is behind must not keep the thread to itself
        }
        self.advance(due, now())
    }

    fn advance(&mut self, due: Instant, now: Instant) -> Tick {
        let (due, missed) = match self.missed {
            Missed::Skip => self.skip(due, now),
            Missed::Burst | Missed::Delay => (due, 0),
        };
        let from = if self.missed == Missed::Delay { due.max(now) } else { due };
        (self.next, self.drawn) = (Some(later(from, self.period)), None);
        let tick = Tick { number: self.number, due, missed };
        self.number += 1;
        tick
    }

    /// The latest tick that is due, and how many lie between it and the one that was waited for.
    fn skip(&self, due: Instant, now: Instant) -> (Instant, u64) {
        if self.period.is_zero() {
            return (due.max(now), 0);
        }
        let (late, period) = (now.saturating_duration_since(due).as_nanos(), self.period.as_nanos());
        let missed = u64::try_from(late / period).unwrap_or(u64::MAX);
        let since_due = Duration::from_nanos(u64::try_from(late % period).unwrap_or(u64::MAX));
        (now.max(due).checked_sub(since_due).unwrap_or(now), missed)
    }
}

/// An instant too late to count is taken as a century from now.
fn later(from: Instant, by: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    from.checked_add(by).unwrap_or_else(|| from + CENTURY)
}

fn random_up_to(limit: Duration) -> Duration {
    Duration::try_from_secs_f64(limit.as_secs_f64() * fastrand::f64()).unwrap_or(limit)
}
