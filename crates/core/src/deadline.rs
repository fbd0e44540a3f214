//! Time limits: relative ([`timeout`]) and absolute ([`Deadline`]), inherited by what is spawned under them.

use std::future::Future;
use std::time::{Duration, Instant};

use futures::future::{Either, select};

use crate::context::Context;
use crate::outcome::TimedOut;
use crate::time;

/// Bounds a future to `limit`, by the current clock (asyncio's `timeout` and `wait_for`).
///
/// When the limit runs out the future is dropped and [`TimedOut`] returned. What it polls, and what it spawns,
/// sees the limit as [`Deadline::current`]. If the future is ready at the very same poll, its output wins.
///
/// ```
/// use std::time::Duration;
/// use gather_core::{run, sleep, timeout};
///
/// run(async {
///     let late = timeout(Duration::from_millis(10), sleep(Duration::from_secs(60))).await;
///     assert_eq!(late.unwrap_err().limit(), Some(Duration::from_millis(10)));
///     assert_eq!(timeout(Duration::from_secs(60), async { 7 }).await, Ok(7));
/// })
/// .unwrap();
/// ```
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, TimedOut> {
    Deadline::after(limit).run(future).await.map_err(|_| TimedOut::after(limit))
}

/// An absolute time limit. Nested ones: the earlier holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No limit.
    pub const fn never() -> Self {
        Deadline(None)
    }

    /// At this instant.
    pub const fn at(when: Instant) -> Self {
        Deadline(Some(when))
    }

    /// So long from now, by the current clock. Too long to count is [`never`](Self::never).
    pub fn after(limit: Duration) -> Self {
        Deadline(time::now().checked_add(limit))
    }

    /// The deadline that the calling code runs under.
    pub fn current() -> Self {
        Deadline(Context::current().deadline())
    }

    /// The instant, unless there is no limit.
    pub fn when(&self) -> Option<Instant> {
        self.0
    }

    /// The earlier of two.
    pub fn or_earlier(self, other: Deadline) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Deadline(Some(one.min(two))),
            (one, two) => Deadline(one.or(two)),
        }
    }

    /// The time left by the current clock (zero once it has passed), or `None` without a limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.map(|when| when.saturating_duration_since(time::now()))
    }

    /// Whether it has passed.
    pub fn has_passed(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Runs a future, and what it spawns, under this deadline; when it passes the future is dropped.
    pub async fn run<F: Future>(self, future: F) -> Result<F::Output, TimedOut> {
        let Some(when) = self.0 else { return Ok(future.await) };
        let context = Context::current();
        let alarm = context.clock().sleep_until(when);
        let work = std::pin::pin!(context.with_deadline(when).within(future));
        match select(work, alarm).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(TimedOut::at_deadline()),
        }
    }
}
