//! The timers of the process, on one timer of the reactor.
//!
//! Whoever gives the reactor a timer wakes the thread that waits there: a system call and a switch of threads, for each time
//! limit of each request, though nearly all are dropped long before they are due. Here the reactor learns of a timer only if
//! it is due before all others.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

static TIMERS: LazyLock<Timers> = LazyLock::new(Timers::default);

/// What the reactor calls when the alarm is due.
static BELL: LazyLock<Waker> = LazyLock::new(|| Arc::new(Bell(&TIMERS)).into());

/// A future that is ready at an instant of the system's clock. Dropped, it is forgotten.
pub(crate) struct Timer {
    when: Instant,
    /// Its number, once it waits.
    number: Option<u64>,
}

impl Timer {
    pub(crate) fn at(when: Instant) -> Self {
        Self { when, number: None }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.when {
            return Poll::Ready(());
        }
        TIMERS.wait(&mut self, cx.waker());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let forgotten = TIMERS.lock().waiting.remove(&(self.when, number));
            drop(forgotten); // after the lock was let go: dropping a waker may run foreign code
        }
    }
}

#[derive(Default)]
struct Timers(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: BTreeMap<(Instant, u64), Waker>,
    last_number: u64,
    alarm: Option<Alarm>,
}

/// The reactor's timer. That of a timer that was dropped stays: it rings once for nobody, and those that come meanwhile need none.
struct Alarm {
    at: Instant,
    _timer: async_io::Timer,
}

impl Timers {
    /// Wakes this waker, in place of the one before, when the timer is due.
    fn wait(&self, timer: &mut Timer, waker: &Waker) {
        let mut state = self.lock();
        let number = *timer.number.get_or_insert_with(|| {
            state.last_number += 1;
            state.last_number
        });
        let before = state.waiting.insert((timer.when, number), waker.clone());
        let due = if state.rings_by(timer.when) { Vec::new() } else { state.settle() };
        drop(state);
        drop(before);
        wake(due);
    }

    fn ring(&self) {
        let due = self.lock().settle();
        wake(due);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rings_by(&self, when: Instant) -> bool {
        self.alarm.as_ref().is_some_and(|alarm| alarm.at <= when)
    }

    /// Takes out those that are due, and sets the alarm for the others.
    fn settle(&mut self) -> Vec<Waker> {
        let mut due = Vec::new();
        loop {
            let now = Instant::now();
            self.alarm.take_if(|alarm| alarm.at <= now);
            let later = self.waiting.split_off(&(now, u64::MAX));
            due.extend(std::mem::replace(&mut self.waiting, later).into_values());
            let Some(next) = self.waiting.first_key_value().map(|((when, _), _)| *when) else { return due };
            if self.rings_by(next) || self.set_alarm(next) {
                return due;
            }
        }
    }

    /// Sets the alarm; `false` if it is time already.
    fn set_alarm(&mut self, at: Instant) -> bool {
        #[allow(clippy::disallowed_methods, reason = "this is what the clock sleeps by")]
        let mut timer = async_io::Timer::at(at);
        let is_set = Pin::new(&mut timer).poll(&mut Context::from_waker(&BELL)).is_pending();
        if is_set {
            self.alarm = Some(Alarm { at, _timer: timer });
        }
        is_set
    }
}

/// A waker that panics must not keep the others asleep.
fn wake(due: Vec<Waker>) {
    for waker in due {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

struct Bell(&'static Timers);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::future::join_all;
    use futures::task::noop_waker_ref;

    use super::*;

    fn after(ms: u64) -> Timer {
        Timer::at(Instant::now() + Duration::from_millis(ms))
    }

    fn poll(timer: &mut Timer, waker: &Waker) -> Poll<()> {
        Pin::new(timer).poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn timers_are_ready_in_the_order_in_which_they_are_due_and_never_before() {
        let order = Mutex::new(Vec::new());
        let start = Instant::now();
        let timers = [40, 10, 30, 20, 10].map(|ms| {
            let (order, timer) = (&order, after(ms));
            async move {
                timer.await;
                assert!(start.elapsed() >= Duration::from_millis(ms));
                order.lock().unwrap().push(ms);
            }
        });
        async_io::block_on(join_all(timers));
        assert_eq!(*order.lock().unwrap(), [10, 10, 20, 30, 40]);
    }

    #[test]
    fn one_that_is_due_before_the_alarm_moves_it_and_a_dropped_one_holds_up_nobody() {
        let mut far = after(3_600_000);
        assert!(poll(&mut far, noop_waker_ref()).is_pending());
        let mut near = after(5);
        assert!(poll(&mut near, noop_waker_ref()).is_pending());
        drop(near);
        async_io::block_on(after(20));
        let number = far.number.unwrap();
        assert!(TIMERS.lock().waiting.contains_key(&(far.when, number)), "it waits on");
        let when = far.when;
        drop(far);
        assert!(!TIMERS.lock().waiting.contains_key(&(when, number)), "and is forgotten with its future");
    }

    #[test]
    fn the_last_waker_is_the_one_that_is_woken_and_a_panic_in_one_keeps_no_other_asleep() {
        struct Counts(AtomicUsize);
        impl Wake for Counts {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a foreign waker");
            }
        }
        let (first, last) = (Arc::new(Counts(0.into())), Arc::new(Counts(0.into())));
        let mut bad = after(10);
        assert!(poll(&mut bad, &Arc::new(Panics).into()).is_pending());
        let mut timer = after(10);
        assert!(poll(&mut timer, &first.clone().into()).is_pending());
        assert!(poll(&mut timer, &last.clone().into()).is_pending());
        async_io::block_on(after(30));
        assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
        assert!(poll(&mut timer, noop_waker_ref()).is_ready());
    }
}
