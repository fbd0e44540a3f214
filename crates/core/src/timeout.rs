//! Bounding futures in time, by the clock of the current context.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::clock::Sleep;
use crate::context::{Context, Within};
use crate::deadline::Deadline;
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
#[track_caller]
pub fn timeout<F: Future>(
    limit: Duration,
    future: F,
) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
    Bounded::new(Limit::After(limit, Location::caller()), future)
}

impl Deadline {
    /// So long from now, by the current clock. Too long to count is [`never`](Self::never).
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::Deadline;
    ///
    /// let minute = Deadline::after(Duration::from_secs(60));
    /// assert!(minute.remaining().unwrap() > Duration::from_secs(50));
    /// assert_eq!(Deadline::after(Duration::MAX), Deadline::never());
    /// ```
    #[track_caller]
    pub fn after(limit: Duration) -> Self {
        Self::from_now(limit, Location::caller())
    }

    pub(crate) fn from_now(limit: Duration, made_at: &'static Location<'static>) -> Self {
        Self::new(time::now().checked_add(limit), Some(limit), made_at)
    }

    /// The deadline that the calling code runs under.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Deadline, run, spawn, timeout};
    ///
    /// let left = run(timeout(Duration::from_secs(60), async {
    ///     spawn(async { Deadline::current().remaining() }).await.unwrap()
    /// }));
    /// assert!(left.unwrap().unwrap().unwrap() <= Duration::from_secs(60));
    /// assert_eq!(Deadline::current(), Deadline::never());
    /// ```
    pub fn current() -> Self {
        Context::with_current(Context::deadline)
    }

    /// The time left by the current clock (zero once it has passed), or `None` without a limit.
    pub fn remaining(&self) -> Option<Duration> {
        self.when().map(|when| when.saturating_duration_since(time::now()))
    }

    /// Whether it has passed, by the current clock.
    pub fn has_passed(&self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Runs a future, and what it spawns, under this deadline; when it passes the future is dropped.
    ///
    /// # Errors
    /// [`TimedOut`], which names the scope.
    ///
    /// ```
    /// use std::time::Duration;
    /// use gather_core::{Deadline, run, sleep};
    ///
    /// let late = run(async {
    ///     let deadline = Deadline::after(Duration::from_millis(5));
    ///     assert_eq!(deadline.run(async { 7 }).await, Ok(7));
    ///     deadline.run(sleep(Duration::from_secs(60))).await
    /// });
    /// assert_eq!(late.unwrap().unwrap_err().limit(), Some(Duration::from_millis(5)));
    /// ```
    pub fn run<F: Future>(self, future: F) -> impl Future<Output = Result<F::Output, TimedOut>> + use<F> {
        Bounded::new(Limit::At(self), future)
    }
}

#[derive(Clone, Copy)]
enum Limit {
    At(Deadline),
    /// From the first poll on.
    After(Duration, &'static Location<'static>),
}

pin_project! {
    struct Bounded<F> {
        limit: Limit,
        alarm: Option<Sleep>,
        #[pin]
        work: Within<F>,
    }
}

impl<F: Future> Bounded<F> {
    fn new(limit: Limit, future: F) -> Self {
        Self { limit, alarm: None, work: Within::anywhere(future) }
    }

    /// Sets the alarm at the first poll; from then on the limit is a deadline.
    fn set(self: Pin<&mut Self>) -> Deadline {
        let this = self.project();
        let (deadline, is_first) = match *this.limit {
            Limit::At(deadline) => (deadline, this.alarm.is_none()),
            Limit::After(limit, made_at) => (Deadline::from_now(limit, made_at), true),
        };
        *this.limit = Limit::At(deadline);
        if let (true, Some(when)) = (is_first, deadline.when()) {
            let context = Context::current();
            *this.alarm = Some(context.clock().sleep_until(when));
            this.work.move_to(context.with_deadline(deadline));
        }
        deadline
    }
}

impl<F: Future> Future for Bounded<F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let deadline = self.as_mut().set();
        let mut this = self.project();
        if let Poll::Ready(output) = this.work.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match this.alarm {
            Some(alarm) => ready!(Pin::new(alarm).poll(cx)),
            None => return Poll::Pending,
        }
        this.work.end();
        Poll::Ready(Err(deadline.ran_out()))
    }
}
