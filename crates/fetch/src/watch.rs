//! The time limits of one request, on one timer.
//!
//! A timer costs more than a page on a fast connection, so there is one per request, set when something first has to be
//! waited for. It stands at the earliest limit known then; when it rings too early, because a later phase has begun,
//! it is set again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use gather_core::{Deadline, Sleep, now, sleep_until};

use crate::bounds::Timeouts;
use crate::error::{Failure, Phase};

pub(crate) struct Watch {
    pub(crate) started: Instant,
    limits: Timeouts,
    total: Option<Instant>,
    timer: Option<(Instant, Sleep)>,
}

impl Watch {
    /// Starts the total.
    pub(crate) fn start(limits: Timeouts) -> Self {
        let started = now();
        Self { started, limits, total: end(started, limits.total), timer: None }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.started)
    }

    pub(crate) fn first_byte(&self) -> Option<Duration> {
        self.limits.first_byte
    }

    /// Whether a wait that begins now would end before the total does, and before the caller's own deadline.
    pub(crate) fn leaves_time_for(&self, wait: Duration) -> bool {
        let end = Deadline::current().or_earlier(self.total.map_or(Deadline::never(), Deadline::at));
        end.when().is_none_or(|end| now().checked_add(wait).is_some_and(|then| then < end))
    }

    /// Runs a piece of work that counts towards the total only.
    pub(crate) async fn in_total<F: Future>(&mut self, work: F) -> Result<F::Output, Failure> {
        self.within(Phase::Total, None, work).await
    }

    /// Runs a piece of work of the idle phase.
    pub(crate) async fn in_idle<F: Future>(&mut self, work: F) -> Result<F::Output, Failure> {
        self.within(Phase::Idle, self.limits.idle, work).await
    }

    async fn within<F: Future>(
        &mut self,
        phase: Phase,
        limit: Option<Duration>,
        work: F,
    ) -> Result<F::Output, Failure> {
        let mut work = pin!(work);
        let mut until = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            // The phase begins with the first wait: what is ready at once never looks at the clock.
            let until = *until.get_or_insert_with(|| end(now(), limit));
            self.poll_late(cx, phase, until).map(Err)
        })
        .await
    }

    /// The idle limit, for a body that is polled: `since` is when the last piece came.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>, since: Instant) -> Poll<Failure> {
        self.poll_late(cx, Phase::Idle, end(since, self.limits.idle))
    }

    /// Ready once `until`, or the total, has passed: with the failure that this is.
    pub(crate) fn poll_late(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        until: Option<Instant>,
    ) -> Poll<Failure> {
        let Some(next) = [until, self.total].into_iter().flatten().min() else { return Poll::Pending };
        loop {
            if self.timer.as_ref().is_none_or(|(at, _)| *at > next) {
                self.timer = Some((next, sleep_until(next)));
            }
            if let Some((_, timer)) = &mut self.timer {
                ready!(Pin::new(timer).poll(cx));
            }
            self.timer = None;
            if now() >= next {
                return Poll::Ready(self.late(phase, next));
            }
        }
    }

    fn late(&self, phase: Phase, at: Instant) -> Failure {
        if self.total.is_some_and(|total| total <= at) {
            return Failure::timeout(Phase::Total, self.limits.total);
        }
        let limit = match phase {
            Phase::FirstByte => self.limits.first_byte,
            Phase::Idle => self.limits.idle,
            Phase::Dns | Phase::Connect | Phase::Tls => self.limits.connect,
            Phase::Total => self.limits.total,
        };
        Failure::timeout(phase, limit)
    }
}

/// A limit too long for the clock is none.
fn end(start: Instant, limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| start.checked_add(limit))
}
