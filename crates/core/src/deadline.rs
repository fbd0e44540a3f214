//! Time limits: relative ([`timeout`]) and absolute ([`Deadline`]), inherited by what is spawned under them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::clock::Sleep;
use crate::context::{Context, Within};
use crate::outcome::TimedOut;
use crate::time;

/// Bounds a future to `limit`, by the current clock (asyncio's `timeout` and `wait_for`).
///
/// The limit counts from the first poll. When it runs out the future is dropped and [`TimedOut`] returned. What it polls, and what it spawns,
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
pub fn timeout<F: Future>(
    limit: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
    Bounded::new(Limit::After(limit), future)
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
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
        Bounded::new(Limit::At(self), future)
    }
}

#[derive(Clone, Copy)]
enum Limit {
    At(Deadline),
    /// From the first poll on.
    After(Duration),
}

impl Limit {
    fn deadline(self) -> Deadline {
        match self {
            Limit::At(deadline) => deadline,
            Limit::After(limit) => Deadline::after(limit),
        }
    }

    fn ran_out(self) -> TimedOut {
        match self {
            Limit::At(_) => TimedOut::at_deadline(),
            Limit::After(limit) => TimedOut::after(limit),
        }
    }
}

pin_project! {
    struct Bounded<F> {
        limit: Limit,
        alarm: Alarm,
        #[pin]
        work: Within<F>,
    }
}

enum Alarm {
    NotSet,
    Never,
    Set(Sleep),
}

impl<F: Future> Bounded<F> {
    fn new(limit: Limit, future: F) -> Self {
        Self { limit, alarm: Alarm::NotSet, work: Within::anywhere(future) }
    }

    fn set(self: Pin<&mut Self>) {
        let this = self.project();
        *this.alarm = match this.limit.deadline().when() {
            None => Alarm::Never,
            Some(when) => {
                let context = Context::current();
                this.work.move_to(context.with_deadline(when));
                Alarm::Set(context.clock().sleep_until(when))
            }
        };
    }
}

impl<F: Future> Future for Bounded<F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        if let Alarm::NotSet = self.alarm {
            self.as_mut().set();
        }
        let mut this = self.project();
        if let Poll::Ready(output) = this.work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match this.alarm {
            Alarm::Set(alarm) => ready!(Pin::new(alarm).poll(cx)),
            Alarm::Never | Alarm::NotSet => return Poll::Pending,
        }
        this.work.end();
        Poll::Ready(Err(this.limit.ran_out()))
    }
}
