//! The present and sleeping, by the clock of the current context.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::clock::{ManualClock, Sleep};
use crate::context::Context;

/// The present instant of the current clock (asyncio's `loop.time()`).
///
/// ```
/// use std::time::Duration;
/// use gather_core::{now, sleep, test};
///
/// test(1, async {
///     let start = now();
///     sleep(Duration::from_secs(60)).await;
///     assert_eq!(now() - start, Duration::from_secs(60));
/// });
/// ```
pub fn now() -> Instant {
    Context::current().clock().now()
}

/// Waits for `duration`, by the current clock. Dropping the future forgets the timer.
///
/// A duration of zero lets others run first (asyncio's `sleep(0)`); one too long for the clock to count never ends.
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
        _ if duration.is_zero() => let_others_run().await,
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// A future that is ready when the current clock reaches `when`.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{now, sleep_until, test};
///
/// test(1, async {
///     let noon = now() + Duration::from_secs(3600);
///     sleep_until(noon).await;
///     assert_eq!(now(), noon);
/// });
/// ```
pub fn sleep_until(when: Instant) -> Sleep {
    Context::current().clock().sleep_until(when)
}

impl ManualClock {
    /// Runs a future, and what it spawns, under this clock.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Clock, now, run, spawn};
    ///
    /// let hands = Clock::manual();
    /// let later = hands.clock().now() + Duration::from_secs(3600);
    /// hands.advance(Duration::from_secs(3600));
    /// assert_eq!(run(hands.within(async { spawn(async { now() }).await.unwrap() })).unwrap(), later);
    /// ```
    pub fn within<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let clock = self.clock();
        Context::changed(move |outer| outer.with_clock(clock), future)
    }
}

/// Is ready at the second poll, and asks for it at once.
pub(crate) async fn let_others_run() {
    let mut asked = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
