//! How fast starts may follow one another: the generic cell rate algorithm, as a bucket that leaks.

use std::time::{Duration, Instant};

/// Longer spans count as this, so that no sum of them overflows.
pub(super) const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// One start per interval, and so many ahead of that. The default lets all through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::ZERO, burst: 1 }
    }
}

impl Pace {
    /// The interval is rounded up: rounded down, starts would come a little faster than the rate.
    pub(super) fn with_rate(self, count: u32, per: Duration) -> Self {
        let nanos = per.min(CENTURY).as_nanos().div_ceil(u128::from(count.max(1)));
        Self { interval: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)), ..self }
    }

    pub(super) fn with_burst(self, burst: u32) -> Self {
        Self { burst: burst.max(1), ..self }
    }

    /// How much may be owed when the next one starts.
    fn tolerance(self) -> Duration {
        self.interval.saturating_mul(self.burst - 1)
    }
}

/// What the starts so far still owe: each adds an interval, and time pays it off.
#[derive(Debug)]
pub(super) struct Meter {
    debt: Duration,
    as_of: Instant,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { debt: Duration::ZERO, as_of: now }
    }

    pub(super) fn debt(&self, now: Instant) -> Duration {
        self.debt.saturating_sub(now.saturating_duration_since(self.as_of))
    }

    /// How long it is until the next start is due; zero if it may be now.
    pub(super) fn wait(&self, pace: Pace, now: Instant) -> Duration {
        self.debt(now).saturating_sub(pace.tolerance())
    }

    pub(super) fn count_start(&mut self, pace: Pace, now: Instant) {
        self.debt = self.debt(now).saturating_add(pace.interval);
        self.as_of = self.as_of.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_does_not_divide_is_kept_from_below() {
        let pace = Pace::default().with_rate(3, Duration::from_secs(1));
        assert_eq!(pace.interval, Duration::from_nanos(333_333_334));
    }

    #[test]
    fn the_largest_burst_of_the_longest_interval_does_not_overflow() {
        let pace = Pace::default().with_rate(1, Duration::MAX).with_burst(u32::MAX);
        let now = Instant::now();
        let mut meter = Meter { debt: pace.tolerance(), as_of: now };
        assert_eq!(meter.wait(pace, now), Duration::ZERO);
        meter.count_start(pace, now);
        assert_eq!(meter.wait(pace, now), CENTURY);
    }
}
