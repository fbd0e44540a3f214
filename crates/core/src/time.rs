//! The present and sleeping, by the clock of the current context.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::clock::{ManualClock, Sleep};
use crate::context::Context;

/// The present instant of the current clock (asyncio's `loop.time()`).
pub fn now() -> Instant {
    Context::current().clock().now()
}

/// Waits for `duration`, by the current clock. Dropping the future forgets the timer.
///
/// A duration too long for the clock to count is one that never ends.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{now, run, sleep};
///
/// let start = now();
/// run(async { sleep(Duration::from_millis(10)).await }).unwrap();
/// assert!(now() - start >= Duration::from_millis(10));
/// ```
pub async fn sleep(duration: Duration) {
    match now().checked_add(duration) {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// A future that is ready when the current clock reaches `when`.
pub fn sleep_until(when: Instant) -> Sleep {
    Context::current().clock().sleep_until(when)
}

impl ManualClock {
    /// Runs a future, and what it spawns, under this clock.
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        Context::current().with_clock(self.clock()).within(future)
    }
}
